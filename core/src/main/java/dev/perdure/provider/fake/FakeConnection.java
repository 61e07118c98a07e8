package dev.perdure.provider.fake;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.net.Socket;
import org.jspecify.annotations.Nullable;

/**
 * One client. A thread of its own reads on while an answer is written, so that a client that leaves
 * is noticed at once, also in silence.
 */
final class FakeConnection {
  private final FakeProviderServer server;
  private final Socket socket;

  FakeConnection(FakeProviderServer server, Socket socket) {
    this.server = server;
    this.socket = socket;
  }

  void run() {
    FakeCall call = null;
    Thread answering = null;
    try (socket) {
      socket.setTcpNoDelay(true);
      BufferedInputStream in = new BufferedInputStream(socket.getInputStream());
      while (true) {
        FakeRequest request = FakeRequest.read(in);
        if (request == null) {
          break;
        }
        if (answering != null) {
          answering.join();
        }
        call = new FakeCall(server, this, request);
        answering = Thread.ofVirtual().name("fake-call").start(call::answer);
      }
    } catch (IOException | NumberFormatException e) {
      // The client has gone, or speaks no HTTP.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      abandon(call);
      server.gone(this);
    }
  }

  private static void abandon(@Nullable FakeCall call) {
    if (call != null) {
      call.abandoned();
    }
  }

  void write(byte[] bytes, int from, int to) throws IOException {
    socket.getOutputStream().write(bytes, from, to - from);
  }

  /** Ends it in order: what was written arrives. */
  void close() {
    try {
      socket.close();
    } catch (IOException e) {
      // Gone.
    }
  }

  /** Ends it with a reset. */
  void reset() {
    try {
      socket.setSoLinger(true, 0);
    } catch (IOException e) {
      // Gone.
    }
    close();
  }
}

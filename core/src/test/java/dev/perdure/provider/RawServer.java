package dev.perdure.provider;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/** A server that answers every request by what a test wrote, right or wrong. */
public final class RawServer implements AutoCloseable {
  /** Writes an answer; the connection is closed when it returns. */
  @FunctionalInterface
  public interface Answer {
    void write(OutputStream out, int request) throws IOException;
  }

  private final ServerSocket server;
  private final Answer answer;
  private final boolean keepOpen;
  private final List<Socket> sockets = new CopyOnWriteArrayList<>();
  private final List<String> requests = new CopyOnWriteArrayList<>();

  private RawServer(ServerSocket server, boolean keepOpen, Answer answer) {
    this.server = server;
    this.keepOpen = keepOpen;
    this.answer = answer;
    Thread.ofVirtual().start(this::accept);
  }

  public static RawServer answering(Answer answer) throws IOException {
    return on(new ServerSocket(0, 50, InetAddress.getLoopbackAddress()), answer);
  }

  public static RawServer on(ServerSocket socket, Answer answer) {
    return new RawServer(socket, false, answer);
  }

  /** One that goes on reading after its answers. */
  public static RawServer keepingAlive(Answer answer) throws IOException {
    return new RawServer(new ServerSocket(0, 50, InetAddress.getLoopbackAddress()), true, answer);
  }

  /** The same on a socket of the caller's, such as one with TLS. */
  public static RawServer keepingAliveOn(ServerSocket socket, Answer answer) {
    return new RawServer(socket, true, answer);
  }

  /** A server that sends these bytes. */
  public static RawServer sending(String text) throws IOException {
    return answering((out, n) -> out.write(text.getBytes(StandardCharsets.UTF_8)));
  }

  /** A server that streams these events and ends cleanly. */
  public static RawServer streaming(String events) throws IOException {
    return sending("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + events);
  }

  public URI uri() {
    return URI.create("http://127.0.0.1:" + port());
  }

  public int port() {
    return server.getLocalPort();
  }

  /** The requests so far, head and body. */
  public List<String> requests() {
    return requests;
  }

  public int connections() {
    return sockets.size();
  }

  private void accept() {
    while (!server.isClosed()) {
      try {
        Socket socket = server.accept();
        sockets.add(socket);
        Thread.ofVirtual().start(() -> serve(socket));
      } catch (IOException e) {
        return;
      }
    }
  }

  private void serve(Socket socket) {
    try (socket) {
      InputStream in = socket.getInputStream();
      do {
        StringBuilder request = new StringBuilder();
        while (request.indexOf("\r\n\r\n") < 0) {
          int b = in.read();
          if (b < 0) {
            return;
          }
          request.append((char) b);
        }
        int at = request.indexOf("Content-Length: ");
        if (at >= 0) {
          int length = Integer.parseInt(request.substring(at + 16, request.indexOf("\r\n", at)));
          request.append(new String(in.readNBytes(length), StandardCharsets.UTF_8));
        }
        requests.add(request.toString());
        answer.write(socket.getOutputStream(), requests.size());
        socket.getOutputStream().flush();
      } while (keepOpen);
    } catch (IOException e) {
      // The client under test has had enough.
    }
  }

  @Override
  public void close() throws IOException {
    server.close();
    for (Socket socket : sockets) {
      socket.close();
    }
  }
}

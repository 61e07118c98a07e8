package dev.perdure.it;

import dev.perdure.testing.Ports;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What stands between a client and a server, with the habits that make streams go wrong. Passes
 * bytes, and knows of HTTP no more than where a stream begins and ends. Thread-safe.
 */
final class Gateway implements AutoCloseable {
  private static final byte[] ENDING =
      "\"type\":\"turn.ended\"".getBytes(StandardCharsets.US_ASCII);

  /** The last chunk of an answer. */
  private static final String END_OF_ANSWER = "\r\n0\r\n\r\n";

  /**
   * @param bufferBytes how much of an answer is held back until there is more; it is lost when the
   *     connection is cut
   * @param idle the silence of the server after which a connection is cut
   * @param connections how many there may be at once; further ones wait
   * @param endings how many ends of turns are dropped, with the rest of their connections
   */
  record Habits(int bufferBytes, Duration idle, int connections, int endings) {
    static final Habits GOOD = new Habits(0, Duration.ofMinutes(5), 1_000, 0);

    /** Holds 4 KB back and cuts what is idle. */
    static Habits buffering(Duration idle) {
      return new Habits(4_096, idle, 1_000, 0);
    }
  }

  private final URI server;
  private final Habits habits;
  private final Semaphore free;
  private final AtomicInteger endingsLeft;
  private final AtomicInteger opened = new AtomicInteger();
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private ServerSocket listening;

  Gateway(String server, Habits habits) {
    this.server = URI.create(server);
    this.habits = habits;
    this.free = new Semaphore(habits.connections);
    this.endingsLeft = new AtomicInteger(habits.endings);
    this.listening = listen(Ports.free());
  }

  private ServerSocket listen(int port) {
    try {
      ServerSocket socket = new ServerSocket();
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      Thread.ofVirtual().name("gateway").start(() -> accept(socket));
      return socket;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  synchronized String url() {
    return "http://127.0.0.1:" + listening.getLocalPort();
  }

  /** Connections that clients have opened so far. */
  int opened() {
    return opened.get();
  }

  /** Ends of turns that were dropped so far. */
  int dropped() {
    return habits.endings - endingsLeft.get();
  }

  /** Is gone, with every connection. */
  synchronized void die() {
    close(listening);
    sockets.forEach(Gateway::close);
  }

  /** Is there again, at the same address. */
  synchronized void rise() {
    listening = listen(listening.getLocalPort());
  }

  @Override
  public void close() {
    die();
  }

  private void accept(ServerSocket from) {
    try {
      while (true) {
        Socket client = from.accept();
        opened.incrementAndGet();
        Thread.ofVirtual().name("gateway-connection").start(() -> serve(client));
      }
    } catch (IOException e) {
      // The listening socket was closed.
    }
  }

  private void serve(Socket client) {
    free.acquireUninterruptibly();
    try (client;
        Socket upstream = new Socket(server.getHost(), server.getPort())) {
      sockets.add(client);
      sockets.add(upstream);
      upstream.setSoTimeout(Math.toIntExact(habits.idle.toMillis()));
      Thread.ofVirtual().name("gateway-requests").start(() -> requests(client, upstream));
      answers(upstream.getInputStream(), client.getOutputStream());
    } catch (IOException e) {
      // Cut: by the server, by the client, or by idleness. Closing both is all there is to do.
    } finally {
      sockets.remove(client);
      free.release();
    }
  }

  private static void requests(Socket client, Socket upstream) {
    try {
      client.getInputStream().transferTo(upstream.getOutputStream());
    } catch (IOException e) {
      // The other direction notices as well.
    } finally {
      close(upstream);
    }
  }

  /** Passes answers on, as lazily as its habits want; an exception cuts the connection. */
  private void answers(InputStream from, OutputStream to) throws IOException {
    ByteArrayOutputStream held = new ByteArrayOutputStream();
    byte[] bytes = new byte[64 * 1024];
    for (int read; (read = from.read(bytes)) >= 0; ) {
      if (contains(bytes, read) && endingsLeft.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
        throw new IOException("dropped an ending");
      }
      held.write(bytes, 0, read);
      if (held.size() >= habits.bufferBytes || !streams(held)) {
        held.writeTo(to);
        to.flush();
        held.reset();
      }
    }
    held.writeTo(to);
    to.flush();
  }

  /** Whether this is a part of an event stream, and not its end or a whole answer. */
  private static boolean streams(ByteArrayOutputStream held) {
    String text = held.toString(StandardCharsets.US_ASCII);
    boolean stream = !text.startsWith("HTTP/1.1") || text.contains("text/event-stream");
    return stream && !text.endsWith(END_OF_ANSWER);
  }

  private static boolean contains(byte[] bytes, int length) {
    for (int at = 0; at + ENDING.length <= length; at++) {
      int i = 0;
      while (i < ENDING.length && bytes[at + i] == ENDING[i]) {
        i++;
      }
      if (i == ENDING.length) {
        return true;
      }
    }
    return false;
  }

  private static void close(AutoCloseable socket) {
    try {
      socket.close();
    } catch (Exception e) {
      // It is closed.
    }
  }
}

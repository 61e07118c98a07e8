package dev.perdure.server.http;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.server.auth.Authenticator;
import io.helidon.http.http2.Http2Util;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Clients that take their time, or send what serves no purpose. */
class GuardedConnectionsTest {
  private static final int DRIP_MILLIS = 50;
  private static final int AT_ONCE = 20;
  private static final Duration SOON = Duration.ofMillis(500);

  /** The limit that a test is not about: no machine is so slow. */
  private static final Duration NEVER = Duration.ofMinutes(10);

  private static final String GET = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

  @TempDir private Path data;

  /** How long a head may take to arrive, and how long a connection may be without a request. */
  private Door open(Duration head, Duration idle) {
    HttpLimits d = HttpLimits.DEFAULT;
    HttpLimits.Socket s = d.socket();
    return new Door(
        data,
        new HttpLimits(
            d.body(),
            d.page(),
            d.stream(),
            new HttpLimits.Socket(
                s.connections(),
                AT_ONCE,
                s.sendBufferBytes(),
                s.writeTimeout(),
                head,
                idle,
                s.headerBytes(),
                s.targetBytes())),
        Authenticator.local(),
        null,
        List.of());
  }

  private static Socket connect(Door door) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), door.http.port());
    socket.setSoTimeout((int) Door.PATIENCE.toMillis());
    socket.setTcpNoDelay(true);
    return socket;
  }

  /** Reads until the server ends the connection. */
  private static String untilEnd(Socket socket) throws IOException {
    StringBuilder out = new StringBuilder();
    InputStream in = socket.getInputStream();
    try {
      for (int b = in.read(); b >= 0; b = in.read()) {
        out.append((char) b);
      }
    } catch (SocketException e) {
      // Closed with something of ours unread.
    }
    return out.toString();
  }

  /** Sends the bytes again and again, slowly, until the server has had enough. */
  private static void drip(Socket socket, byte[] bytes) throws Exception {
    long deadline = System.nanoTime() + Door.PATIENCE.toNanos();
    OutputStream out = socket.getOutputStream();
    try {
      while (System.nanoTime() < deadline) {
        out.write(bytes);
        Thread.sleep(DRIP_MILLIS);
      }
    } catch (SocketException e) {
      return;
    }
    throw new AssertionError("The server listens to a drip for ever");
  }

  private static byte[] ascii(String text) {
    return text.getBytes(US_ASCII);
  }

  @Test
  void a_connection_that_sends_nothing_is_closed() throws Exception {
    try (Door door = open(SOON, NEVER)) {
      try (Socket socket = connect(door)) {
        assertThat(untilEnd(socket)).isEmpty();
      }
    }
  }

  @Test
  void a_connection_without_a_further_request_is_closed() throws Exception {
    try (Door door = open(NEVER, SOON)) {
      try (Socket socket = connect(door)) {
        socket.getOutputStream().write(ascii(GET));
        assertThat(untilEnd(socket)).startsWith("HTTP/1.1 200").endsWith("}");
      }
    }
  }

  @Test
  void a_request_line_that_drips_is_cut_off() throws Exception {
    try (Door door = open(SOON, NEVER)) {
      try (Socket socket = connect(door)) {
        socket.getOutputStream().write(ascii("GET /"));
        drip(socket, ascii("x"));
      }
    }
  }

  @Test
  void headers_that_drip_are_cut_off_on_the_second_request_too() throws Exception {
    try (Door door = open(SOON, NEVER)) {
      try (Socket socket = connect(door)) {
        socket.getOutputStream().write(ascii(GET + "GET /livez HTTP/1.1\r\nHost: localhost\r\n"));
        drip(socket, ascii("x: y\r\n"));
      }
    }
  }

  @Test
  void a_handler_may_take_longer_than_a_head() throws Exception {
    // Time enough for a head to arrive on a slow machine; the handler takes longer still.
    Duration head = Duration.ofSeconds(2);
    try (Door door = open(head, NEVER)) {
      String turn = door.turn(door.session(), "hi");
      HandProvider.Call call = door.provider.call();
      try (EventReader reader = door.events("/v1/turns/" + turn + "/events")) {
        for (int i = 0; i < 4; i++) {
          Thread.sleep(head.toMillis() / 3);
          call.say("word " + i);
          reader.until("word " + i);
        }
        call.finish();
        assertThat(reader.rest().getLast().data()).contains("turn.ended");
      }
    }
  }

  private static byte[] frame(int type, int flags, int stream, int length) {
    byte[] frame = new byte[9 + length];
    frame[2] = (byte) length;
    frame[3] = (byte) type;
    frame[4] = (byte) flags;
    frame[8] = (byte) stream;
    return frame;
  }

  private static Socket http2(Door door) throws IOException {
    Socket socket = connect(door);
    socket.getOutputStream().write(Http2Util.prefaceData().readBytes());
    socket.getOutputStream().write(frame(4, 0, 0, 0));
    return socket;
  }

  @Test
  void a_preface_or_a_frame_that_drips_is_cut_off() throws Exception {
    try (Door door = open(SOON, SOON)) {
      try (Socket socket = connect(door)) {
        socket.getOutputStream().write(ascii("PRI * HTTP"));
        untilEnd(socket);
      }
      try (Socket socket = http2(door)) {
        socket.getOutputStream().write(new byte[] {0, 100, 0, 0, 0, 0, 0, 0, 1});
        drip(socket, new byte[1]);
      }
    }
  }

  @Test
  void headers_that_never_end_are_cut_off() throws Exception {
    try (Door door = open(SOON, SOON)) {
      try (Socket socket = http2(door)) {
        socket.getOutputStream().write(frame(1, 0, 1, 1));
        drip(socket, frame(9, 0, 1, 0));
      }
    }
  }

  @Test
  void a_flood_of_pings_is_cut_off() throws Exception {
    try (Door door = open(NEVER, NEVER)) {
      try (Socket socket = http2(door)) {
        Thread.ofVirtual()
            .start(() -> {
              try {
                untilEnd(socket);
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
        byte[] many = new byte[17 * 1000];
        byte[] ping = frame(6, 0, 0, 8);
        for (int i = 0; i < 1000; i++) {
          System.arraycopy(ping, 0, many, i * 17, 17);
        }
        drip(socket, many);
      }
    }
  }

  @Test
  void one_address_has_a_bounded_number_of_connections() throws Exception {
    try (Door door = open(NEVER, NEVER)) {
      List<Socket> open = new ArrayList<>();
      try {
        for (int i = 0; i < AT_ONCE; i++) {
          Socket socket = connect(door);
          open.add(socket);
          socket.getOutputStream().write(ascii(GET));
          assertThat(socket.getInputStream().read()).isEqualTo('H');
        }
        try (Socket tooMany = connect(door)) {
          tooMany.getOutputStream().write(ascii(GET));
          assertThat(untilEnd(tooMany)).isEmpty();
        }
      } finally {
        for (Socket socket : open) {
          socket.close();
        }
      }
    }
  }
}

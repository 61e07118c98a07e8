package dev.perdure.server.http;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.helidon.http.http2.Http2Util;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiPredicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Requests over HTTP/2 that their client takes back: a few, many, and far too many. */
class Http2ResetsTest {
  private static final int DATA = 0;
  private static final int HEADERS = 1;
  private static final int RST_STREAM = 3;
  private static final int SETTINGS = 4;
  private static final int GOAWAY = 7;
  private static final int END_STREAM_AND_HEADERS = 5;
  private static final int CANCEL = 8;
  private static final int ENHANCE_YOUR_CALM = 11;

  /** No error of the protocol. */
  private static final int UNHEARD = -1;

  @TempDir private Path data;
  private Door door;

  @BeforeEach
  void open() {
    door = new Door(data);
  }

  @AfterEach
  void close() {
    door.close();
  }

  /** A connection; used by one thread, and {@link #receive} by another one. */
  private final class Client implements AutoCloseable {
    private final Socket socket = new Socket(InetAddress.getLoopbackAddress(), door.http.port());
    private final DataInputStream in = new DataInputStream(socket.getInputStream());
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private int stream = -1;

    Client() throws IOException {
      socket.setSoTimeout((int) Door.PATIENCE.toMillis());
      out.writeBytes(Http2Util.prefaceData().readBytes());
      frame(SETTINGS, 0, 0, new byte[0]);
    }

    private void frame(int type, int flags, int id, byte[] payload) {
      ByteBuffer frame = ByteBuffer.allocate(9 + payload.length);
      frame.putInt(payload.length << 8 | type).put((byte) flags).putInt(id).put(payload);
      out.writeBytes(frame.array());
    }

    /** Asks for {@code /livez}. */
    void request() {
      stream += 2;
      ByteArrayOutputStream head = new ByteArrayOutputStream();
      // GET, http, and two literals that are not indexed (RFC 7541).
      head.writeBytes(new byte[] {(byte) 0x82, (byte) 0x86, 4, 6});
      head.writeBytes("/livez".getBytes(US_ASCII));
      head.writeBytes(new byte[] {1, 9});
      head.writeBytes("localhost".getBytes(US_ASCII));
      frame(HEADERS, END_STREAM_AND_HEADERS, stream, head.toByteArray());
    }

    /** Asks, and takes it back at once. */
    void requestAndReset() {
      request();
      frame(RST_STREAM, 0, stream, new byte[] {0, 0, 0, CANCEL});
    }

    void flush() throws IOException {
      socket.getOutputStream().write(out.toByteArray());
      out.reset();
    }

    /** Reads frames until one fits, and returns its payload. */
    byte[] receive(BiPredicate<Integer, Integer> typeAndStream) throws IOException {
      while (true) {
        int lengthAndType = in.readInt();
        in.readByte();
        int id = in.readInt();
        byte[] payload = in.readNBytes(lengthAndType >>> 8);
        if (typeAndStream.test(lengthAndType & 0xff, id)) {
          return payload;
        }
      }
    }

    void isServed() throws IOException {
      request();
      flush();
      int asked = stream;
      byte[] body = receive((type, id) -> type == DATA && id == asked);
      assertThat(new String(body, US_ASCII)).contains("status");
    }

    @Override
    public void close() throws IOException {
      socket.close();
    }
  }

  @Test
  void a_client_that_takes_back_whatever_it_asks_for_is_told_to_calm_down_and_others_go_on()
      throws Exception {
    try (Client other = new Client();
        Client hostile = new Client()) {
      other.isServed();
      CompletableFuture<Integer> error = new CompletableFuture<>();
      Thread.ofVirtual()
          .start(() -> {
            try {
              byte[] goaway = hostile.receive((type, id) -> type == GOAWAY);
              error.complete(ByteBuffer.wrap(goaway).getInt(4));
            } catch (SocketException e) {
              // A connection that is closed while its client still writes is reset, and what was
              // said last may be lost with it.
              error.complete(UNHEARD);
            } catch (IOException e) {
              error.completeExceptionally(e);
            }
          });
      int asked = 0;
      try {
        for (; !error.isDone() && asked < 20_000; asked += 50) {
          for (int i = 0; i < 50; i++) {
            hostile.requestAndReset();
          }
          hostile.flush();
        }
      } catch (IOException e) {
        // Ended; what was said is to be read all the same.
        assertThat(asked).isGreaterThanOrEqualTo(512);
      }
      assertThat(error.get(Door.PATIENCE.toSeconds(), TimeUnit.SECONDS))
          .isIn(ENHANCE_YOUR_CALM, UNHEARD);
      assertThat(door.meters.get("perdure.http2.calmed").counter().count()).isEqualTo(1);
      other.isServed();
      try (Client next = new Client()) {
        next.isServed();
      }
    }
  }

  @Test
  void a_connection_all_of_whose_users_leave_at_once_goes_on() throws Exception {
    try (Client proxy = new Client()) {
      for (int i = 0; i < 256; i++) {
        proxy.requestAndReset();
      }
      proxy.isServed();
      assertThat(door.meters.get("perdure.http2.calmed").counter().count()).isZero();
    }
  }
}

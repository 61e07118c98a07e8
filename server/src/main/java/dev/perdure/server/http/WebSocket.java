package dev.perdure.server.http;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataReader;
import io.helidon.common.socket.SocketWriterException;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.ServerConnectionException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Base64;
import java.util.Locale;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A WebSocket (RFC 6455, without extensions) on the connection of a request over HTTP/1.1: whole
 * text messages in, whole text messages out. Read by the thread of the request, written to by any.
 *
 * <pre>
 *   frame = FIN(1) RSV(3) OPCODE(4) MASK(1) LENGTH(7, and 16 or 64 more) [ KEY(32) ] PAYLOAD
 * </pre>
 *
 * <p>The handshake is answered by a handler, behind everything that any request goes through:
 * origins, credentials, limits and words for a refusal. Helidon's own module upgrades a connection
 * before there is a route, so all of these would be there twice.
 *
 * <p>A write waits for a slow reader as long as any stream does, and holds one slice meanwhile. A
 * message must be whole in the time that a body may take. Who is silent for two heartbeats is gone.
 */
public final class WebSocket implements AutoCloseable {
  /** The server stops, or wants the client elsewhere: it is to come again. */
  private static final int SERVICE_RESTART = 1012;

  private static final int GOING_AWAY = 1001;
  private static final int PROTOCOL_ERROR = 1002;
  private static final int NO_TEXT = 1003;
  private static final int INVALID = 1008;
  private static final int TOO_BIG = 1009;

  private static final int CONTINUATION = 0;
  private static final int TEXT = 1;
  private static final int BINARY = 2;
  private static final int CLOSE = 8;
  private static final int PING = 9;
  private static final int PONG = 10;

  private static final int CONTROL_BYTES = 125;
  private static final int KEY_BYTES = 16;

  /** Frames of one message; browsers cut a large one into some dozens. */
  private static final int MAX_FRAGMENTS = 1024;

  /** Control frames within a heartbeat; two or three have a purpose. */
  private static final int MAX_CONTROLS = 64;

  private static final int SILENT_BEATS = 2;

  /** After this time it is closed as soon as nobody uses it, and after twice the time anyway. */
  private static final Duration AGE = Duration.ofHours(1);

  private static final byte[] KEY_SUFFIX =
      "258EAFA5-E914-47DA-95CA-C5AB0DC85B11".getBytes(US_ASCII);
  private static final HeaderName KEY = HeaderNames.create("Sec-WebSocket-Key");
  private static final HeaderName VERSION = HeaderNames.create("Sec-WebSocket-Version");

  private final ConnectionContext connection;
  private final DataReader reader;
  private final Exchange exchange;
  private final DoorMetrics metrics;
  private final OpenStreams.Place place;
  private final int mostBytes;
  private final ReentrantLock writing = new ReentrantLock(true);
  private final Semaphore wakes = new Semaphore(0);
  private volatile boolean over;
  private volatile boolean heard = true;
  private volatile boolean used = true;
  private volatile int controls;

  private WebSocket(
      ConnectionContext connection,
      Exchange exchange,
      DoorMetrics metrics,
      OpenStreams.Place place,
      int mostBytes) {
    this.connection = connection;
    this.reader = connection.dataReader();
    this.exchange = exchange;
    this.metrics = metrics;
    this.place = place;
    this.mostBytes = mostBytes;
  }

  /**
   * Answers the handshake of a request.
   *
   * @param place of the connection, among the streams of the caller
   * @param mostBytes of a message
   * @throws PerdureException INVALID_REQUEST if it is none
   */
  static WebSocket open(
      Exchange exchange, DoorMetrics metrics, OpenStreams.Place place, int mostBytes) {
    @Nullable ConnectionContext connection = GuardedConnections.current();
    boolean asked =
        exchange.method().equals(Method.GET)
            && has(exchange, HeaderNames.UPGRADE, "websocket")
            && has(exchange, HeaderNames.CONNECTION, "upgrade");
    if (connection == null || !asked) {
      throw invalid("There is a WebSocket here: open one, over HTTP/1.1.");
    }
    if (!exchange.header(VERSION).orElse("").equals("13")) {
      exchange.header(VERSION, "13");
      throw invalid("The version of the WebSocket must be 13.");
    }
    String answer =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Accept: "
            + accepted(exchange.header(KEY).orElse(""))
            + "\r\n\r\n";
    WebSocket socket = new WebSocket(connection, exchange, metrics, place, mostBytes);
    connection.dataWriter().writeNow(BufferData.create(answer.getBytes(US_ASCII)));
    Thread.ofVirtual().name("perdure-socket-beat").start(socket::beat);
    place.onWake(socket.wakes::release);
    return socket;
  }

  private static boolean has(Exchange exchange, HeaderName name, String token) {
    return Arrays.stream(exchange.header(name).orElse("").toLowerCase(Locale.ROOT).split(","))
        .anyMatch(each -> each.strip().equals(token));
  }

  private static String accepted(String key) {
    try {
      if (Base64.getDecoder().decode(key).length == KEY_BYTES) {
        MessageDigest digest = MessageDigest.getInstance("SHA-1");
        digest.update(key.getBytes(US_ASCII));
        return Base64.getEncoder().encodeToString(digest.digest(KEY_SUFFIX));
      }
    } catch (IllegalArgumentException e) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST, "'Sec-WebSocket-Key' is not base64.", e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-1", e);
    }
    throw invalid("'Sec-WebSocket-Key' is missing, or is not 16 bytes in base64.");
  }

  private static PerdureException invalid(String text) {
    return new PerdureException(ErrorCode.INVALID_REQUEST, text);
  }

  // What comes in.

  /** What the client has sent may not be. */
  private static final class BrokenFrameException extends Exception {
    private static final long serialVersionUID = 1;
    private final int code;

    BrokenFrameException(int code) {
      super("A frame of a WebSocket that may not be", null, false, false);
      this.code = code;
    }
  }

  /** The next message; null if there is none any more, for whatever reason. */
  public byte @Nullable [] read() {
    try (StallWatch.Guard guard = exchange.watch().guard(exchange.limits().body().readTimeout())) {
      return message(guard);
    } catch (BrokenFrameException e) {
      close(e.code);
      return null;
    } catch (DataReader.InsufficientDataAvailableException
        | ServerConnectionException
        | UncheckedIOException e) {
      return null;
    }
  }

  /** Tells the client that it has sent what may not be, and that this is the end. */
  public void refuse() {
    close(INVALID);
  }

  /** Tells the client that this server goes away, and that it is to come again. */
  public void restart() {
    close(SERVICE_RESTART);
  }

  private byte @Nullable [] message(StallWatch.Guard guard) throws BrokenFrameException {
    ByteArrayOutputStream whole = new ByteArrayOutputStream();
    for (int fragments = 0; !over; ) {
      int first = reader.read() & 0xff;
      if (fragments == 0) {
        guard.enter();
      }
      int opcode = first & 0x0f;
      boolean last = (first & 0x80) != 0;
      if ((first & 0x70) != 0) {
        throw new BrokenFrameException(PROTOCOL_ERROR);
      }
      byte[] payload = payload(opcode, last, whole.size());
      heard = true;
      switch (opcode) {
        case TEXT, CONTINUATION -> {
          if ((opcode == TEXT) != (fragments == 0)) {
            throw new BrokenFrameException(PROTOCOL_ERROR);
          }
          whole.writeBytes(payload);
          if (last) {
            guard.leave();
            used = true;
            return whole.toByteArray();
          }
          if (++fragments == MAX_FRAGMENTS) {
            throw new BrokenFrameException(INVALID);
          }
        }
        case BINARY -> throw new BrokenFrameException(NO_TEXT);
        case CLOSE -> {
          close(GOING_AWAY);
          return null;
        }
        case PING, PONG -> pong(opcode, payload);
        default -> throw new BrokenFrameException(PROTOCOL_ERROR);
      }
      if (fragments == 0) {
        guard.leave();
      }
    }
    return null;
  }

  private byte[] payload(int opcode, boolean last, int before) throws BrokenFrameException {
    int second = reader.read() & 0xff;
    long length = second & 0x7f;
    boolean control = opcode >= CLOSE;
    if ((second & 0x80) == 0 || (control && (!last || length > CONTROL_BYTES))) {
      throw new BrokenFrameException(PROTOCOL_ERROR);
    }
    if (length > CONTROL_BYTES) {
      byte[] wide = reader.readBytes(length == CONTROL_BYTES + 1 ? 2 : 8);
      length = 0;
      for (byte each : wide) {
        length = length << 8 | (each & 0xff);
      }
    }
    if (length < 0 || length > mostBytes - before) {
      throw new BrokenFrameException(TOO_BIG);
    }
    byte[] key = reader.readBytes(4);
    byte[] payload = length == 0 ? new byte[0] : reader.readBytes((int) length);
    for (int i = 0; i < payload.length; i++) {
      payload[i] ^= key[i & 3];
    }
    return payload;
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // A count that is lost is of no matter.
  private void pong(int opcode, byte[] payload) throws BrokenFrameException {
    if (++controls > MAX_CONTROLS) {
      throw new BrokenFrameException(INVALID);
    }
    if (opcode == PING) {
      byte[] pong = new byte[2 + payload.length];
      pong[0] = (byte) (0x80 | PONG);
      pong[1] = (byte) payload.length;
      System.arraycopy(payload, 0, pong, 2, payload.length);
      control(pong);
    }
  }

  // What goes out.

  /** Sends one message; one to a client that is gone goes nowhere. */
  public void send(byte[] text) {
    FrameBuffer frame = new FrameBuffer();
    frame.message(text);
    try (Out out = out()) {
      out.write(frame);
    } catch (IOException e) {
      cut();
    }
  }

  /** The way out for frames of the calling thread. */
  Out out() {
    return new Out(exchange.watch().guard(exchange.limits().socket().writeTimeout()));
  }

  /** Frames of one thread; those of several go out one write at a time. */
  final class Out implements LogLoop.Out, AutoCloseable {
    private final StallWatch.Guard guard;

    private Out(StallWatch.Guard guard) {
      this.guard = guard;
    }

    @Override
    public void write(FrameBuffer frames) throws IOException {
      write(frames.bytes(), frames.length());
      used = true;
      metrics.delivered(frames.events(), frames.length());
      frames.clear();
    }

    private void write(byte[] bytes, int length) throws IOException {
      writing.lock();
      try {
        for (int at = 0; at < length; at += SseOut.SLICE_BYTES) {
          if (over) {
            throw new IOException("The WebSocket is closed");
          }
          int end = Math.min(at + SseOut.SLICE_BYTES, length);
          guard.enter();
          connection.dataWriter().writeNow(BufferData.create(Arrays.copyOfRange(bytes, at, end)));
          guard.leave();
        }
      } catch (SocketWriterException | UncheckedIOException e) {
        over = true;
        throw new IOException("The client is gone, or does not read", e);
      } finally {
        writing.unlock();
      }
    }

    @Override
    public void close() {
      guard.close();
    }
  }

  private void control(byte[] frame) {
    try (Out out = out()) {
      out.write(frame, frame.length);
    } catch (IOException e) {
      cut();
    }
  }

  // Its life.

  /** Sees to it that a client that is gone, idle or in the way of a stop does not stay. */
  private void beat() {
    Duration heartbeat = exchange.limits().stream().heartbeat();
    long idle = Math.max(1, exchange.limits().socket().idleTimeout().dividedBy(heartbeat));
    long old = Math.max(1, AGE.dividedBy(heartbeat));
    long age = 0;
    int silent = 0;
    int unused = 0;
    try {
      while (!over) {
        boolean woken = wakes.tryAcquire(heartbeat.toMillis(), TimeUnit.MILLISECONDS);
        if (over) {
          return;
        }
        if (place.leaving()) {
          restart();
          return;
        }
        if (!woken) {
          age++;
          silent = heard ? 0 : silent + 1;
          unused = used ? 0 : unused + 1;
          heard = false;
          used = false;
          controls = 0;
        }
        if (silent >= SILENT_BEATS) {
          cut();
          return;
        }
        if (unused > idle || (age > old && unused > 0) || age > 2 * old) {
          close(GOING_AWAY);
          return;
        }
        control(new byte[] {(byte) (0x80 | PING), 0});
      }
    } catch (InterruptedException e) {
      // It waited for a client that does not read: the connection is closed by that.
      cut();
    }
  }

  /** Says why, once, and ends the connection. */
  private void close(int code) {
    writing.lock();
    try {
      if (!over) {
        control(new byte[] {(byte) (0x80 | CLOSE), 2, (byte) (code >> 8), (byte) code});
      }
      cut();
    } finally {
      writing.unlock();
    }
  }

  private void cut() {
    over = true;
    wakes.release();
    try {
      connection.serverSocket().close();
    } catch (UncheckedIOException e) {
      // It was closed by the other side.
      return;
    }
  }

  /** Ends the connection. */
  @Override
  public void close() {
    cut();
  }
}

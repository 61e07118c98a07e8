package dev.perdure.provider.http;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.perdure.provider.ModelEvent;
import dev.perdure.provider.ModelRequest.Limits;
import dev.perdure.provider.ModelStream;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.ProviderSettings;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One call over one vendor's wire: sends the request, feeds the answer to the parser and the wire,
 * and says in which way it failed if it did. Threads as {@link ModelStream} says.
 */
public final class WireStream implements ModelStream {
  private static final int MAX_ERROR_BYTES = 64 * 1024;
  private static final Duration ERROR_BODY_LIMIT = Duration.ofSeconds(5);

  private final ProviderSettings settings;
  private final Limits limits;
  private final Wire wire;
  private final Exchange exchange;
  private final Refusal refusal;
  private final Reply reply = new Reply();
  private final SseParser parser;
  private final long idleNanos;
  private final long barrenLimitNanos;

  /** How long this has read since the answer has grown last. */
  private long barrenNanos;

  private boolean streaming;
  private boolean wasBegun;
  private @Nullable ProviderException failure;
  private volatile boolean closed;

  /** The answer was read to its terminator, its connection has gone back. */
  private volatile boolean complete;

  public WireStream(Transport transport, ProviderSettings settings, Limits limits, Wire wire) {
    this.settings = settings;
    this.limits = limits;
    this.wire = wire;
    this.exchange = new Exchange(transport, Origin.of(settings.baseUrl()));
    this.refusal = new Refusal(settings, transport.clock());
    this.parser = new SseParser((name, data, length) -> event(name, data, length));
    this.idleNanos = limits.idle().toNanos();
    this.barrenLimitNanos = Math.max(limits.firstToken().toNanos(), idleNanos);
  }

  @Override
  public @Nullable ModelEvent next() throws ProviderException {
    while (true) {
      if (closed) {
        throw cancelled();
      }
      ModelEvent event = reply.poll();
      if (event != null) {
        return event;
      }
      if (failure != null) {
        throw failure;
      }
      if (reply.finished()) {
        return null;
      }
      advance();
    }
  }

  @Override
  public void close() {
    closed = true;
    if (!complete) {
      exchange.abort();
    }
  }

  /** Reads once. What came is in {@link #reply}; a failure counts after it. */
  private void advance() {
    try {
      if (!streaming) {
        start();
        streaming = true;
      }
      read();
    } catch (JsonProcessingException e) {
      fail(malformed("a chunk that is not the JSON of its wire"));
    } catch (IOException e) {
      fail(broken(e));
    } catch (ProviderException e) {
      fail(refusal.clean(e));
    }
  }

  /**
   * Reads once. Only time spent reading counts as the provider's silence: while its events wait for
   * the database here, nobody reads and the provider is not at fault.
   */
  private void read() throws IOException, ProviderException {
    long begin = 0;
    if (wasBegun) {
      begin = System.nanoTime();
      exchange.deadlineAt(begin + Math.min(idleNanos, barrenLimitNanos - barrenNanos));
    }
    int bytes = exchange.available();
    if (bytes < 0) {
      wire.end(reply);
      if (!reply.finished()) {
        throw new ProviderException(Kind.TRUNCATED, who() + " ended its answer unfinished.");
      }
      release();
      return;
    }
    Connection connection = exchange.connection();
    int from = connection.from;
    exchange.consume(bytes);
    parser.feed(connection.buffer, from, from + bytes);
    if (reply.finished()) {
      release();
    } else if (reply.begun()) {
      boolean moved = reply.takeMoved();
      barrenNanos = moved || !wasBegun ? 0 : barrenNanos + System.nanoTime() - begin;
      wasBegun = true;
      exchange.noDeadline();
    }
  }

  private void release() {
    complete = true;
    exchange.release();
  }

  private void event(@Nullable String name, byte[] data, int length)
      throws IOException, ProviderException {
    if (!reply.finished()) {
      wire.event(name, data, length, reply);
    }
  }

  private void start() throws IOException, ProviderException {
    Head head = exchange.send(request(), limits.connect(), limits.firstToken());
    String type = head.headers().getOrDefault("content-type", "").toLowerCase(Locale.ROOT);
    String coding = head.headers().getOrDefault("content-encoding", "identity");
    if (!coding.equalsIgnoreCase("identity")) {
      throw malformed("a compressed answer although none was asked for");
    }
    if (head.status() != 200 || !(type.isEmpty() || type.startsWith("text/event-stream"))) {
      throw refusal.of(head, errorBody());
    }
  }

  private byte[] errorBody() {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    Duration patience = limits.firstToken();
    exchange.deadlineIn(patience.compareTo(ERROR_BODY_LIMIT) < 0 ? patience : ERROR_BODY_LIMIT);
    try {
      for (int n = exchange.available(); n > 0; n = exchange.available()) {
        Connection connection = exchange.connection();
        int wanted = Math.min(n, MAX_ERROR_BYTES - body.size());
        body.write(connection.buffer, connection.from, wanted);
        exchange.consume(n);
        if (body.size() == MAX_ERROR_BYTES) {
          exchange.abort();
          return body.toByteArray();
        }
      }
      exchange.release();
    } catch (IOException e) {
      // The status has said what matters; the text is as long as it is.
    }
    return body.toByteArray();
  }

  private byte[] request() {
    Wire.Request request = wire.request();
    byte[] body = request.body().toString().getBytes(StandardCharsets.UTF_8);
    String base = settings.baseUrl().getRawPath() == null ? "" : settings.baseUrl().getRawPath();
    StringBuilder head = new StringBuilder(512);
    head.append("POST ").append(base.replaceAll("/+$", "")).append(request.path());
    head.append(" HTTP/1.1\r\nHost: ").append(Origin.of(settings.baseUrl()).authority());
    head.append("\r\nUser-Agent: perdure\r\nAccept: text/event-stream");
    head.append("\r\nContent-Type: application/json\r\nContent-Length: ").append(body.length);
    append(head, request.headers());
    append(head, settings.headers());
    byte[] start = head.append("\r\n\r\n").toString().getBytes(StandardCharsets.ISO_8859_1);
    byte[] all = new byte[start.length + body.length];
    System.arraycopy(start, 0, all, 0, start.length);
    System.arraycopy(body, 0, all, start.length, body.length);
    return all;
  }

  private static void append(StringBuilder head, Map<String, String> headers) {
    headers.forEach((name, value) -> head.append("\r\n").append(name).append(": ").append(value));
  }

  private void fail(ProviderException e) {
    exchange.abort();
    reply.settleUsage();
    failure = e;
  }

  private ProviderException broken(IOException e) {
    return switch (exchange.ending()) {
      case ABORTED -> cancelled();
      case EXPIRED -> expired();
      case NONE, RELEASED -> {
        if (Thread.currentThread().isInterrupted()) {
          yield cancelled();
        }
        if (e instanceof BadHttpException) {
          yield new ProviderException(
              Kind.MALFORMED, who() + " gave an answer that is not HTTP: " + e.getMessage() + ".");
        }
        if (streaming) {
          yield new ProviderException(
              Kind.TRUNCATED, who() + " was cut off in the middle of its answer.", 0, null, e);
        }
        yield unreachable(e);
      }
    };
  }

  private ProviderException unreachable(IOException e) {
    String origin = Origin.of(settings.baseUrl()).toString();
    String why =
        exchange.sent()
            ? "closed the connection without an answer"
            : "cannot be reached: "
                + (e instanceof EOFException ? "it hung up" : refusal.safe(e.getMessage()));
    return new ProviderException(
        Kind.CONNECT, who() + " at " + origin + " " + why + ".", 0, null, e);
  }

  private ProviderException expired() {
    if (!exchange.sent()) {
      return new ProviderException(
          Kind.CONNECT, who() + " did not let itself be reached within " + text(limits.connect()));
    }
    return wasBegun
        ? new ProviderException(
            Kind.IDLE_TIMEOUT, who() + " fell silent for " + text(limits.idle()))
        : new ProviderException(
            Kind.FIRST_TOKEN_TIMEOUT, who() + " said nothing for " + text(limits.firstToken()));
  }

  private ProviderException malformed(String what) {
    return new ProviderException(Kind.MALFORMED, who() + " sent " + what + ".");
  }

  private ProviderException cancelled() {
    return new ProviderException(
        Kind.CANCELLED, "The call to '" + settings.name() + "' was cancelled.");
  }

  private String who() {
    return "The provider '" + settings.name() + "'";
  }

  private static String text(Duration limit) {
    return limit.toMillis() + " ms.";
  }
}

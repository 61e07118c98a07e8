package dev.perdure.server.http;

import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Arrays;

/**
 * The output of one event stream: each {@link #write} is one write and one flush, bounded in time,
 * or several if it is large. Used by one thread.
 */
final class SseOut implements LogLoop.Out, AutoCloseable {
  static final String MEDIA_TYPE = "text/event-stream; charset=utf-8";

  /**
   * About how much a stream frames before it writes, in bytes: what a reader that does not read
   * holds, twice, as Helidon copies what it writes.
   */
  static final int SLICE_BYTES = 12 * 1024;

  private static final long SOON_MILLIS = 10;
  private static final HeaderName BUFFERING = HeaderNames.create("X-Accel-Buffering");

  private final OutputStream out;
  private final StallWatch.Guard guard;
  private final DoorMetrics metrics;

  private SseOut(OutputStream out, StallWatch.Guard guard, DoorMetrics metrics) {
    this.out = out;
    this.guard = guard;
    this.metrics = metrics;
  }

  /** Sends the headers and tells the client after how long to reconnect. */
  static SseOut open(Exchange exchange, DoorMetrics metrics, Duration retry) throws IOException {
    SseOut out = open(exchange, metrics);
    FrameBuffer hello = new FrameBuffer();
    hello.retry(retry.toMillis());
    try {
      out.write(hello);
    } catch (IOException | RuntimeException e) {
      out.guard.close();
      throw e;
    }
    return out;
  }

  /** Sends the headers and nothing else. */
  static SseOut open(Exchange exchange, DoorMetrics metrics) {
    headers(exchange);
    return new SseOut(
        exchange.stream(200, MEDIA_TYPE),
        exchange.watch().guard(exchange.limits().socket().writeTimeout()),
        metrics);
  }

  /** The headers that keep proxies from holding a stream back or changing it. */
  static void headers(Exchange exchange) {
    exchange.header(HeaderNames.CACHE_CONTROL, "no-cache, no-transform");
    exchange.header(BUFFERING, "no");
  }

  @Override
  public void write(FrameBuffer buffer) throws IOException {
    if (buffer.length() <= 2 * SLICE_BYTES) {
      guard.enter();
      out.write(buffer.bytes(), 0, buffer.length());
      out.flush();
      guard.leave();
    } else {
      slices(buffer);
    }
    metrics.delivered(buffer.events(), buffer.length());
    buffer.clear();
  }

  /** Sends what is large, a snapshot or an event, so that Helidon does not copy it whole. */
  private void slices(FrameBuffer buffer) throws IOException {
    for (int at = 0; at < buffer.length(); at += SLICE_BYTES) {
      guard.enter();
      out.write(
          Arrays.copyOfRange(buffer.bytes(), at, Math.min(at + SLICE_BYTES, buffer.length())));
      out.flush();
      guard.leave();
    }
  }

  /** Ends the stream because of its age: the client is to come again at once. */
  void endForNow() throws IOException {
    FrameBuffer soon = new FrameBuffer();
    soon.retry(SOON_MILLIS);
    write(soon);
    end();
  }

  /** Ends the stream cleanly, unless a write has failed before. */
  void end() throws IOException {
    guard.enter();
    out.close();
    guard.leave();
  }

  @Override
  public void close() {
    guard.close();
  }
}

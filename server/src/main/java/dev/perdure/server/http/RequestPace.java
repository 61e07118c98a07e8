package dev.perdure.server.http;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * How fast one HTTP/2 connection may begin requests: so many at once, and from then on so many in a
 * second. What comes faster is not refused but left unread for a while, so that TCP holds the
 * client back. Over HTTP/1.1 a client waits for its answers; here it need not, and a few that do
 * not would have all processors. Used by one thread.
 */
final class RequestPace {
  /** What a page and its streams ask for when they begin; who reconnects has it again. */
  private static final int AT_ONCE = 64;

  private static final int PER_SECOND = 250;
  private static final long NANOS_EACH = Duration.ofSeconds(1).toNanos() / PER_SECOND;

  private final LongSupplier nanoTime;

  /** When the next request would be due at this pace; in the past for a client that is slower. */
  private long dueNanos;

  /**
   * @param nanoTime a clock that does not jump, in nanoseconds
   */
  RequestPace(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
    this.dueNanos = nanoTime.getAsLong() - AT_ONCE * NANOS_EACH;
  }

  /** So many requests have come; returns how long to wait before they are served. */
  Duration pause(int requests) {
    if (requests == 0) {
      return Duration.ZERO;
    }
    long now = nanoTime.getAsLong();
    dueNanos = Math.max(dueNanos, now - AT_ONCE * NANOS_EACH) + requests * NANOS_EACH;
    return Duration.ofNanos(Math.max(0, dueNanos - now));
  }
}

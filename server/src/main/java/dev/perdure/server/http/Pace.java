package dev.perdure.server.http;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * How fast something may happen: so many times at once, and from then on so many in a second. Where
 * it comes faster it can be held back, with {@link #pause}, or refused, with {@link #take}.
 * Thread-safe.
 */
final class Pace {
  private final LongSupplier nanoTime;
  private final long nanosEach;
  private final long nanosInHand;

  /** When the next one would be due at this pace; in the past for who is slower. */
  private long dueNanos;

  /**
   * @param nanoTime a clock that does not jump, in nanoseconds
   * @param atOnce how many may come at once after a rest
   * @param perSecond how many may come in a second for ever
   * @param inHand how many of those at once are there from the beginning
   */
  Pace(LongSupplier nanoTime, int atOnce, int perSecond, int inHand) {
    this.nanoTime = nanoTime;
    this.nanosEach = Duration.ofSeconds(1).toNanos() / perSecond;
    this.nanosInHand = atOnce * nanosEach;
    this.dueNanos = nanoTime.getAsLong() - inHand * nanosEach;
  }

  /** So many have come; returns how long to wait before they are served. */
  synchronized Duration pause(int many) {
    if (many == 0) {
      return Duration.ZERO;
    }
    long now = nanoTime.getAsLong();
    dueNanos = dueAfter(many, now);
    return Duration.ofNanos(Math.max(0, dueNanos - now));
  }

  /** Takes so many if they may come now; if not, it takes none. */
  synchronized boolean take(int many) {
    long now = nanoTime.getAsLong();
    long after = dueAfter(many, now);
    if (after > now) {
      return false;
    }
    dueNanos = after;
    return true;
  }

  private long dueAfter(int many, long now) {
    return Math.max(dueNanos, now - nanosInHand) + many * nanosEach;
  }
}

package dev.perdure.provider;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.Arrays;

/** The latest of a series of durations, in milliseconds. Thread-safe. */
final class Latencies {
  /** Enough for a percentile, too few to be history. */
  private static final int KEPT = 100;

  @GuardedBy("this")
  private final long[] millis = new long[KEPT];

  @GuardedBy("this")
  private int count;

  synchronized void add(long duration) {
    millis[count % KEPT] = duration;
    // Stays within int, and keeps telling a full window from one that fills.
    count = count + 1 < 2 * KEPT ? count + 1 : KEPT;
  }

  /** The value below which this part of the durations lies; -1 if there are none. */
  synchronized long quantile(double part) {
    int size = Math.min(count, KEPT);
    if (size == 0) {
      return -1;
    }
    long[] sorted = Arrays.copyOf(millis, size);
    Arrays.sort(sorted);
    return sorted[Math.min(size - 1, (int) (size * part))];
  }
}

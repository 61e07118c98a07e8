package dev.perdure.bench;

/**
 * A histogram of durations in microseconds, exact to about 1.6 %: 64 buckets for each power of two.
 * For one thread.
 */
final class Latencies {
  private static final int SUB_BITS = 6;
  private static final int SUB = 1 << SUB_BITS;
  private static final int BUCKETS = (Long.SIZE - SUB_BITS) * SUB;

  private final long[] counts = new long[BUCKETS];
  private long total;
  private long max;

  /** Clocks may step back a little; less than nothing counts as nothing. */
  void add(long micros) {
    long value = Math.max(0, micros);
    counts[bucket(value)]++;
    total++;
    max = Math.max(max, value);
  }

  long count() {
    return total;
  }

  double maxMillis() {
    return max / 1000.0;
  }

  /** The value below which this share of all lies, in milliseconds; 0 if there are none. */
  double millis(double share) {
    long wanted = (long) Math.ceil(total * share);
    long seen = 0;
    for (int i = 0; i < BUCKETS; i++) {
      seen += counts[i];
      if (seen >= wanted && seen > 0) {
        return Math.min(upper(i), max) / 1000.0;
      }
    }
    return 0;
  }

  private static int bucket(long value) {
    if (value < SUB) {
      return (int) value;
    }
    int shift = Long.SIZE - 1 - Long.numberOfLeadingZeros(value) - SUB_BITS;
    return (shift + 1) * SUB + (int) ((value >>> shift) - SUB);
  }

  /** The largest value of a bucket. */
  private static long upper(int bucket) {
    if (bucket < SUB) {
      return bucket;
    }
    int shift = bucket / SUB - 1;
    return ((bucket % SUB + SUB + 1L) << shift) - 1;
  }
}

package dev.perdure.bench;

/**
 * Looks into lines of JSON without parsing them, so that the driver costs little beside what it
 * measures. Stateless.
 */
final class Scan {
  private Scan() {}

  static boolean startsWith(byte[] bytes, int from, int to, byte[] wanted) {
    if (to - from < wanted.length) {
      return false;
    }
    for (int i = 0; i < wanted.length; i++) {
      if (bytes[from + i] != wanted[i]) {
        return false;
      }
    }
    return true;
  }

  /** Where the wanted bytes end, or -1. */
  static int behind(byte[] bytes, int from, int to, byte[] wanted) {
    for (int at = from; at <= to - wanted.length; at++) {
      if (bytes[at] == wanted[0] && startsWith(bytes, at, to, wanted)) {
        return at + wanted.length;
      }
    }
    return -1;
  }

  /** The decimal number that begins there. */
  static long number(byte[] bytes, int from, int to) {
    long value = 0;
    for (int at = from; at < to && bytes[at] >= '0' && bytes[at] <= '9'; at++) {
      value = value * 10 + (bytes[at] - '0');
    }
    return value;
  }

  /** Takes the send time that the fake provider puts before a chunk. */
  @FunctionalInterface
  interface StampSink {
    void stamp(long sentMicros);
  }

  /** The least digits of a stamp, so that a tilde in a text is not taken for one. */
  private static final int STAMP_DIGITS = 15;

  /** Finds {@code ~micros since 1970~}. */
  static void stamps(byte[] bytes, int from, int to, StampSink sink) {
    int at = from;
    while (at < to) {
      if (bytes[at] != '~') {
        at++;
        continue;
      }
      int end = at + 1;
      while (end < to && bytes[end] >= '0' && bytes[end] <= '9') {
        end++;
      }
      if (end < to && bytes[end] == '~' && end - at > STAMP_DIGITS) {
        sink.stamp(number(bytes, at + 1, end));
        end++;
      }
      at = end;
    }
  }
}

package dev.perdure.testing;

import java.util.Locale;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Halts the process, as {@code kill -9} does, when a point is reached for the n-th time: {@code
 * appended@3}. For black-box tests; a server runs with it only if its JVM was started with {@code
 * -Dperdure.crash=…}. Thread-safe.
 */
public final class CrashPlan implements FaultPoints {
  /** What a shell reports of a process that was killed by signal 9. */
  private static final int KILLED = 137;

  private final Point point;
  private final AtomicInteger left;

  private CrashPlan(Point point, int times) {
    this.point = point;
    this.left = new AtomicInteger(times);
  }

  /**
   * Reads {@code point} or {@code point@n}, in lower case.
   *
   * @throws IllegalArgumentException if it is neither
   */
  public static CrashPlan parse(String text) {
    String[] parts = text.split("@", 2);
    int times = parts.length == 1 ? 1 : Integer.parseInt(parts[1]);
    return new CrashPlan(Point.valueOf(parts[0].toUpperCase(Locale.ROOT)), times);
  }

  @Override
  public void at(Point reached) {
    if (reached == point && left.decrementAndGet() == 0) {
      Runtime.getRuntime().halt(KILLED);
    }
  }
}

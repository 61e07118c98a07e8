package dev.perdure.testing;

import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Halts the process, as {@code kill -9} does, when a point is reached for the n-th time, {@code
 * appended@3}, or when so many threads stand there at the same time, {@code tool_made*3}: whoever
 * comes before the last waits. For black-box tests; a server runs with it only if its JVM was
 * started with {@code -Dperdure.crash=…}. Thread-safe.
 */
public final class CrashPlan implements FaultPoints {
  /** What a shell reports of a process that was killed by signal 9. */
  private static final int KILLED = 137;

  private final Point point;
  private final AtomicInteger left;
  private final boolean together;
  private final Runnable death;
  private final CountDownLatch never = new CountDownLatch(1);

  private CrashPlan(Point point, int times, boolean together, Runnable death) {
    this.point = point;
    this.left = new AtomicInteger(times);
    this.together = together;
    this.death = death;
  }

  /**
   * Reads {@code point}, {@code point@n} or {@code point*n}, in lower case.
   *
   * @throws IllegalArgumentException if it is none of them
   */
  public static CrashPlan parse(String text) {
    return parse(text, () -> Runtime.getRuntime().halt(KILLED));
  }

  /**
   * @param death ends the process
   */
  static CrashPlan parse(String text, Runnable death) {
    String[] parts = text.split("[@*]", 2);
    int times = parts.length == 1 ? 1 : Integer.parseInt(parts[1]);
    Point point = Point.valueOf(parts[0].toUpperCase(Locale.ROOT));
    return new CrashPlan(point, times, text.contains("*"), death);
  }

  @Override
  public void at(Point reached) {
    if (reached != point) {
      return;
    }
    int ahead = left.decrementAndGet();
    if (ahead == 0) {
      death.run();
    } else if (together && ahead > 0) {
      try {
        never.await();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }
}

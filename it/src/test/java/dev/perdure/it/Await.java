package dev.perdure.it;

import java.time.Duration;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Waits for conditions of other processes, which cannot be waited for otherwise than by asking. */
final class Await {
  /** Never a measure of anything: only how long a broken test may hang. */
  private static final Duration AT_MOST = Duration.ofMinutes(2);

  private static final long POLL_MILLIS = 20;

  private Await() {}

  /** Asks again and again until there is an answer. */
  static <T> T until(String what, Supplier<@Nullable T> question) {
    long deadline = System.nanoTime() + AT_MOST.toNanos();
    while (true) {
      T answer = question.get();
      if (answer != null) {
        return answer;
      }
      if (System.nanoTime() > deadline) {
        throw new AssertionError("Waited in vain for " + what);
      }
      try {
        Thread.sleep(POLL_MILLIS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new AssertionError(e);
      }
    }
  }
}

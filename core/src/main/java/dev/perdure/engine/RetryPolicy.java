package dev.perdure.engine;

import java.time.Duration;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * When to try a model call again: exponential backoff with "equal jitter" (half fixed, half random;
 * see Marc Brooker, "Exponential Backoff And Jitter", 2015), never before the provider's own
 * Retry-After, up to a quarter of it later, so that those who were told the same do not come at the
 * same time, and never past a budget of time.
 *
 * @param attempts tries of one model, the first included
 * @param calls calls of one lane over all layers; see {@link CallBudget}
 * @param base the pause after the first failure, before jitter
 * @param max the longest pause that the exponent reaches
 * @param budget time that a lane may spend from its first try to the beginning of its last one
 */
public record RetryPolicy(int attempts, int calls, Duration base, Duration max, Duration budget) {
  public static final RetryPolicy DEFAULT =
      new RetryPolicy(
          4, 100, Duration.ofMillis(500), Duration.ofSeconds(20), Duration.ofMinutes(2));

  public RetryPolicy {
    if (attempts < 1) {
      throw new IllegalArgumentException("retry attempts is " + attempts + ": at least 1");
    }
    if (calls < 1) {
      throw new IllegalArgumentException("retry calls is " + calls + ": at least 1");
    }
  }

  /**
   * The pause before the next try.
   *
   * @param tries how often this model was tried, at least 1
   * @param elapsed time since the lane's first try
   * @param retryAfter what the provider asks for; null if it does not
   * @return empty if there is no next try
   */
  Optional<Duration> pause(
      int tries, Duration elapsed, @Nullable Duration retryAfter, RandomGenerator random) {
    if (tries >= attempts) {
      return Optional.empty();
    }
    long ceiling = max.toMillis();
    long exponential = Math.min(ceiling, base.toMillis() << Math.min(tries - 1, 20));
    long half = exponential / 2;
    Duration pause = Duration.ofMillis(half + (half == 0 ? 0 : random.nextLong(half + 1)));
    if (retryAfter != null && retryAfter.compareTo(pause) > 0) {
      pause = retryAfter.plusMillis(random.nextLong(retryAfter.toMillis() / 4 + 1));
    }
    return elapsed.plus(pause).compareTo(budget) > 0 ? Optional.empty() : Optional.of(pause);
  }
}

package dev.perdure.engine;

import dev.perdure.provider.ModelRequest.Limits;
import java.time.Duration;

/**
 * The engine's numbers.
 *
 * @param lease how long a node is believed to be alive after its last beat
 * @param beat how often it renews; well below the lease
 * @param poll how often it looks for queued turns and intents when no hint comes
 * @param claimBatch turns claimed in one transaction
 * @param maxRunning turns that run on this node at the same time
 * @param maxCrashes holders of a turn that may die before it is given up as {@code crash_loop}
 * @param turnTimeLimit from a turn's claim to its end
 * @param retry of model calls
 * @param callLimits how long a provider's silence is borne
 * @param logRetention how long a log is kept after its turn's end
 * @param idempotencyRetention how long an idempotency key is remembered
 */
public record EngineConfig(
    Duration lease,
    Duration beat,
    Duration poll,
    int claimBatch,
    int maxRunning,
    int maxCrashes,
    Duration turnTimeLimit,
    RetryPolicy retry,
    Limits callLimits,
    Duration logRetention,
    Duration idempotencyRetention) {

  public static final EngineConfig DEFAULT =
      new EngineConfig(
          Duration.ofMillis(2500),
          Duration.ofMillis(500),
          Duration.ofSeconds(1),
          500,
          10_000,
          3,
          Duration.ofMinutes(30),
          RetryPolicy.DEFAULT,
          Limits.DEFAULT,
          Duration.ofHours(24),
          Duration.ofHours(24));

  public EngineConfig {
    if (beat.multipliedBy(2).compareTo(lease) > 0) {
      throw new IllegalArgumentException(
          "The beat of " + beat + " is too slow for a lease of " + lease + ": at most half of it");
    }
  }
}

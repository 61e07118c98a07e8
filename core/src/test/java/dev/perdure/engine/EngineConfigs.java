package dev.perdure.engine;

import java.time.Duration;

/** Numbers of the engine that differ from others in what a test is about. */
final class EngineConfigs {
  private EngineConfigs() {}

  static EngineConfig of(
      EngineConfig d, int claimBatch, int maxRunning, Duration turnTimeLimit, RetryPolicy retry) {
    return new EngineConfig(
        d.lease(),
        d.beat(),
        d.poll(),
        claimBatch,
        maxRunning,
        d.maxCrashes(),
        turnTimeLimit,
        retry,
        d.callLimits(),
        d.logRetention(),
        d.idempotencyRetention());
  }

  static EngineConfig paced(EngineConfig d, Duration lease, Duration beat, Duration poll) {
    return new EngineConfig(
        lease,
        beat,
        poll,
        d.claimBatch(),
        d.maxRunning(),
        d.maxCrashes(),
        d.turnTimeLimit(),
        d.retry(),
        d.callLimits(),
        d.logRetention(),
        d.idempotencyRetention());
  }
}

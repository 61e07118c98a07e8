package dev.perdure.server;

import java.time.Instant;
import java.time.InstantSource;

/**
 * A clock for measuring how long things take: it began with the time of day and has gone on by the
 * monotonic clock since, so that it never jumps when the time of day is corrected. Thread-safe.
 */
final class SteadyClock implements InstantSource {
  private final Instant began;
  private final long beganNanos = System.nanoTime();

  SteadyClock(InstantSource timeOfDay) {
    this.began = timeOfDay.instant();
  }

  @Override
  public Instant instant() {
    return began.plusNanos(System.nanoTime() - beganNanos);
  }
}

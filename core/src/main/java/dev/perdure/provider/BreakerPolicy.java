package dev.perdure.provider;

import java.time.Duration;

/**
 * When a model is given a rest.
 *
 * @param window calls whose outcome is remembered
 * @param minimum calls before the rate says anything
 * @param failurePercent the share of failed calls from which on no more are made
 * @param rest how long none are made
 * @param probes calls that are let through afterwards to see whether it is well again
 */
public record BreakerPolicy(
    int window, int minimum, int failurePercent, Duration rest, int probes) {
  public static final BreakerPolicy DEFAULT =
      new BreakerPolicy(20, 10, 60, Duration.ofSeconds(15), 3);
}

package dev.perdure.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class LatenciesTest {
  @Test
  void percentiles_are_exact_to_two_percent() {
    Latencies latencies = new Latencies();
    for (int micros = 1; micros <= 1_000_000; micros++) {
      latencies.add(micros);
    }

    assertThat(latencies.count()).isEqualTo(1_000_000);
    assertThat(latencies.millis(0.5)).isCloseTo(500, within(10.0));
    assertThat(latencies.millis(0.99)).isCloseTo(990, within(20.0));
    assertThat(latencies.maxMillis()).isEqualTo(1000);
  }

  @Test
  void a_single_value_is_every_percentile_and_nothing_has_none() {
    Latencies latencies = new Latencies();
    assertThat(latencies.millis(0.99)).isZero();

    latencies.add(1500);

    assertThat(latencies.millis(0.01)).isEqualTo(1.5);
    assertThat(latencies.millis(0.99)).isEqualTo(1.5);
  }

  @Test
  void a_clock_that_steps_back_counts_as_nothing_and_the_largest_value_fits() {
    Latencies latencies = new Latencies();

    latencies.add(-5);
    latencies.add(Long.MAX_VALUE);

    assertThat(latencies.millis(0.5)).isZero();
    assertThat(latencies.millis(1)).isEqualTo(Long.MAX_VALUE / 1000.0);
  }
}

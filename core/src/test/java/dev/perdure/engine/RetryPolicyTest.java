package dev.perdure.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RetryPolicyTest {
  private final RetryPolicy policy =
      new RetryPolicy(
          6, 100, Duration.ofMillis(100), Duration.ofSeconds(1), Duration.ofSeconds(10));
  private final Random random = new Random(1);

  @Test
  void pauses_grow_to_their_ceiling_and_keep_at_least_half() {
    long[] ceilings = {100, 200, 400, 800, 1000};
    for (int tries = 1; tries <= ceilings.length; tries++) {
      for (int i = 0; i < 200; i++) {
        long pause = policy.pause(tries, Duration.ZERO, null, random).orElseThrow().toMillis();
        assertThat(pause).isBetween(ceilings[tries - 1] / 2, ceilings[tries - 1]);
      }
    }
  }

  @Test
  void jitter_spreads_the_pauses() {
    assertThat(
            random
                .ints(100)
                .mapToObj(i -> policy.pause(4, Duration.ZERO, null, random).orElseThrow())
                .distinct()
                .count())
        .isGreaterThan(50);
  }

  @Test
  void the_last_attempt_has_no_successor() {
    assertThat(policy.pause(6, Duration.ZERO, null, random)).isEmpty();
  }

  @Test
  void the_provider_is_never_asked_before_its_own_time() {
    Duration asked = Duration.ofSeconds(7);
    for (int i = 0; i < 200; i++) {
      assertThat(policy.pause(1, Duration.ZERO, asked, random).orElseThrow())
          .isBetween(asked, asked.multipliedBy(5).dividedBy(4));
    }
    assertThat(policy.pause(1, Duration.ZERO, Duration.ofMillis(1), random).orElseThrow())
        .isGreaterThanOrEqualTo(Duration.ofMillis(50));
  }

  @Test
  void nothing_goes_past_the_budget() {
    assertThat(policy.pause(1, Duration.ofMillis(9_990), null, random)).isEmpty();
    assertThat(policy.pause(1, Duration.ZERO, Duration.ofSeconds(11), random)).isEmpty();
  }

  @Test
  void huge_exponents_do_not_overflow() {
    RetryPolicy many =
        new RetryPolicy(
            1000, 1000, Duration.ofSeconds(10), Duration.ofMinutes(1), Duration.ofHours(1));
    assertThat(many.pause(900, Duration.ZERO, null, random).orElseThrow())
        .isBetween(Duration.ofSeconds(30), Duration.ofMinutes(1));
  }

  @Test
  void no_attempt_at_all_is_refused() {
    assertThatThrownBy(() -> new RetryPolicy(0, 1, Duration.ZERO, Duration.ZERO, Duration.ZERO))
        .hasMessageContaining("at least 1");
  }
}

package dev.perdure.engine;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class NodeHealthTest {
  private final NodeHealth health = new NodeHealth(Duration.ofMillis(2500), Duration.ofMillis(500));

  private void beats(long from, long to) {
    for (long at = from; at <= to; at += 500) {
      health.beat(at);
    }
  }

  @Test
  void a_node_judges_others_after_the_length_of_a_lease() {
    assertThat(health.beats(0)).isFalse();
    beats(0, 2500);
    assertThat(health.beats(2500)).isTrue();
    assertThat(health.beats(5000)).isFalse();
    assertThat(health.mayJudge(2500)).isFalse();
    health.beat(3000);
    assertThat(health.mayJudge(3000)).isTrue();
  }

  @Test
  void a_beat_that_failed_begins_anew() {
    beats(0, 5000);
    health.failed();
    assertThat(health.beats(5000)).isFalse();
    assertThat(health.mayJudge(5000)).isFalse();
    health.beat(5500);
    assertThat(health.mayJudge(5500)).isFalse();
  }

  @Test
  void a_database_that_was_silent_and_is_back_has_made_every_lease_look_over() {
    beats(0, 5000);
    // The sweep is back from the database before the beat is.
    assertThat(health.mayJudge(9000)).isFalse();
    health.beat(9001);
    assertThat(health.mayJudge(9001)).isFalse();
    beats(9500, 11_000);
    assertThat(health.mayJudge(11_000)).isFalse();
    beats(11_500, 12_000);
    assertThat(health.mayJudge(12_000)).isTrue();
  }
}

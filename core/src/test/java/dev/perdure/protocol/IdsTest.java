package dev.perdure.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.HashSet;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class IdsTest {

  @Test
  void ids_sort_by_time_and_say_what_they_name() {
    Ids early = new Ids(() -> Instant.ofEpochMilli(1_800_000_000_000L), new Random(1));
    Ids late = new Ids(() -> Instant.ofEpochMilli(1_800_000_000_001L), new Random(2));
    assertThat(early.turn()).matches("turn_[0-9a-hjkmnp-tv-z]{26}").isLessThan(late.turn());
    assertThat(early.session()).startsWith("sess_");
    assertThat(early.message()).startsWith("msg_");
    assertThat(early.node()).startsWith("node_");
  }

  @Test
  void ids_of_one_millisecond_differ() {
    Ids ids = new Ids(() -> Instant.ofEpochMilli(1), new Random(7));
    Set<String> seen = new HashSet<>();
    for (int i = 0; i < 10_000; i++) {
      assertThat(seen.add(ids.turn())).isTrue();
    }
  }
}

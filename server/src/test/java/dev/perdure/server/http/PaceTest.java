package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class PaceTest {
  private final AtomicLong now = new AtomicLong(1_000_000_000_000L);
  private final Pace pace = new Pace(now::get, 64, 250, 64);

  private void pass(Duration time) {
    now.addAndGet(time.toNanos());
  }

  @Test
  void a_page_that_begins_is_served_at_once() {
    assertThat(pace.pause(24)).isZero();
    assertThat(pace.pause(40)).isZero();
  }

  @Test
  void a_flood_waits_for_its_pace() {
    assertThat(pace.pause(64 + 25)).isEqualTo(Duration.ofMillis(100));
    pass(Duration.ofMillis(100));
    assertThat(pace.pause(50)).isEqualTo(Duration.ofMillis(200));
    pass(Duration.ofMillis(200));
    assertThat(pace.pause(1)).isEqualTo(Duration.ofMillis(4));
  }

  @Test
  void who_rests_may_begin_as_many_at_once_again_and_not_more() {
    assertThat(pace.pause(64)).isZero();
    pass(Duration.ofHours(1));
    assertThat(pace.pause(64)).isZero();
    assertThat(pace.pause(1)).isEqualTo(Duration.ofMillis(4));
  }

  @Test
  void frames_that_begin_no_request_are_free() {
    assertThat(pace.pause(64)).isZero();
    assertThat(pace.pause(0)).isZero();
  }

  @Test
  void who_begins_with_nothing_in_hand_comes_at_the_steady_pace() {
    Pace poor = new Pace(now::get, 64, 250, 0);
    assertThat(poor.pause(2)).isEqualTo(Duration.ofMillis(8));
    pass(Duration.ofSeconds(10));
    assertThat(poor.pause(64)).isZero();
  }

  @Test
  void what_is_refused_takes_nothing() {
    assertThat(pace.take(64)).isTrue();
    for (int i = 0; i < 1000; i++) {
      assertThat(pace.take(1)).isFalse();
    }
    pass(Duration.ofMillis(4));
    assertThat(pace.take(2)).isFalse();
    assertThat(pace.take(1)).isTrue();
    assertThat(pace.take(0)).isTrue();
  }

  @Test
  void resets_of_an_hour_of_honest_use_are_never_too_many() {
    Pace resets = new Pace(now::get, 512, 50, 512);
    for (int minute = 0; minute < 60; minute++) {
      // Everybody behind a proxy leaves at once, and meanwhile 25 press stop every second.
      assertThat(resets.take(256)).isTrue();
      for (int second = 0; second < 60; second++) {
        assertThat(resets.take(25)).isTrue();
        pass(Duration.ofSeconds(1));
      }
    }
  }
}

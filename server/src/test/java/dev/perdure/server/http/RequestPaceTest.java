package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class RequestPaceTest {
  private final AtomicLong now = new AtomicLong(1_000_000_000_000L);
  private final RequestPace pace = new RequestPace(now::get);

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
}

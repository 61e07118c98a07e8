package dev.perdure.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.engine.LaneControl.Stop;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class TurnstileTest {
  private final Turnstile turnstile = new Turnstile(1);
  private final List<String> entered = Collections.synchronizedList(new ArrayList<>());

  private Thread come(String line, String name, LaneControl control) throws Exception {
    int before = turnstile.waiting();
    Thread thread =
        Thread.ofVirtual()
            .start(() -> {
              if (turnstile.enter(line, control)) {
                entered.add(name);
              }
            });
    EngineFixture.eventually(() -> turnstile.waiting() == before + 1);
    return thread;
  }

  private void leaveAndAwait(int count) throws Exception {
    turnstile.leave();
    EngineFixture.eventually(() -> entered.size() == count);
  }

  @Test
  void a_long_line_delays_another_by_one() throws Exception {
    assertThat(turnstile.enter("big", new LaneControl())).isTrue();
    for (int i = 0; i < 4; i++) {
      come("big", "big-" + i, new LaneControl());
    }
    come("small", "small", new LaneControl());
    for (int count = 1; count <= 5; count++) {
      leaveAndAwait(count);
    }
    assertThat(entered).containsExactly("big-0", "small", "big-1", "big-2", "big-3");
    assertThat(turnstile.waiting()).isZero();
  }

  @Test
  void whoever_is_stopped_leaves_the_line_at_once_and_takes_no_place() throws Exception {
    assertThat(turnstile.enter("a", new LaneControl())).isTrue();
    LaneControl control = new LaneControl();
    Thread stopped = come("a", "stopped", control);
    come("a", "next", new LaneControl());
    control.stop(Stop.CANCELLED);
    stopped.join();
    assertThat(turnstile.waiting()).isEqualTo(1);
    leaveAndAwait(1);
    assertThat(entered).containsExactly("next");
  }

  @Test
  void a_lane_that_was_stopped_before_does_not_wait() throws Exception {
    assertThat(turnstile.enter("a", new LaneControl())).isTrue();
    LaneControl control = new LaneControl();
    control.stop(Stop.RELEASED);
    assertThat(turnstile.enter("a", control)).isFalse();
    assertThat(turnstile.waiting()).isZero();
  }

  @Test
  void a_higher_limit_lets_in_at_once_and_a_lower_one_throws_nobody_out() throws Exception {
    assertThat(turnstile.enter("a", new LaneControl())).isTrue();
    come("a", "second", new LaneControl());
    come("a", "third", new LaneControl());
    turnstile.limit(3);
    EngineFixture.eventually(() -> entered.size() == 2);
    turnstile.limit(1);
    come("a", "fourth", new LaneControl());
    turnstile.leave();
    turnstile.leave();
    assertThat(turnstile.waiting()).isEqualTo(1);
    leaveAndAwait(3);
  }
}

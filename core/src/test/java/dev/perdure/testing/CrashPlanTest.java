package dev.perdure.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.testing.FaultPoints.Point;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class CrashPlanTest {
  private final AtomicInteger deaths = new AtomicInteger();

  @Test
  void a_point_kills_when_it_is_reached_for_the_nth_time() {
    CrashPlan plan = CrashPlan.parse("appended@3", deaths::incrementAndGet);
    plan.at(Point.APPENDED);
    plan.at(Point.APPENDING);
    plan.at(Point.APPENDED);
    assertThat(deaths).hasValue(0);
    plan.at(Point.APPENDED);
    assertThat(deaths).hasValue(1);
    CrashPlan.parse("ended", deaths::incrementAndGet).at(Point.ENDED);
    assertThat(deaths).hasValue(2);
  }

  @Test
  void a_point_kills_when_so_many_threads_stand_there() throws Exception {
    CountDownLatch dead = new CountDownLatch(1);
    AtomicInteger passed = new AtomicInteger();
    CrashPlan plan = CrashPlan.parse("tool_made*3", dead::countDown);
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      threads.add(
          Thread.ofVirtual()
              .start(() -> {
                plan.at(Point.TOOL_MADE);
                passed.incrementAndGet();
              }));
    }
    plan.at(Point.TOOL_INTENT);
    for (Thread thread : threads) {
      while (thread.getState() != Thread.State.WAITING) {
        Thread.onSpinWait();
      }
    }
    assertThat(dead.getCount()).isEqualTo(1);
    plan.at(Point.TOOL_MADE);
    assertThat(dead.await(30, TimeUnit.SECONDS)).isTrue();
    assertThat(passed).as("who stands there never goes on").hasValue(0);
    threads.forEach(Thread::interrupt);
  }

  @Test
  void what_is_no_point_is_refused() {
    assertThatThrownBy(() -> CrashPlan.parse("nowhere@1"))
        .isInstanceOf(IllegalArgumentException.class);
  }
}

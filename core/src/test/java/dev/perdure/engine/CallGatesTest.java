package dev.perdure.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.engine.LaneControl.Stop;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.Providers;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Who may read, and who must not keep others from it. */
@Timeout(60)
class CallGatesTest {
  /** More than read at the same time. */
  private static final int CROWD = 40;

  private final CallGates gates =
      new CallGates(new Providers(List.of(new ScriptedProvider()), "script/a"));
  private final List<LaneControl> controls = new ArrayList<>();
  private final List<Thread> threads = new ArrayList<>();

  /** Time stands still: who pauses does so until he is stopped. */
  private final Timers never =
      new Timers() {
        @Override
        public Cancellable after(Duration delay, Runnable task) {
          return () -> {};
        }

        @Override
        public void close() {}
      };

  @AfterEach
  void end() throws Exception {
    controls.forEach(control -> control.stop(Stop.RELEASED));
    for (Thread each : threads) {
      each.join();
    }
  }

  private Patience patience() {
    LaneControl control = new LaneControl();
    controls.add(control);
    return new Patience("turn", control, never);
  }

  private <T> void read(Patience patience, Supplier<@Nullable T> read, Runnable then) {
    threads.add(
        Thread.ofVirtual()
            .start(() -> {
              if (gates.reading(patience, read) == null) {
                then.run();
              }
            }));
  }

  @Test
  void turns_that_wait_for_a_database_that_is_away_keep_nobody_from_reading() throws Exception {
    AtomicInteger refused = new AtomicInteger();
    for (int i = 0; i < CROWD; i++) {
      read(
          patience(),
          () -> {
            refused.incrementAndGet();
            throw new PerdureException(ErrorCode.DATABASE_UNAVAILABLE, "Away.");
          },
          () -> {});
    }
    EngineFixture.eventually(() -> refused.get() == CROWD);
    assertThat(gates.reading(patience(), () -> "read")).isEqualTo("read");
  }

  @Test
  void a_stopped_lane_leaves_the_line_of_those_who_read() throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    AtomicInteger reading = new AtomicInteger();
    for (int i = 0; i < CROWD; i++) {
      read(
          patience(),
          () -> {
            reading.incrementAndGet();
            await(release);
            return "read";
          },
          () -> {});
    }
    EngineFixture.eventually(() -> reading.get() + gates.readersWaiting() == CROWD);
    assertThat(reading.get()).isBetween(1, CROWD - 1);
    int before = gates.readersWaiting();
    CountDownLatch left = new CountDownLatch(1);
    Patience stopped = patience();
    read(stopped, () -> "read", left::countDown);
    EngineFixture.eventually(() -> gates.readersWaiting() == before + 1);
    stopped.control().stop(Stop.CANCELLED);
    left.await();
    assertThat(gates.readersWaiting()).isEqualTo(before);
    release.countDown();
    EngineFixture.eventually(() -> reading.get() == CROWD);
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}

package dev.perdure.engine;

import static dev.perdure.engine.EngineFixture.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.Turn;
import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TurnState;
import dev.perdure.provider.BreakerPolicy;
import dev.perdure.provider.GuardedProvider;
import dev.perdure.provider.ModelEvent;
import dev.perdure.provider.ModelProvider;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelStream;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.Providers;
import dev.perdure.testing.VirtualTime;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** How many calls a provider gets at the same time, in a time that passes when the test says so. */
class ProviderLimitsTest {
  private static final Duration REST = Duration.ofSeconds(10);

  @TempDir Path dir;
  private final Vendor vendor = new Vendor();
  private final ManualTime time = new ManualTime();
  private Database database;

  @BeforeEach
  void open() {
    database = ReadyDatabases.sqlite(dir);
  }

  @AfterEach
  void close() throws Exception {
    database.close();
  }

  /** Refuses while it is down; else holds each call until the test lets it answer. */
  private static final class Vendor implements ModelProvider {
    private final Semaphore answers = new Semaphore(0);
    private final Semaphore ends = new Semaphore(0);
    private final AtomicInteger inside = new AtomicInteger();
    private volatile boolean down;

    @Override
    public String name() {
      return "vendor";
    }

    @Override
    public ModelStream open(ModelRequest request) {
      return new Call();
    }

    private final class Call implements ModelStream {
      private int at;

      @Override
      public @Nullable ModelEvent next() throws ProviderException {
        if (down) {
          throw new ProviderException(Kind.SERVER, "down");
        }
        if (at++ == 0) {
          inside.incrementAndGet();
          answers.acquireUninterruptibly();
          return new ModelEvent.Delta(0, PartKind.TEXT, "well");
        }
        if (at > 2) {
          return null;
        }
        ends.acquireUninterruptibly();
        inside.decrementAndGet();
        return new ModelEvent.Finished(FinishReason.STOP);
      }

      @Override
      public void close() {}
    }
  }

  /** Whoever waits, waits for the test. */
  private static final class ManualTime implements Timers {
    private final VirtualTime clock = new VirtualTime(Instant.parse("2030-01-01T00:00:00Z"));
    private final List<Alarm> alarms = new ArrayList<>();

    private record Alarm(Instant due, Runnable task) {}

    @Override
    public synchronized Cancellable after(Duration delay, Runnable task) {
      Alarm alarm = new Alarm(clock.instant().plus(delay), task);
      alarms.add(alarm);
      return () -> cancel(alarm);
    }

    private synchronized void cancel(Alarm alarm) {
      alarms.remove(alarm);
    }

    synchronized long within(Duration time) {
      Instant until = clock.instant().plus(time);
      return alarms.stream().filter(alarm -> !alarm.due.isAfter(until)).count();
    }

    void advance(Duration by) {
      clock.pass(by);
      List<Alarm> due;
      synchronized (this) {
        due = alarms.stream().filter(alarm -> !alarm.due.isAfter(clock.instant())).toList();
        alarms.removeAll(due);
      }
      due.forEach(alarm -> alarm.task.run());
    }

    @Override
    public void close() {}
  }

  private EngineHarness node(ModelProvider provider, Map<String, Integer> maxCalls) {
    EngineHarness node =
        new EngineHarness(
            database,
            new Providers(List.of(provider), "vendor/m", List.of(), maxCalls),
            time.clock,
            time);
    node.engine.start();
    return node;
  }

  private static List<Turn> submit(EngineHarness node, int count) {
    List<Turn> turns = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      turns.add(node.submit(node.session(), "Hi", "vendor/m"));
    }
    return turns;
  }

  @Test
  void after_an_outage_those_who_waited_come_back_in_growing_numbers() throws Exception {
    int count = 60;
    BreakerPolicy policy = new BreakerPolicy(4, 4, 50, REST, CallGates.FIRST);
    try (EngineHarness node = node(new GuardedProvider(vendor, policy, time.clock), Map.of())) {
      vendor.down = true;
      List<Turn> turns = submit(node, count);
      // All have failed or been refused, and wait; after a second all have been refused.
      eventually(() -> time.within(Duration.ofMinutes(1)) == count);
      time.advance(Duration.ofSeconds(1));
      eventually(() -> time.within(Duration.ofMinutes(1)) == count);

      vendor.down = false;
      time.advance(REST.multipliedBy(5).dividedBy(4));

      int inside = 0;
      int begun = 0;
      List<Integer> arrivals = new ArrayList<>();
      while (inside < count) {
        int most = Math.min(count, CallGates.FIRST + 2 * begun);
        eventually(() -> vendor.inside.get() == most);
        assertThat(vendor.inside.get()).isEqualTo(most);
        arrivals.add(most - inside);
        vendor.answers.release(most - inside);
        begun = most;
        inside = most;
      }
      assertThat(arrivals).startsWith(3, 6, 12, 24);
      vendor.ends.release(count);
      for (Turn turn : turns) {
        node.awaitEnd(turn.id());
        assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.COMPLETED);
      }
    }
  }

  @Test
  void a_provider_gets_no_more_calls_at_a_time_than_allowed_and_a_cancel_does_not_wait()
      throws Exception {
    try (EngineHarness node = node(vendor, Map.of("vendor", 2))) {
      List<Turn> turns = submit(node, 5);
      eventually(() -> vendor.inside.get() == 2 && node.waitingCalls() == 3);
      vendor.answers.release(5);
      List<Turn> begun = new ArrayList<>();
      List<Turn> waiting = new ArrayList<>();
      eventually(() -> {
        begun.clear();
        waiting.clear();
        turns.forEach(turn -> (text(node, turn).isEmpty() ? waiting : begun).add(turn));
        return begun.size() == 2;
      });
      Turn cancelled = waiting.removeFirst();
      node.desk.cancelTurn(EngineHarness.CALLER, cancelled.id());
      node.awaitEnd(cancelled.id());
      assertThat(node.turn(cancelled.id()).state()).isEqualTo(TurnState.CANCELLED);
      assertThat(vendor.inside.get()).isEqualTo(2);

      vendor.ends.release(1);
      eventually(() -> vendor.inside.get() == 2 && node.waitingCalls() == 1);
      vendor.ends.release(4);
      for (Turn turn : turns) {
        node.awaitEnd(turn.id());
      }
      assertThat(turns.stream().filter(turn -> !turn.equals(cancelled)))
          .allSatisfy(turn -> assertThat(text(node, turn)).isEqualTo("well"));
    }
  }

  private static String text(EngineHarness node, Turn turn) {
    return node.database.read(tx -> node.log.readAll(tx, turn.id())).fold().laneSnapshot(0).text();
  }
}

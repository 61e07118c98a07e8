package dev.perdure.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ArrayNode;
import dev.perdure.chat.Turn;
import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnState;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.testing.VirtualTime;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterContainer;
import org.jspecify.annotations.Nullable;

/** When a failing provider is asked again, by a clock that passes only while a lane waits. */
class RetryTimingPropertyTest {
  private static final Path DIRECTORY = directory();
  private static final Database DATABASE = ReadyDatabases.sqlite(DIRECTORY);

  private static Path directory() {
    try {
      return Files.createTempDirectory("perdure-retry-");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @AfterContainer
  static void close() throws IOException {
    DATABASE.close();
    try (Stream<Path> files = Files.walk(DIRECTORY)) {
      files.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(java.io.File::delete);
    }
  }

  /**
   * One call that fails; {@code askedMillis} is what the provider says to wait, -1 if it does not.
   */
  record Failure(Kind kind, int askedMillis) {}

  @Property(tries = 500)
  void a_pause_lies_between_half_of_the_backoff_and_all_of_it_and_within_the_budget(
      @ForAll("policies") RetryPolicy policy,
      @ForAll("tries") int tries,
      @ForAll("millis") long elapsedMillis,
      @ForAll("millis") long askedMillis,
      @ForAll long seed) {
    @Nullable Duration asked = askedMillis % 2 == 0 ? null : Duration.ofMillis(askedMillis);
    Duration elapsed = Duration.ofMillis(elapsedMillis);
    Duration least = least(policy, tries, asked);
    Duration most = most(policy, tries, asked);
    Optional<Duration> pause = policy.pause(tries, elapsed, asked, new Random(seed));
    if (pause.isEmpty()) {
      assertThat(tries >= policy.attempts() || elapsed.plus(most).compareTo(policy.budget()) > 0)
          .as("given up without need")
          .isTrue();
    } else {
      assertThat(tries).isLessThan(policy.attempts());
      assertThat(pause.get()).isBetween(least, most);
      assertThat(elapsed.plus(pause.get())).isLessThanOrEqualTo(policy.budget());
    }
  }

  @Property(tries = 60)
  void a_lane_asks_again_at_these_times_and_ends_as_its_last_call_does(
      @ForAll("policies") RetryPolicy policy, @ForAll("failures") List<Failure> failures) {
    VirtualTime time = new VirtualTime(Instant.parse("2030-01-01T00:00:00Z"));
    ScriptedProvider provider = new ScriptedProvider();
    failures.forEach(failure -> provider.script("a", call(failure)));
    provider.script("a", Json.trusted("[{\"text\":\"well\"},{\"finish\":\"stop\"}]"));
    Timers timers = timers(time);
    try (EngineHarness node = new EngineHarness(DATABASE, provider, config(policy), time, timers)) {
      node.engine.start();
      Turn turn = node.submit(node.session(), "Hello", "script/a");
      List<TurnEvent> log = node.awaitEnd(turn.id());
      List<Duration> pauses = time.takeWaits();

      assertThat(provider.requests()).hasSize(pauses.size() + 1);
      Duration elapsed = Duration.ZERO;
      for (int i = 0; i < pauses.size(); i++) {
        Failure failure = failures.get(i);
        int tries = tries(failures, i);
        assertThat(failure.kind.retryable()).as("%s was asked again", failure).isTrue();
        assertThat(pauses.get(i))
            .isBetween(least(policy, tries, asked(failure)), most(policy, tries, asked(failure)));
        assertThat(tries).isLessThan(policy.attempts());
        elapsed = elapsed.plus(pauses.get(i));
      }
      assertThat(elapsed).isLessThanOrEqualTo(policy.budget());
      boolean well = pauses.size() == failures.size();
      assertThat(node.turn(turn.id()).state())
          .isEqualTo(well ? TurnState.COMPLETED : TurnState.FAILED);
      if (!well) {
        int tries = tries(failures, pauses.size());
        Failure last = failures.get(pauses.size());
        assertThat(
                !last.kind.retryable()
                    || tries == policy.attempts()
                    || elapsed.plus(most(policy, tries, asked(last))).compareTo(policy.budget())
                        > 0)
            .as("given up without need")
            .isTrue();
      }
      assertThat(announced(log)).isEqualTo(pauses.stream().map(Duration::toMillis).toList());
    }
  }

  /** How often the model was really asked up to a failure; at least once, for the backoff. */
  private static int tries(List<Failure> failures, int last) {
    long asked =
        failures.stream()
            .limit(last + 1L)
            .filter(failure -> failure.kind != Kind.CIRCUIT_OPEN)
            .count();
    return (int) Math.max(1, asked);
  }

  /** What clients were told about each pause. */
  private static List<Long> announced(List<TurnEvent> log) {
    List<Long> out = new ArrayList<>();
    for (TurnEvent event : log) {
      if (event instanceof TurnEvent.Notice notice && notice.code().equals("retrying")) {
        String text = notice.text();
        out.add(Long.parseLong(text.replaceFirst(".*again in (\\d+) ms\\.$", "$1")));
      }
    }
    return out;
  }

  private static @Nullable Duration asked(Failure failure) {
    return failure.askedMillis < 0 ? null : Duration.ofMillis(failure.askedMillis);
  }

  private static Duration least(RetryPolicy policy, int tries, @Nullable Duration asked) {
    return later(backoff(policy, tries).dividedBy(2).minusMillis(1), asked);
  }

  private static Duration most(RetryPolicy policy, int tries, @Nullable Duration asked) {
    return later(backoff(policy, tries), asked == null ? null : asked.multipliedBy(5).dividedBy(4));
  }

  private static Duration later(Duration pause, @Nullable Duration asked) {
    return asked == null || asked.compareTo(pause) < 0 ? pause : asked;
  }

  /** Twice the pause of the try before, up to the ceiling. */
  private static Duration backoff(RetryPolicy policy, int tries) {
    Duration pause = policy.base();
    for (int i = 1; i < tries && pause.compareTo(policy.max()) < 0; i++) {
      pause = pause.multipliedBy(2);
    }
    return pause.compareTo(policy.max()) < 0 ? pause : policy.max();
  }

  private static ArrayNode call(Failure failure) {
    ArrayNode steps = Json.MAPPER.createArrayNode();
    var step = steps.addObject().put("fail", failure.kind.name().toLowerCase(Locale.ROOT));
    if (failure.askedMillis >= 0) {
      step.put("retryAfterMs", failure.askedMillis);
    }
    return steps;
  }

  private static EngineConfig config(RetryPolicy retry) {
    EngineConfig d = EngineHarness.config(Duration.ofDays(2));
    return EngineConfigs.of(d, d.claimBatch(), d.maxRunning(), d.turnTimeLimit(), retry);
  }

  /** Waits pass at once by the clock; the turn's time limit never comes. */
  private static Timers timers(VirtualTime time) {
    return new Timers() {
      @Override
      public Cancellable after(Duration delay, Runnable task) {
        if (delay.compareTo(Duration.ofDays(1)) < 0) {
          time.pass(delay);
          task.run();
        }
        return () -> {};
      }

      @Override
      public void close() {}
    };
  }

  @Provide
  Arbitrary<RetryPolicy> policies() {
    return Combinators.combine(
            Arbitraries.integers().between(1, 8),
            Arbitraries.longs().between(1, 60_000),
            Arbitraries.longs().between(1, 600_000),
            Arbitraries.longs().between(0, 3_600_000))
        .as((attempts, base, max, budget) ->
            new RetryPolicy(
                attempts,
                1000,
                Duration.ofMillis(base),
                Duration.ofMillis(max),
                Duration.ofMillis(budget)));
  }

  @Provide
  Arbitrary<Integer> tries() {
    return Arbitraries.integers().between(1, 100);
  }

  @Provide
  Arbitrary<Long> millis() {
    return Arbitraries.longs().between(0, 4_000_000);
  }

  @Provide
  Arbitrary<List<Failure>> failures() {
    List<Kind> kinds = Stream.of(Kind.values()).filter(kind -> kind != Kind.CANCELLED).toList();
    Arbitrary<Kind> kind =
        Arbitraries.frequencyOf(
            Tuple.of(1, Arbitraries.of(kinds)),
            Tuple.of(1, Arbitraries.of(Kind.SERVER, Kind.RATE_LIMITED, Kind.OVERLOADED)));
    return Combinators.combine(kind, Arbitraries.integers().between(-60_000, 60_000))
        .as((k, asked) -> new Failure(k, Math.max(-1, asked)))
        .list()
        .ofMaxSize(9);
  }
}

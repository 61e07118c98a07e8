package dev.perdure.it;

import static dev.perdure.it.Prompts.words;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.it.Server.Setup;
import dev.perdure.it.check.Observation.Request;
import dev.perdure.testing.EmbeddedPostgresServer;
import dev.perdure.testing.FaultPoints.Point;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A server dies at each place where that would be cruel, while it answers one message and has
 * another in the queue. A client that did not get its 202 repeats its request with the same key, as
 * clients do; then the checker must find no rule broken. A migration is the upgrade of a server
 * that was killed at work, and dies before its commit.
 */
@Execution(ExecutionMode.CONCURRENT) // each has a server of its own, and mostly waits
class CrashTest {
  private static final int KILLED = 137;
  private static final Request FIRST = Witness.request("first", "demo/demo", words(60), 5);
  private static final Request SECOND = Witness.request("second", "demo/demo", words(20), 5);

  @TempDir Path data;

  /** Where servers live, and how the checker gets at what they have stored. */
  private record Place(Function<Setup, Server> start, String jdbcUrl) {}

  private Place sqlite() {
    return new Place(
        setup -> setup.start(data), "jdbc:sqlite:" + data.resolve("perdure.db").toAbsolutePath());
  }

  private static Place postgres() {
    String url = EmbeddedPostgresServer.shared().createDatabase();
    return new Place(setup -> setup.start(url), url);
  }

  @ParameterizedTest
  @EnumSource(
      value = Point.class,
      mode = EnumSource.Mode.EXCLUDE,
      names = {
        "COMPACTING",
        "COMPACTED",
        "TOOL_INTENT",
        "TOOL_MADE",
        "TOOL_STORED",
        "PARKING",
        "PARKED"
      })
  void whatever_was_accepted_is_answered_once_after_a_crash_at(Point point) {
    crash(point, sqlite());
  }

  @Test
  void whatever_was_accepted_is_answered_once_after_a_crash_in_a_migration_of_postgresql() {
    crash(Point.MIGRATING, postgres());
  }

  @Test
  void a_crash_in_the_first_migration_of_all_leaves_nothing_in_the_way() {
    for (Place place : List.of(sqlite(), postgres())) {
      try (Server doomed = place.start.apply(dyingAt(Point.MIGRATING))) {
        assertThat(doomed.process().awaitExit()).as(doomed.process().output()).isEqualTo(KILLED);
      }
      try (Server successor = place.start.apply(Server.setup())) {
        assertThat(successor.api().createSession()).isNotEmpty();
      }
    }
  }

  private static void crash(Point point, Place place) {
    boolean migrates = point == Point.MIGRATING;
    Witness witness = new Witness();
    String session;
    Map<Request, String> acknowledged = new HashMap<>();
    Transcript seen = new Transcript();
    try (Server doomed = place.start.apply(migrates ? Server.setup() : dyingAt(point))) {
      Api api = doomed.api();
      session = api.createSession();
      for (Request request : List.of(FIRST, SECOND)) {
        try {
          acknowledged.put(request, Api.turnOf(witness.post(api, session, request)));
        } catch (Api.Unreachable e) {
          break;
        }
      }
      follow(api, acknowledged.get(FIRST), seen);
      if (point == Point.DRAINING || point == Point.HANDED_OVER) {
        doomed.process().terminate();
      } else if (migrates) {
        doomed.kill();
      }
      assertThat(doomed.process().awaitExit()).as(doomed.process().output()).isEqualTo(KILLED);
    }
    Setup next = Server.setup();
    if (migrates) {
      next.env("JAVA_TOOL_OPTIONS", RollingUpgradeTest.NEWER);
      Setup doomed =
          dyingAt(point).env("JAVA_TOOL_OPTIONS", RollingUpgradeTest.NEWER + " " + plan(point));
      try (Server upgrade = place.start.apply(doomed)) {
        assertThat(upgrade.process().awaitExit()).as(upgrade.process().output()).isEqualTo(KILLED);
      }
    }
    try (Server successor = place.start.apply(next)) {
      Api api = successor.api();
      Map<Request, String> turns = new HashMap<>();
      for (Request request : List.of(FIRST, SECOND)) {
        turns.put(request, Api.turnOf(witness.post(api, session, request)));
      }
      assertThat(turns).containsAllEntriesOf(acknowledged);
      turns.forEach((text, turn) -> assertThat(api.awaitEnd(turn)).as(turn).isEqualTo("completed"));

      String first = String.valueOf(turns.get(FIRST));
      api.read(first, seen, event -> false);
      witness.read(session, first, seen);
      assertThat(api.messages(session))
          .extracting(Api::text)
          .containsExactly(FIRST.text(), FIRST.says(), SECOND.text(), SECOND.says());
      assertThat(api.get("/v1/turns?state=active").json().required("items")).isEmpty();
      witness.judge(place.jdbcUrl, List.of());
    }
  }

  /** Dies at the point: the first time for what happens once, later for what happens often. */
  private static Setup dyingAt(Point point) {
    return Server.setup()
        .env("JAVA_TOOL_OPTIONS", plan(point))
        .env("PERDURE_ENGINE_DRAIN_GRACE", "1ms");
  }

  private static String plan(Point point) {
    int times =
        switch (point) {
          case APPENDING, APPENDED -> 20;
          case ACCEPTED,
              CLAIMING,
              CLAIMED,
              ENDING,
              ENDING_UNCOMMITTED,
              ENDED,
              DRAINING,
              HANDED_OVER,
              MIGRATING,
              COMPACTING,
              COMPACTED,
              TOOL_INTENT,
              TOOL_MADE,
              TOOL_STORED,
              PARKING,
              PARKED ->
              1;
        };
    return "-Dperdure.crash=" + point.name().toLowerCase(Locale.ROOT) + "@" + times;
  }

  /** Reads until the process dies; of a drain, until there is something to lose. */
  private static void follow(Api api, @Nullable String turn, Transcript into) {
    if (turn != null) {
      try {
        api.read(turn, into, event -> event.seq() == 30);
      } catch (Api.Unreachable e) {
        // This is what a client sees of a crash; it will come back with what it has.
      }
    }
  }
}

package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.testing.FaultPoints.Point;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A server dies at each place where that would be cruel, while it answers one message and has
 * another in the queue. A client that did not get its 202 repeats its request with the same key, as
 * clients do; then everything must be there, once, in order.
 */
@Order(1) // the long ones first, so that the others fill the gaps
class CrashTest {
  private static final int KILLED = 137;
  private static final String FIRST = Prompts.say(Prompts.words(60), 5);
  private static final String SECOND = Prompts.say(Prompts.words(20), 5);

  @TempDir Path data;

  @ParameterizedTest
  @EnumSource(value = Point.class, mode = EnumSource.Mode.EXCLUDE, names = "MIGRATING")
  void whatever_was_accepted_is_answered_once_after_a_crash_at(Point point) {
    String session;
    Map<String, String> acknowledged = new HashMap<>();
    Transcript seen = new Transcript();
    try (Server doomed = doomed(point)) {
      Api api = doomed.api();
      session = api.createSession();
      for (String text : List.of(FIRST, SECOND)) {
        try {
          acknowledged.put(text, submit(api, session, text));
        } catch (Api.Unreachable e) {
          break;
        }
      }
      follow(api, acknowledged.get(FIRST), seen);
      if (point == Point.DRAINING || point == Point.HANDED_OVER) {
        doomed.process().terminate();
      }
      assertThat(doomed.process().awaitExit()).as(doomed.process().output()).isEqualTo(KILLED);
    }

    try (Server successor = Server.setup().start(data)) {
      Api api = successor.api();
      Map<String, String> turns = new HashMap<>();
      for (String text : List.of(FIRST, SECOND)) {
        turns.put(text, submit(api, session, text));
      }
      assertThat(turns).containsAllEntriesOf(acknowledged);
      turns.forEach((text, turn) -> assertThat(api.awaitEnd(turn)).as(turn).isEqualTo("completed"));

      api.read(String.valueOf(turns.get(FIRST)), seen, event -> false);
      assertThat(seen.text()).isEqualTo(Prompts.words(60));
      assertThat(seen.events("turn.ended")).hasSize(1);
      assertThat(api.messages(session))
          .extracting(Api::text)
          .containsExactly(FIRST, Prompts.words(60), SECOND, Prompts.words(20));
      assertThat(api.get("/v1/turns?state=active").json().required("items")).isEmpty();
    }
  }

  /** Dies at the point: the first time for what happens once, later for what happens often. */
  private Server doomed(Point point) {
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
              MIGRATING ->
              1;
        };
    String plan = point.name().toLowerCase(Locale.ROOT) + "@" + times;
    return Server.setup()
        .env("JAVA_TOOL_OPTIONS", "-Dperdure.crash=" + plan)
        .env("PERDURE_ENGINE_DRAIN_GRACE", "1ms")
        .start(data);
  }

  private static String submit(Api api, String session, String text) {
    String key = "crash-" + text.hashCode();
    return Api.turnOf(api.submitRaw(session, Api.body(text), "Idempotency-Key", key));
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

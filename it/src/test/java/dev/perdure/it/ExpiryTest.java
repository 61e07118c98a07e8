package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Coming back late: after an hour, after a day, after retention. */
class ExpiryTest {
  private static final long HOUR_MILLIS = 3_600_000;
  private static final String[] SSE = {"Accept", "text/event-stream"};

  @TempDir Path data;

  @Test
  void a_reply_is_replayed_for_a_day_and_then_expires_with_a_pointer_to_the_message()
      throws Exception {
    try (Server server = Server.setup().start(data)) {
      String session = server.api().createSession();
      String turn = server.api().submit(session, Prompts.say("kept for long", 1));
      server.api().awaitEnd(turn);
      List<Transcript.Event> live = server.api().follow(turn).events();

      endedLongAgo(server, HOUR_MILLIS);
      assertThat(server.startAgain().api().follow(turn).events()).isEqualTo(live);

      // A day but for the minutes that this test may take.
      endedLongAgo(server, 23 * HOUR_MILLIS - HOUR_MILLIS / 6);
      Api within = server.startAgain().api();
      assertThat(within.follow(turn).events()).isEqualTo(live);
      assertThat(Api.text(within.reply(session, turn))).isEqualTo("kept for long");

      endedLongAgo(server, HOUR_MILLIS / 3);
      Api later = server.startAgain().api();
      String events = "/v1/turns/" + turn + "/events";
      Await.until(
          "the log's expiry",
          () -> later.get(events, "Accept", "application/json").status() == 410 ? "" : null);
      Api.Answer gone = later.get(events, "Accept", "text/event-stream").expect(410);
      assertThat(gone.body()).contains("expired").contains("/v1/sessions/" + session);
      assertThat(Api.text(later.reply(session, turn))).isEqualTo("kept for long");
      assertThat(later.state(turn)).isEqualTo("completed");
      for (String how : List.of("", "?live=long-poll", "?live=sse", "?offset=now")) {
        later.get("/streams/turns/" + turn + how).expect(410);
      }
      later.get("/api/chat/" + session + "/stream").expect(204);
      assertThat(later.get("/api/chat/" + session + "/messages").expect(200).body())
          .contains("kept for long");
    }
  }

  @Test
  void a_resume_is_answered_by_what_there_is() {
    try (Server server = Server.setup().start(data)) {
      Api api = server.api();
      String session = api.createSession();
      String live = api.submit(session, Prompts.say(Prompts.words(500), 20));
      assertThat(api.get("/v1/turns/" + live).json().path("state").asText()).isEqualTo("running");
      assertThat(first(api, live).path("state").asText()).isEqualTo("running");

      String finished = api.submit(api.createSession(), Prompts.say("done", 1));
      assertThat(api.awaitEnd(finished)).isEqualTo("completed");
      assertThat(first(api, finished).path("state").asText()).isEqualTo("completed");

      String failed = api.submit(api.createSession(), "/error 400 always");
      assertThat(api.awaitEnd(failed)).isEqualTo("failed");
      Transcript seen = api.follow(failed);
      assertThat(seen.state()).isEqualTo("failed");
      assertThat(first(api, failed).path("error").path("text").asText()).isNotEmpty();
      // Nobody who has not seen why is told by nothing but a 204.
      for (long after = -1; after < seen.lastSeq(); after++) {
        Api.Answer rest = api.get("/v1/turns/" + failed + "/events?after=" + after, SSE);
        assertThat(rest.expect(200).body()).contains("turn.ended").contains("\"error\"");
      }
      String all = "/v1/turns/" + failed + "/events?after=" + seen.lastSeq();
      assertThat(api.get(all, SSE).status()).isEqualTo(204);
      assertThat(seen.events("lane.ended").getFirst().json().path("error").path("text").asText())
          .isNotEmpty();

      String unknown = "/v1/turns/turn_00000000000000000000000000/events";
      assertThat(api.get(unknown, "Accept", "text/event-stream").status()).isEqualTo(404);
      assertThat(api.get("/v1/turns/" + live + "/events?after=99999").status()).isEqualTo(400);
      assertThat(api.get("/v1/turns/" + live + "/events?after=x").status()).isEqualTo(400);
    }
  }

  /** What a client that comes without anything is shown first. */
  private static JsonNode first(Api api, String turn) {
    List<JsonNode> first = new ArrayList<>();
    api.stream(
        "/v1/turns/" + turn + "/events?from=snapshot",
        null,
        frame -> first.add(Api.read(frame.data())));
    return first.getFirst();
  }

  /** Stops the server and moves every end of a turn into the past, as if that time had passed. */
  private void endedLongAgo(Server server, long millis) throws SQLException {
    server.kill();
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + database());
        Statement statement = connection.createStatement()) {
      assertThat(statement.executeUpdate("UPDATE turn SET ended_at = ended_at - " + millis))
          .isPositive();
    }
  }

  private Path database() {
    try (Stream<Path> files = Files.list(data)) {
      return files.filter(f -> f.toString().endsWith(".db")).findFirst().orElseThrow();
    } catch (java.io.IOException e) {
      throw new AssertionError(e);
    }
  }
}

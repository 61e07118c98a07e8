package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Several models side by side in one turn. */
class LanesTest {
  @TempDir static Path data;
  static FakeProvider fake;
  static Server server;
  static Api api;

  @BeforeAll
  static void start() {
    fake = FakeProvider.start();
    // Nothing listens on port 1: the gemini lanes of these tests fail.
    server =
        Server.setup()
            .providers(fake)
            .env("GEMINI_BASE_URL", "http://127.0.0.1:1")
            .env("PERDURE_ENGINE_RETRY_MAX_ATTEMPTS", "2")
            .start(data);
    api = server.api();
  }

  @AfterAll
  static void stop() {
    server.close();
    fake.close();
  }

  @Test
  void three_lanes_run_side_by_side_and_each_can_be_cancelled_and_retried() {
    String session = api.createSession();
    String text = Prompts.words(400);
    // Every lane stands still in mid-reply, but for the one that is retried.
    String turn =
        api.submit(
            session,
            Prompts.say(text, 3, "/stall 6s at 200 times 2"),
            "demo/demo",
            "openai/it",
            "openai/it");
    Await.until(
        "text in every lane",
        () -> {
          JsonNode lanes = api.turn(turn).required("lanes");
          for (JsonNode lane : lanes) {
            if (lane.path("text").asText().length() < 10) {
              return null;
            }
          }
          return lanes;
        });
    api.accepted("/v1/turns/" + turn + "/lanes/1/cancel");
    Await.until(
        "the end of lane 1",
        () ->
            api.turn(turn).required("lanes").required(1).path("state").asText().equals("cancelled")
                ? ""
                : null);
    assertThat(api.state(turn)).as("the other lanes go on").isEqualTo("running");

    api.accepted("/v1/turns/" + turn + "/lanes/1/retry");
    Transcript seen = api.follow(turn);

    assertThat(seen.state()).isEqualTo("completed");
    for (int lane = 0; lane < 3; lane++) {
      assertThat(seen.text(lane)).isEqualTo(text);
    }
    assertThat(seen.attempts(1)).isEqualTo(2);
  }

  @Test
  void what_is_there_of_each_lane_is_seen_at_once_and_after_a_reload() {
    String session = api.createSession();
    // The fast lane is over and the failing one has failed while the slow one still writes.
    String slow = Prompts.words(4_000);
    String turn =
        api.submit(session, Prompts.say(slow, 10), "demo/slow", "openai/slow", "gemini/it");
    api.awaitText(turn, 10);
    Await.until("the failure", () -> state(api.turn(turn), 2).equals("failed") ? "" : null);
    api.accepted("/v1/turns/" + turn + "/lanes/1/cancel");
    Await.until("the cancel", () -> state(api.turn(turn), 1).equals("cancelled") ? "" : null);

    JsonNode reloaded = api.turn(turn);
    assertThat(reloaded.path("state").asText()).isEqualTo("running");
    assertThat(state(reloaded, 0)).isEqualTo("streaming");
    String partial = reloaded.path("lanes").path(0).path("text").asText();
    assertThat(slow).startsWith(partial);
    assertThat(partial).isNotEmpty();
    List<String> statuses =
        api.messages(session).stream().skip(1).map(m -> m.path("status").asText()).toList();
    assertThat(statuses.subList(1, 3)).containsExactly("cancelled", "failed");
    Transcript tab = new Transcript();
    api.read(turn, tab, event -> tab.text(0).length() > partial.length());
    assertThat(tab.text(0)).startsWith(partial);

    api.cancel(turn);
    assertThat(api.awaitEnd(turn)).isEqualTo("failed");
    assertThat(Api.text(api.messages(session).get(1))).startsWith(tab.text(0));
  }

  private static String state(JsonNode turn, int lane) {
    return turn.path("lanes").path(lane).path("state").asText();
  }

  @Test
  void a_lane_that_fails_does_not_take_the_others_with_it() {
    String session = api.createSession();
    String turn =
        api.submit(session, Prompts.say("fast", 1), "gemini/it", "demo/demo", "anthropic/it");
    Transcript seen = api.follow(turn);

    assertThat(seen.state()).isEqualTo("completed");
    assertThat(seen.events("lane.ended"))
        .extracting(e -> e.json().path("lane").asInt() + " " + e.json().path("state").asText())
        .containsExactlyInAnyOrder("0 failed", "1 completed", "2 completed");
    JsonNode failed = api.messages(session).get(1);
    assertThat(failed.path("status").asText()).isEqualTo("failed");
    assertThat(failed.path("error").path("code").asText()).isEqualTo("connect");
    assertThat(api.messages(session).subList(2, 4)).extracting(Api::text).containsOnly("fast");
  }
}

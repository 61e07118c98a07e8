package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.server.http.Door.Answer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Turns for later, questions and schedules over the API. */
@TestInstance(Lifecycle.PER_CLASS)
class WaitApiTest {
  private Door door;

  @BeforeAll
  void open(@TempDir Path data) {
    door = new Door(data);
  }

  @AfterAll
  void close() {
    door.close();
  }

  private String session() throws Exception {
    return door.post("/v1/sessions", "{}").json().path("id").textValue();
  }

  private Answer send(String session, String members) throws Exception {
    return door.post("/v1/sessions/" + session + "/turns", "{\"text\":\"Hi\"" + members + "}");
  }

  private Answer patch(String path, String body) throws Exception {
    return door.send("PATCH", path, body);
  }

  private JsonNode awaitState(String turn, String state) throws Exception {
    long deadline = System.nanoTime() + 30_000_000_000L;
    while (true) {
      JsonNode now = door.get("/v1/turns/" + turn).json();
      if (now.path("state").textValue().equals(state)) {
        return now;
      }
      assertThat(System.nanoTime()).as(now.toString()).isLessThan(deadline);
      Thread.sleep(5);
    }
  }

  @Test
  void a_message_for_later_is_listed_moved_and_answered_then() throws Exception {
    String session = session();
    Answer accepted = send(session, ",\"delay\":\"PT1H\"");
    assertThat(accepted.status()).isEqualTo(202);
    JsonNode turn = accepted.json();
    String id = turn.path("turn").textValue();
    assertThat(turn.path("state").textValue()).isEqualTo("scheduled");
    assertThat(turn.has("position")).isFalse();
    long at = turn.path("notBefore").longValue();
    assertThat(at).isGreaterThan(turn.path("createdAt").longValue());
    JsonNode listed = door.get("/v1/turns?state=scheduled").json().path("items").path(0);
    assertThat(listed.path("turn").textValue()).isEqualTo(id);
    assertThat(listed.at("/parts/0/text").textValue()).isEqualTo("Hi");
    assertThat(door.get("/v1/turns?state=active").json().path("items")).isEmpty();
    assertThat(door.get("/v1/turns/" + id).json().path("state").textValue()).isEqualTo("scheduled");

    String move = "{\"delay\":\"PT0S\",\"was\":" + at + "}";
    assertThat(patch("/v1/turns/" + id, move.replace("" + at, "1")).status()).isEqualTo(409);
    assertThat(patch("/v1/turns/" + id, move).status()).isEqualTo(200);
    door.provider.call().say("Hello").finish();
    assertThat(awaitState(id, "completed").path("position").intValue()).isZero();
    assertThat(patch("/v1/turns/" + id, move).status()).isEqualTo(409);
  }

  @Test
  void a_time_that_has_passed_is_now() throws Exception {
    String id = send(session(), ",\"notBefore\":1000").json().path("turn").textValue();
    door.provider.call().say("Hello").finish();
    awaitState(id, "completed");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        ",\"delay\":\"PT1H\",\"notBefore\":1",
        ",\"delay\":\"-PT1H\"",
        ",\"delay\":\"an hour\"",
        ",\"delay\":\"P9999D\"",
        ",\"delay\":60",
        ",\"notBefore\":-1",
        ",\"notBefore\":1.5",
        ",\"notBefore\":9007199254740993000",
        ",\"notBefore\":1,\"whenBusy\":\"interrupt\""
      })
  void what_is_no_time_is_refused(String members) throws Exception {
    assertThat(send(session(), members).status()).isEqualTo(400);
  }

  @Test
  void a_message_answers_a_question_and_its_202_says_so() throws Exception {
    String session = session();
    String turn = send(session, ",\"tools\":[\"ask_user\"]").json().path("turn").textValue();
    door.provider
        .call()
        .ask("ask_user", "{\"question\":\"Which?\",\"choices\":[\"Red\",\"Blue\"]}")
        .finish();
    JsonNode call = awaitState(turn, "waiting").at("/lanes/0/calls/0");
    assertThat(call.at("/waiting/for").textValue()).isEqualTo("input");
    assertThat(door.get("/v1/turns?state=waiting").json().at("/items/0/turn").textValue())
        .isEqualTo(turn);
    String answer =
        "{\"call\":\"" + call.path("call").textValue() + "\",\"decision\":\"done\",\"output\":";
    Answer wrong = door.post("/v1/turns/" + turn + "/answers", answer + "\"Green\"}");
    assertThat(wrong.status()).isEqualTo(400);
    assertThat(wrong.json().path("detail").textValue()).contains("Red").contains("Blue");
    Answer said = send(session, "");
    assertThat(said.status()).isEqualTo(202);
    assertThat(said.json().path("turn").textValue()).isEqualTo(turn);
    assertThat(said.json().at("/answered/call").textValue())
        .isEqualTo(call.path("call").textValue());
    door.provider.call().say("So be it.").finish();
    awaitState(turn, "completed");
    JsonNode newest =
        door.get("/v1/sessions/" + session + "/messages?limit=1").json().at("/items/0");
    assertThat(newest.path("id").textValue())
        .isEqualTo(said.json().at("/answered/message").textValue());
  }

  @Test
  void a_schedule_is_made_shown_changed_and_deleted() throws Exception {
    String body =
        "{\"session\":\""
            + session()
            + "\",\"name\":\"Report\",\"message\":{\"text\":\"Report!\"},"
            + "\"cron\":\"30  8 * * mon-fri\",\"zone\":\"Europe/Berlin\"}";
    Answer made = door.post("/v1/schedules", body);
    assertThat(made.status()).as(made.json().toString()).isEqualTo(201);
    JsonNode schedule = made.json();
    String path = "/v1/schedules/" + schedule.path("id").textValue();
    assertThat(schedule.path("cron").textValue()).isEqualTo("30 8 * * mon-fri");
    assertThat(schedule.path("state").textValue()).isEqualTo("active");
    assertThat(schedule.path("upcoming")).hasSize(5);
    assertThat(schedule.at("/upcoming/0")).isEqualTo(schedule.path("nextAt"));
    assertThat(door.get("/v1/schedules").json().at("/items/0/parts/0/text").textValue())
        .isEqualTo("Report!");
    JsonNode changed =
        patch(path, "{\"paused\":true,\"name\":null,\"maxRuns\":3,\"message\":{\"text\":\"X\"}}")
            .json();
    assertThat(changed.path("state").textValue()).isEqualTo("paused");
    assertThat(changed.has("name")).isFalse();
    assertThat(changed.has("nextAt")).isFalse();
    assertThat(changed.path("maxRuns").intValue()).isEqualTo(3);
    assertThat(door.get(path).json().at("/parts/0/text").textValue()).isEqualTo("X");
    for (String wrong :
        List.of(
            "{\"cron\":\"x\"}",
            "{\"zone\":\"Moon\"}",
            "{\"maxRuns\":0}",
            "{\"paused\":1}",
            "{\"message\":{}}",
            "{\"message\":{\"text\":\"x\",\"whenBusy\":\"reject\"}}",
            "{\"session\":\"x\"}",
            "{\"cron\":\"0 0 30 2 *\"}")) {
      assertThat(patch(path, wrong).status()).as(wrong).isEqualTo(400);
    }
    assertThat(door.post("/v1/schedules", body.replace("sess_", "sess_x")).status()).isEqualTo(404);
    assertThat(door.post("/v1/schedules", body.replace("\"zone\"", "\"zonk\"")).status())
        .isEqualTo(400);
    assertThat(door.send("DELETE", path, "").status()).isEqualTo(204);
    assertThat(door.get(path).status()).isEqualTo(404);
  }
}

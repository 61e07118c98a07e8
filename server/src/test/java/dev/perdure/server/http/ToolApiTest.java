package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.server.http.Door.Answer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tools over the API: allowed, asked for, waited for, answered, looked at. */
@TestInstance(Lifecycle.PER_CLASS)
class ToolApiTest {
  private static final String CLIENT_TOOL =
      "{\"name\":\"locate\",\"description\":\"Where the user is.\",\"schema\":{\"type\":\"object\"}}";

  private Door door;

  @BeforeAll
  void open(@TempDir Path data) {
    door = new Door(data);
  }

  @AfterAll
  void close() {
    door.close();
  }

  private String session(String settings) throws Exception {
    return door.post("/v1/sessions", settings).json().path("id").textValue();
  }

  private String turn(String session, String members) throws Exception {
    Answer answer =
        door.post("/v1/sessions/" + session + "/turns", "{\"text\":\"Hi\"" + members + "}");
    assertThat(answer.status()).as(answer.json().toString()).isEqualTo(202);
    return answer.json().path("turn").textValue();
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

  private Answer answer(String turn, String body) throws Exception {
    return door.post("/v1/turns/" + turn + "/answers", body);
  }

  @Test
  void a_call_that_needs_an_approval_waits_for_it_and_is_listed() throws Exception {
    String session = session("{}");
    String turn = turn(session, ",\"toolPolicy\":{\"time\":\"always\"}");
    door.provider.call().say("See: ").ask("time", "{\"zone\":\"UTC\"}").finish();
    JsonNode waiting = awaitState(turn, "waiting").path("lanes").path(0);
    assertThat(waiting.path("state").textValue()).isEqualTo("waiting");
    JsonNode call = waiting.path("calls").path(0);
    assertThat(call.path("tool").textValue()).isEqualTo("time");
    assertThat(call.at("/input/zone").textValue()).isEqualTo("UTC");
    assertThat(call.at("/waiting/for").textValue()).isEqualTo("approval");
    String id = call.path("call").textValue();
    String hash = call.at("/waiting/inputHash").textValue();

    String approve = "{\"call\":\"" + id + "\",\"decision\":\"approve\",\"inputHash\":\"";
    assertThat(answer(turn, approve + "0\"}").status()).isEqualTo(409);
    assertThat(answer(turn, approve + hash + "\"}").status()).isEqualTo(200);
    Answer second = answer(turn, "{\"call\":\"" + id + "\",\"decision\":\"refuse\"}");
    assertThat(second.status()).isEqualTo(409);
    assertThat(second.json().path("code").textValue()).isEqualTo("conflict");
    assertThat(second.json().path("detail").textValue()).contains("decided at");

    door.provider.call().say("done.").finish();
    awaitState(turn, "completed");
    JsonNode row = door.get("/v1/turns/" + turn + "/calls").json().path("items").path(0);
    assertThat(row.path("state").textValue()).isEqualTo("done");
    assertThat(row.path("runs").intValue()).isEqualTo(1);
    assertThat(row.at("/output/zone").textValue()).isEqualTo("UTC");
    JsonNode reply =
        door.get("/v1/sessions/" + session + "/messages?limit=1").json().path("items").path(0);
    assertThat(reply.at("/tools/0/tool").textValue()).isEqualTo("time");
    assertThat(reply.at("/tools/0/after").intValue()).isEqualTo(1);
  }

  @Test
  void a_yes_to_other_arguments_is_another_call() throws Exception {
    String turn = turn(session("{}"), ",\"toolPolicy\":{\"time\":\"always\"}");
    door.provider.call().ask("time", "{\"zone\":\"UTC\"}").finish();
    String id = awaitState(turn, "waiting").at("/lanes/0/calls/0/call").textValue();
    String approve = "{\"call\":\"" + id + "\",\"decision\":\"approve\",\"input\":";
    Answer wrong = answer(turn, approve + "{\"zoom\":1}}");
    assertThat(wrong.status()).isEqualTo(400);
    assertThat(wrong.json().path("detail").textValue()).contains("'time'").contains("zoom");
    assertThat(answer(turn, approve + "{\"zone\":\"Asia/Tokyo\"}}").status()).isEqualTo(200);
    assertThat(answer(turn, approve + "{}}").status()).isEqualTo(409);
    HandProvider.Call next = door.provider.call();
    assertThat(next.request.steps().getFirst().uses())
        .singleElement()
        .satisfies(use -> assertThat(use.result()).contains("changed").contains("Asia/Tokyo"));
    next.say("done.").finish();
    JsonNode lane = awaitState(turn, "completed").path("lanes").path(0);
    assertThat(lane.at("/calls/0/error/code").textValue()).isEqualTo("superseded");
    assertThat(lane.at("/calls/1/output/zone").textValue()).isEqualTo("Asia/Tokyo");
    JsonNode rows = door.get("/v1/turns/" + turn + "/calls").json().path("items");
    assertThat(rows.findValuesAsText("state")).containsExactlyInAnyOrder("superseded", "done");
    assertThat(rows.findValuesAsText("replaces")).containsExactly(id);
  }

  @Test
  void a_tool_of_the_client_is_offered_and_answered() throws Exception {
    String turn = turn(session("{}"), ",\"clientTools\":[" + CLIENT_TOOL + "],\"tools\":[]");
    HandProvider.Call first = door.provider.call();
    assertThat(first.request.tools()).hasSize(1);
    first.ask("locate", "{}").finish();
    JsonNode waiting = awaitState(turn, "waiting");
    String id = waiting.at("/lanes/0/calls/0/call").textValue();
    assertThat(
            answer(
                    turn,
                    "{\"call\":\""
                        + id
                        + "\",\"decision\":\"done\",\"output\":{\"city\":\"K\u00f6ln\"}}")
                .status())
        .isEqualTo(200);
    HandProvider.Call second = door.provider.call();
    assertThat(second.request.steps().getFirst().uses().getFirst().result())
        .isEqualTo("{\"city\":\"K\u00f6ln\"}");
    second.say("ok").finish();
    awaitState(turn, "completed");
  }

  @Test
  void the_message_of_the_guide_offers_its_tool() throws Exception {
    String page = Files.readString(Path.of("..", "docs", "guide", "tools.md"));
    int from = page.indexOf("```json\n") + 8;
    String body = page.substring(from, page.indexOf("```", from));
    Answer accepted = door.post("/v1/sessions/" + session("{}") + "/turns", body);
    assertThat(accepted.status()).isEqualTo(202);
    HandProvider.Call call = door.provider.call();
    assertThat(call.request.tools())
        .anySatisfy(tool -> assertThat(tool.name()).isEqualTo("locate"));
    call.say("In Graz.").finish();
  }

  @Test
  void a_caller_sees_which_tools_there_are() throws Exception {
    JsonNode tool = door.get("/v1/tools").json().at("/items/0");
    assertThat(tool.path("name").textValue()).isEqualTo("time");
    assertThat(tool.path("effect").textValue()).isEqualTo("read");
    assertThat(tool.path("approval").textValue()).isEqualTo("never");
    assertThat(tool.at("/schema/type").textValue()).isEqualTo("object");
    assertThat(door.get("/v1/tools?x=1").status()).isEqualTo(400);
  }

  @Test
  void a_session_says_which_tools_its_turns_may_use() throws Exception {
    String session = session("{\"tools\":[]}");
    assertThat(door.get("/v1/sessions/" + session).json().path("tools").isArray()).isTrue();
    turn(session, "");
    HandProvider.Call call = door.provider.call();
    assertThat(call.request.tools()).isEmpty();
    call.say("x").finish();
    turn(session, ",\"tools\":[\"time\"]");
    call = door.provider.call();
    assertThat(call.request.tools()).hasSize(1);
    call.say("x").finish();
    JsonNode changed = door.send("PATCH", "/v1/sessions/" + session, "{\"tools\":null}").json();
    assertThat(changed.has("tools")).isFalse();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"text":"x","tools":["tiem"]}                       | Did you mean 'time'
          {"text":"x","toolPolicy":{"time":"never"}}          | not for fewer
          {"text":"x","clientTools":[{"name":"a b"}]}         | no name of a tool
          {"text":"x","clientTools":[{"name":"time"}]}        | another tool with the name
          {"text":"x","clientTools":[{"name":"t","schema":1}]}| must be a JSON Schema
          """)
  void what_is_wrong_with_tools_is_refused_by_name(String body, String detail) throws Exception {
    Answer refused = door.post("/v1/sessions/" + session("{}") + "/turns", body);
    assertThat(refused.status()).isEqualTo(400);
    assertThat(refused.json().path("detail").textValue()).contains(detail);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"decision":"approve"}                            | 400
          {"call":"call_x","decision":"maybe"}              | 400
          {"call":"call_x","decision":"fail","output":1}    | 400
          {"call":"call_x","decision":"refuse","input":{}}  | 400
          {"call":"call_x","decision":"approve"}            | 404
          """)
  void an_answer_to_nothing_is_refused(String body, int status) throws Exception {
    String session = session("{}");
    String turn = turn(session, "");
    door.provider.call().say("x").finish();
    awaitState(turn, "completed");
    assertThat(answer(turn, body).status()).isEqualTo(status);
    assertThat(answer("turn_00000000000000000000000000", body.replace("call_x", "c")).status())
        .isIn(400, 404);
  }
}

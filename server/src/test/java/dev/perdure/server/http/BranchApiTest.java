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

/** Edited and regenerated messages by the native API, and finding sessions again. */
@TestInstance(Lifecycle.PER_CLASS)
class BranchApiTest {
  private Door door;

  @BeforeAll
  void open(@TempDir Path data) {
    door = new Door(data);
  }

  @AfterAll
  void close() {
    door.close();
  }

  private JsonNode accepted(String session, String body) throws Exception {
    Answer answer = door.post("/v1/sessions/" + session + "/turns", body);
    assertThat(answer.status()).as(answer.text()).isEqualTo(202);
    HandProvider.Call call = door.provider.call();
    call.say("ok").finish();
    try (EventReader events =
        door.events("/v1/turns/" + answer.json().path("turn").textValue() + "/events")) {
      events.rest();
    }
    return answer.json();
  }

  private String parentOf(String session, String message) throws Exception {
    for (JsonNode each : door.get("/v1/sessions/" + session + "/messages").json().path("items")) {
      if (each.path("id").textValue().equals(message)) {
        return each.path("parent").asText("none");
      }
    }
    throw new AssertionError("No message " + message);
  }

  @Test
  void a_message_goes_where_under_says() throws Exception {
    String session = door.session();
    JsonNode first = accepted(session, "{\"text\":\"one\"}");
    String reply = first.at("/lanes/0/message").textValue();
    JsonNode second = accepted(session, "{\"text\":\"two\"}");
    assertThat(parentOf(session, second.path("userMessage").textValue())).isEqualTo(reply);
    JsonNode edited = accepted(session, "{\"text\":\"2\",\"under\":\"" + reply + "\"}");
    assertThat(parentOf(session, edited.path("userMessage").textValue())).isEqualTo(reply);
    JsonNode anew = accepted(session, "{\"text\":\"1\",\"under\":null}");
    assertThat(parentOf(session, anew.path("userMessage").textValue())).isEqualTo("none");
  }

  @Test
  void again_answers_a_message_once_more() throws Exception {
    String session = door.session();
    String asked = accepted(session, "{\"text\":\"one\"}").path("userMessage").textValue();
    JsonNode again = accepted(session, "{\"again\":\"" + asked + "\"}");
    assertThat(again.path("userMessage").textValue()).isEqualTo(asked);
    assertThat(parentOf(session, again.at("/lanes/0/message").textValue())).isEqualTo(asked);
    assertThat(door.get("/v1/sessions/" + session + "/messages").json().path("items")).hasSize(3);
  }

  @Test
  void places_that_do_not_exist_or_contradict_are_refused() throws Exception {
    String path = "/v1/sessions/" + door.session() + "/turns";
    String unknown = "\"msg_06ewx3k8s1m2v9q7c4b5n0trfg\"";
    assertThat(door.post(path, "{\"text\":\"a\",\"under\":" + unknown + "}").status())
        .isEqualTo(404);
    assertThat(door.post(path, "{\"again\":" + unknown + "}").status()).isEqualTo(404);
    assertThat(door.post(path, "{\"again\":\"../x\"}").status()).isEqualTo(404);
    for (String body :
        List.of(
            "{\"again\":" + unknown + ",\"text\":\"a\"}",
            "{\"again\":" + unknown + ",\"under\":null}",
            "{\"under\":null}",
            "{\"under\":7,\"text\":\"a\"}")) {
      assertThat(door.post(path, body).status()).as(body).isEqualTo(400);
    }
  }

  @Test
  void sessions_are_found_by_their_title_and_by_what_their_user_wrote() throws Exception {
    String titled =
        door.post("/v1/sessions", "{\"title\":\"100% of Zebras\"}").json().path("id").textValue();
    String written = door.session();
    accepted(written, "{\"text\":\"Say \\\"giraffe\\\" 50%\"}");
    assertThat(found("zebras")).containsExactly(titled);
    assertThat(found("100%25%20of")).containsExactly(titled);
    assertThat(found("%22GIRAFFE%22")).containsExactly(written);
    assertThat(found("%25zz")).isEmpty();
    assertThat(found("_ebra")).isEmpty();
    assertThat(door.get("/v1/sessions?q=" + "x".repeat(201)).status()).isEqualTo(400);
  }

  private List<String> found(String q) throws Exception {
    return door.get("/v1/sessions?q=" + q).json().path("items").findValuesAsText("id");
  }
}

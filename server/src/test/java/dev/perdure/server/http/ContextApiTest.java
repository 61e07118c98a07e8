package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.server.http.Door.Answer;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;

/**
 * Instructions, facts and metadata, from the request that sets them to the model that sees them.
 */
@TestInstance(Lifecycle.PER_CLASS)
class ContextApiTest {
  private Door door;

  @BeforeAll
  void open(@TempDir Path data) {
    door = new Door(data);
  }

  @AfterAll
  void close() {
    door.close();
  }

  private static int size(JsonNode node) {
    return node.size();
  }

  @Test
  void what_owner_and_session_say_reaches_the_model_and_is_listed() throws Exception {
    Answer put =
        door.send(
            "PUT",
            "/v1/preferences",
            "{\"instructions\":\"Be brief.\",\"facts\":{\"city\":\"Graz\"}}");
    assertThat(put.status()).isEqualTo(200);
    assertThat(put.json().path("updatedAt").longValue()).isPositive();
    assertThat(door.get("/v1/preferences").json()).isEqualTo(put.json());
    String session =
        door.post("/v1/sessions", "{\"instructions\":\"Rhyme.\"}").json().path("id").textValue();
    String turn = door.turn(session, "hello");
    HandProvider.Call call = door.provider.call();
    assertThat(call.request.instructions())
        .containsSubsequence("begin session", "Rhyme.", "begin owner", "Be brief.", "city: Graz");
    call.say("x").finish();
    door.contexts.flush();
    JsonNode attempt = door.get("/v1/turns/" + turn + "/context").json().path("attempts").path(0);
    assertThat(attempt.path("model").textValue()).isEqualTo("hand/a");
    assertThat(attempt.path("sources").findValuesAsText("id"))
        .startsWith("session", "owner", "facts");
    assertThat(attempt.has("leftOut")).isFalse();

    JsonNode none = door.send("PUT", "/v1/preferences", "{}").json();
    assertThat(none.has("instructions") || none.has("facts")).isFalse();
  }

  @Test
  void a_change_of_a_session_leaves_the_rest_of_it() throws Exception {
    String path =
        "/v1/sessions/"
            + door.post(
                    "/v1/sessions",
                    "{\"title\":\"T\",\"instructions\":\"I\",\"metadata\":{\"a\":\"1\",\"b\":\"2\"}}")
                .json()
                .path("id")
                .textValue();
    JsonNode changed = door.send("PATCH", path, "{\"metadata\":{\"c\":\"3\"}}").json();
    assertThat(changed.path("title").textValue()).isEqualTo("T");
    assertThat(changed.path("instructions").textValue()).isEqualTo("I");
    assertThat(size(changed.path("metadata"))).isEqualTo(1);
    changed = door.send("PATCH", path, "{\"instructions\":null,\"metadata\":null}").json();
    assertThat(changed.has("instructions")).isFalse();
    assertThat(changed.has("metadata")).isFalse();
    assertThat(changed.path("title").textValue()).isEqualTo("T");
    assertThat(door.send("PATCH", path, "{}").status()).isEqualTo(400);
  }

  @Test
  void what_is_too_much_or_of_the_wrong_kind_is_refused() throws Exception {
    String tooMany = "{\"metadata\":{" + entries(17) + "}}";
    assertThat(door.post("/v1/sessions", tooMany).status()).isEqualTo(400);
    assertThat(door.post("/v1/sessions", "{\"metadata\":{" + entries(16) + "}}").status())
        .isEqualTo(201);
    assertThat(door.post("/v1/sessions", "{\"metadata\":{\"a\":1}}").status()).isEqualTo(400);
    assertThat(door.post("/v1/sessions", "{\"metadata\":[]}").status()).isEqualTo(400);
    assertThat(
            door.post("/v1/sessions", "{\"metadata\":{\"a\":\"" + "x".repeat(513) + "\"}}")
                .status())
        .isEqualTo(413);
    assertThat(door.send("PUT", "/v1/preferences", "{\"facts\":{\" \":\"x\"}}").status())
        .isEqualTo(400);
    assertThat(door.send("PUT", "/v1/preferences", "{\"facts\":{\"a\\nb\":\"x\"}}").status())
        .isEqualTo(400);
    assertThat(
            door.send("PUT", "/v1/preferences", "{\"instructions\":\"" + "x".repeat(65_537) + "\"}")
                .status())
        .isEqualTo(413);
    assertThat(door.get("/v1/turns/turn_" + "0".repeat(26) + "/context").status()).isEqualTo(404);
  }

  private static String entries(int count) {
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < count; i++) {
      out.append(i == 0 ? "" : ",").append("\"k").append(i).append("\":\"v\"");
    }
    return out.toString();
  }
}

package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.server.http.Door.Answer;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;

/** What a reply rests on, as each door tells it while the reply is written and afterwards. */
@TestInstance(Lifecycle.PER_CLASS)
class SourceApiTest {
  private static final long POLL_NANOS = 5_000_000;

  private static final String PAGE = "https://a.example/1";

  private Door door;

  @BeforeAll
  void open(@TempDir Path data) {
    door = new Door(data);
  }

  @AfterAll
  void close() {
    door.close();
  }

  private String document(String session) throws Exception {
    Answer added =
        door.send(
            "POST",
            "/v1/documents?name=towers.md&session=" + session,
            "The tower is 41 metres tall.",
            "Content-Type",
            "text/plain");
    String path = added.header("location");
    await(path, "/state", "ready");
    return path.substring(path.lastIndexOf('/') + 1);
  }

  private JsonNode await(String path, String at, String value) throws Exception {
    long deadline = System.nanoTime() + Door.PATIENCE.toNanos();
    while (System.nanoTime() < deadline) {
      JsonNode now = door.get(path).json();
      if (now.at(at).asText().equals(value)) {
        return now;
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
    throw new AssertionError(path + " is not " + value);
  }

  @Test
  void each_door_names_what_a_reply_rests_on() throws Exception {
    String session = door.session();
    String document = document(session);
    String turn = door.turn(session, "How tall is the tower?");
    door.provider
        .call()
        .say("41 m")
        .cite(PAGE, "One")
        .cite("javascript:alert(1)", "No")
        .cite(PAGE, "Again")
        .finish();
    JsonNode lane = await("/v1/turns/" + turn, "/state", "completed").at("/lanes/0");
    ArrayNode sources = Json.MAPPER.createArrayNode();
    ObjectNode shown = sources.addObject().put("kind", "document").put("title", "towers.md");
    shown.put("document", document).put("mediaType", "text/plain").putArray("pieces").add(0);
    sources.addObject().put("kind", "url").put("title", "One").put("url", PAGE);
    assertThat(lane.path("sources")).hasSize(2);
    for (int i = 0; i < 2; i++) {
      ObjectNode told = lane.path("sources").get(i).deepCopy();
      assertThat(told.remove("source").intValue()).isEqualTo(i);
      assertThat(told.remove("step").intValue()).isZero();
      assertThat(told).isEqualTo(sources.get(i));
    }

    JsonNode parts = door.get("/v1/sessions/" + session + "/messages").json().at("/items/0/parts");
    assertThat(parts).hasSize(3);
    assertThat(parts.get(0).path("text").textValue()).isEqualTo("41 m");
    for (int i = 0; i < 2; i++) {
      ObjectNode part = parts.get(i + 1).deepCopy();
      assertThat(part.remove("type").textValue()).isEqualTo("source");
      assertThat(part).isEqualTo(sources.get(i));
    }

    JsonNode response =
        door.get("/openai/v1/responses/resp_" + turn.substring(turn.indexOf('_') + 1)).json();
    JsonNode annotations = response.at("/output/0/content/0/annotations");
    assertThat(annotations.findValuesAsText("type"))
        .containsExactly("file_citation", "url_citation");
    assertThat(annotations.at("/0/file_id").textValue()).isEqualTo(document);
    assertThat(annotations.at("/1/url").textValue()).isEqualTo(PAGE);
    assertThat(annotations.at("/1/end_index").intValue()).isEqualTo(4);
    assertThat(response.toString()).doesNotContain("javascript");

    JsonNode loaded = door.get("/api/chat/" + session + "/messages").json();
    assertThat(loaded.at("/1/parts").findValuesAsText("type"))
        .containsExactly("text", "source-document", "source-url");
    assertThat(loaded.at("/1/parts/1/sourceId").textValue()).isEqualTo(document);
    assertThat(loaded.at("/1/parts/1/mediaType").textValue()).isEqualTo("text/plain");
    assertThat(loaded.at("/1/parts/2/url").textValue()).isEqualTo(PAGE);
    goesOn(session, loaded);
  }

  /** Posts the loaded history back with another message, as useChat does. */
  private void goesOn(String session, JsonNode loaded) throws Exception {
    ObjectNode body = Json.MAPPER.createObjectNode().put("id", session);
    ArrayNode messages = body.put("trigger", "submit-message").putArray("messages");
    loaded.forEach(messages::add);
    ObjectNode next = messages.addObject().put("id", "next").put("role", "user");
    next.putArray("parts").addObject().put("type", "text").put("text", "And the tower's width?");
    Thread reply =
        Thread.startVirtualThread(() -> {
          try {
            door.provider.call().say("7 m").finish();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        });
    Answer stream = door.post("/api/chat", body.toString());
    reply.join();
    assertThat(stream.status()).isEqualTo(200);
    assertThat(stream.text())
        .containsSubsequence("\"source-document\"", "\"text-delta\"", "7 m", "[DONE]");
  }

  @Test
  void a_completion_has_the_addresses_and_says_nothing_of_what_has_none() throws Exception {
    for (boolean stream : new boolean[] {false, true}) {
      Thread reply =
          Thread.startVirtualThread(() -> {
            try {
              door.provider.call().say("A \uD83D\uDE00").cite(PAGE, "One").finish();
            } catch (InterruptedException e) {
              Thread.currentThread().interrupt();
            }
          });
      Answer answer = door.post("/openai/v1/chat/completions", completion(stream));
      reply.join();
      assertThat(answer.text())
          .contains(
              "\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{\"url\":\""
                  + PAGE
                  + "\",\"title\":\"One\",\"start_index\":3,\"end_index\":3}}]");
    }
  }

  private static String completion(boolean stream) {
    ObjectNode body = Json.MAPPER.createObjectNode().put("model", "hand/a").put("stream", stream);
    body.putArray("messages").addObject().put("role", "user").put("content", "Hi");
    return body.toString();
  }

  @Test
  void a_snapshot_has_them_while_the_reply_is_written_and_a_retry_begins_anew() throws Exception {
    String session = door.session();
    String turn = door.turn(session, "hello");
    HandProvider.Call call = door.provider.call();
    call.say("x").cite(PAGE, "One").fail();
    JsonNode failed = await("/v1/turns/" + turn, "/state", "failed").at("/lanes/0");
    assertThat(failed.at("/sources/0/url").textValue()).isEqualTo(PAGE);
    JsonNode again = door.post("/v1/turns/" + turn + "/lanes/0/retry", "{}").json();
    door.provider.call().say("y").finish();
    await("/v1/turns/" + again.path("turn").textValue(), "/state", "completed");
    JsonNode message = door.get("/v1/sessions/" + session + "/messages").json().at("/items/0");
    assertThat(message.path("parts").findValuesAsText("type")).containsExactly("text");
  }
}

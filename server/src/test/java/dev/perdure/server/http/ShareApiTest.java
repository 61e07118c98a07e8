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

/** Links that let others read a session, and nothing else. */
@TestInstance(Lifecycle.PER_CLASS)
class ShareApiTest {
  private Door door;

  @BeforeAll
  void open(@TempDir Path data) {
    door = new Door(data);
  }

  @AfterAll
  void close() {
    door.close();
  }

  private JsonNode share(String session) throws Exception {
    Answer made = door.post("/v1/sessions/" + session + "/shares", "{}");
    assertThat(made.status()).isEqualTo(201);
    return made.json();
  }

  private static String[] bearer(JsonNode share) {
    return new String[] {"Authorization", "Bearer " + share.path("token").textValue()};
  }

  @Test
  void a_link_shows_messages_and_the_same_events_live() throws Exception {
    String session = door.session();
    String turn = door.turn(session, "Count");
    HandProvider.Call call = door.provider.call();
    JsonNode share = share(session);
    assertThat(share.path("path").textValue())
        .isEqualTo("/shared#" + share.path("token").textValue());
    assertThat(door.get("/v1/shared", bearer(share)).json().path("session").textValue())
        .isEqualTo(session);
    try (EventReader watched = door.events("/v1/shared/events", bearer(share));
        EventReader own = door.events("/v1/sessions/" + session + "/events")) {
      call.say("one two").finish();
      String end = "\"turn.ended\"";
      assertThat(dataUntil(watched, end)).isEqualTo(dataUntil(own, end));
    }
    JsonNode seen = door.get("/v1/shared/messages", bearer(share)).json();
    assertThat(seen).isEqualTo(door.get("/v1/sessions/" + session + "/messages").json());
    assertThat(seen.at("/items/0/turn").textValue()).isEqualTo(turn);
  }

  private static List<String> dataUntil(EventReader reader, String end) throws Exception {
    return reader.until(end).stream()
        .map(SseText.Frame::data)
        .filter(data -> !data.isEmpty())
        .toList();
  }

  @Test
  void a_revoked_link_and_one_that_never_was_open_nothing() throws Exception {
    JsonNode share = share(door.session());
    String path = "/v1/shares/" + share.path("share").textValue();
    assertThat(door.send("DELETE", path, null).status()).isEqualTo(204);
    assertThat(door.send("DELETE", path, null).status()).isEqualTo(404);
    for (String each : List.of("/v1/shared", "/v1/shared/messages", "/v1/shared/events")) {
      assertThat(door.get(each, bearer(share)).status()).as(each).isEqualTo(401);
      assertThat(door.get(each).status()).as(each).isEqualTo(401);
      assertThat(door.get(each, "Authorization", "Bearer share_x").status()).isEqualTo(401);
    }
  }

  @Test
  void a_link_goes_with_its_session() throws Exception {
    String session = door.session();
    JsonNode share = share(session);
    assertThat(door.send("DELETE", "/v1/sessions/" + session, null).status()).isEqualTo(204);
    assertThat(door.get("/v1/shared", bearer(share)).status()).isEqualTo(401);
  }

  @Test
  void links_are_listed_without_their_tokens_and_limited() throws Exception {
    String session = door.session();
    String path = "/v1/sessions/" + session + "/shares";
    JsonNode share = share(session);
    assertThat(door.get(path).text()).doesNotContain(share.path("token").textValue());
    for (int i = 1; i < 20; i++) {
      share(session);
    }
    assertThat(door.get(path).json().path("items")).hasSize(20);
    assertThat(door.post(path, "{}").status()).isEqualTo(409);
    assertThat(door.post(path, "{\"expiresInSeconds\":1}").status()).isEqualTo(400);
    assertThat(door.get("/v1/sessions/sess_06ewx3k8s1m2v9q7c4b5n0trfg/shares").status())
        .isEqualTo(404);
  }
}

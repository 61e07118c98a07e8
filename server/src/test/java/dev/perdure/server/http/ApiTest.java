package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.server.http.Door.Answer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The operations as a client uses them. */
class ApiTest {
  @TempDir private Path data;
  private Door door;

  @BeforeEach
  void open() {
    door = new Door(data);
  }

  @AfterEach
  void close() {
    door.close();
  }

  private void awaitEnd(String turn) throws Exception {
    try (EventReader reader = door.events("/v1/turns/" + turn + "/events")) {
      reader.rest();
    }
  }

  @Test
  void a_session_is_opened_renamed_listed_and_deleted() throws Exception {
    Answer created = door.post("/v1/sessions", "{\"title\":\"  Plans \"}");
    assertThat(created.status()).isEqualTo(201);
    String id = created.json().path("id").textValue();
    assertThat(created.header("location")).isEqualTo("/v1/sessions/" + id);
    assertThat(created.json().path("title").textValue()).isEqualTo("Plans");

    String path = "/v1/sessions/" + id;
    assertThat(door.send("PATCH", path, "{\"title\":\"Other\"}").json().path("title").textValue())
        .isEqualTo("Other");
    assertThat(door.send("PATCH", path, "{\"title\":null}").json().has("title")).isFalse();
    assertThat(door.send("PATCH", path, "{}").status()).isEqualTo(400);
    assertThat(door.get(path).json().path("id").textValue()).isEqualTo(id);

    assertThat(door.send("DELETE", path, null).status()).isEqualTo(204);
    assertThat(door.get(path).status()).isEqualTo(404);
    assertThat(door.send("DELETE", path, null).status()).isEqualTo(404);
  }

  @Test
  void listings_have_pages_that_join_without_gap_or_overlap() throws Exception {
    Set<String> made = new HashSet<>();
    for (int i = 0; i < 7; i++) {
      made.add(door.session());
    }
    List<String> listed = new ArrayList<>();
    String next = "";
    do {
      JsonNode page =
          door.get("/v1/sessions?limit=3" + (next.isEmpty() ? "" : "&cursor=" + next)).json();
      assertThat(page.path("items").size()).isLessThanOrEqualTo(3);
      page.path("items").forEach(session -> listed.add(session.path("id").textValue()));
      next = page.path("next").asText("");
    } while (!next.isEmpty());
    assertThat(listed).containsExactlyInAnyOrderElementsOf(made);

    String session = made.iterator().next();
    for (int i = 0; i < 3; i++) {
      String turn = door.turn(session, "message " + i);
      door.provider.call().say("reply " + i).finish();
      awaitEnd(turn);
    }
    List<Long> positions = new ArrayList<>();
    String before = "";
    do {
      JsonNode page =
          door.get(
                  "/v1/sessions/"
                      + session
                      + "/messages?limit=4"
                      + (before.isEmpty() ? "" : "&before=" + before))
              .json();
      page.path("items").forEach(message -> positions.add(message.path("position").longValue()));
      before = page.path("next").asText("");
    } while (!before.isEmpty());
    assertThat(positions).containsExactly(5L, 4L, 3L, 2L, 1L, 0L);
  }

  @Test
  void a_message_is_accepted_answered_and_stored() throws Exception {
    String session = door.session();
    Answer accepted =
        door.post(
            "/v1/sessions/" + session + "/turns",
            """
            {"parts":[{"type":"text","text":"a "},{"type":"text","text":"b"}],
             "models":["hand/a"],"instructions":"be brief",
             "params":{"maxOutputTokens":5,"temperature":0.5,"topP":1}}\
            """);
    assertThat(accepted.status()).isEqualTo(202);
    JsonNode ack = accepted.json();
    String turn = ack.path("turn").textValue();
    assertThat(accepted.header("location")).isEqualTo("/v1/turns/" + turn);
    assertThat(ack.path("session").textValue()).isEqualTo(session);
    assertThat(ack.path("userMessage").textValue()).startsWith("msg_");
    assertThat(ack.path("lanes").path(0).path("model").textValue()).isEqualTo("hand/a");
    assertThat(ack.path("links").path("events").textValue())
        .isEqualTo("/v1/turns/" + turn + "/events");

    HandProvider.Call call = door.provider.call();
    assertThat(call.request.instructions()).isEqualTo("be brief");
    assertThat(call.request.params().maxOutputTokens()).isEqualTo(5);
    assertThat(call.request.messages().getLast().text()).isEqualTo("a b");
    call.think("hm").say("wel");
    try (EventReader reader = door.events("/v1/turns/" + turn + "/events")) {
      reader.until("wel");
    }
    JsonNode partial = door.get("/v1/turns/" + turn).json();
    assertThat(partial.path("state").textValue()).isEqualTo("running");
    assertThat(partial.path("lanes").path(0).path("text").textValue()).isEqualTo("wel");
    assertThat(partial.path("lanes").path(0).path("state").textValue()).isEqualTo("streaming");
    assertThat(
            door.get("/v1/turns?state=active")
                .json()
                .path("items")
                .path(0)
                .path("turn")
                .textValue())
        .isEqualTo(turn);

    call.say("come").finish();
    awaitEnd(turn);
    JsonNode over = door.get("/v1/turns/" + turn).json();
    assertThat(over.path("state").textValue()).isEqualTo("completed");
    assertThat(over.path("lanes").path(0).path("text").textValue()).isEqualTo("welcome");
    assertThat(over.path("lanes").path(0).path("reasoning").textValue()).isEqualTo("hm");
    assertThat(over.path("lanes").path(0).path("finish").textValue()).isEqualTo("stop");
    assertThat(over.path("lanes").path(0).path("usage").path("output").intValue()).isEqualTo(2);
    JsonNode messages = door.get("/v1/sessions/" + session + "/messages").json().path("items");
    assertThat(messages.path(0).path("role").textValue()).isEqualTo("assistant");
    assertThat(messages.path(0).path("status").textValue()).isEqualTo("complete");
    assertThat(messages.path(0).path("id").textValue())
        .isEqualTo(ack.path("lanes").path(0).path("message").textValue());
    assertThat(messages.path(1).path("id").textValue())
        .isEqualTo(ack.path("userMessage").textValue());
    assertThat(messages.path(1).path("parts").path(1).path("text").textValue()).isEqualTo("b");
  }

  @Test
  void a_request_that_prefers_to_wait_gets_the_text() throws Exception {
    String path = "/v1/sessions/" + door.session() + "/turns";
    try (ExecutorService pool = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Answer> waiting =
          pool.submit(
              () -> door.post(path, "{\"text\":\"hi\"}", "Prefer", "respond-async, wait=30"));
      door.provider.call().say("here ").say("it is").finish();
      Answer answer = waiting.get();
      assertThat(answer.status()).isEqualTo(200);
      assertThat(answer.header("preference-applied")).isEqualTo("wait=30");
      assertThat(answer.json().path("state").textValue()).isEqualTo("completed");
      assertThat(answer.json().path("lanes").path(0).path("text").textValue())
          .isEqualTo("here it is");
      assertThat(answer.header("location"))
          .isEqualTo("/v1/turns/" + answer.json().path("turn").textValue());
    }
  }

  @Test
  void a_wait_that_is_too_short_ends_in_202_and_changes_nothing() throws Exception {
    String path = "/v1/sessions/" + door.session() + "/turns";
    Answer answer = door.post(path, "{\"text\":\"hi\"}", "Prefer", "wait=1");
    assertThat(answer.status()).isEqualTo(202);
    String turn = answer.json().path("turn").textValue();
    door.provider.call().say("late").finish();
    awaitEnd(turn);
    assertThat(door.get("/v1/turns/" + turn).json().path("state").textValue())
        .isEqualTo("completed");
  }

  @Test
  void a_repeated_request_is_one_request() throws Exception {
    String path = "/v1/sessions/" + door.session() + "/turns";
    Callable<Answer> send =
        () -> door.post(path, "{\"text\":\"once\"}", "Idempotency-Key", "key-1");
    Set<String> turns = new HashSet<>();
    try (ExecutorService pool = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<Answer> answer : pool.invokeAll(Collections.nCopies(20, send))) {
        assertThat(answer.get().status()).isEqualTo(202);
        turns.add(answer.get().json().path("turn").textValue());
      }
    }
    assertThat(turns).hasSize(1);
    assertThat(door.get("/v1/turns?state=active").json().path("items")).hasSize(1);
    Answer elsewhere =
        door.post(
            "/v1/sessions/" + door.session() + "/turns",
            "{\"text\":\"once\"}",
            "Idempotency-Key",
            "key-1");
    assertThat(elsewhere.status()).isEqualTo(409);
  }

  @Test
  void turns_lanes_and_sessions_are_cancelled() throws Exception {
    String session = door.session();
    String turn = door.turn(session, "hi");
    door.provider.call().say("x");
    String queued = door.turn(session, "later");
    Answer cancelled = door.post("/v1/turns/" + queued + "/cancel", "{}");
    assertThat(cancelled.status()).isEqualTo(200);
    assertThat(cancelled.json().path("state").textValue()).isEqualTo("cancelled");
    assertThat(cancelled.json().path("cancelledBy").textValue()).isEqualTo("caller");

    Answer running = door.send("POST", "/v1/turns/" + turn + "/cancel", null);
    assertThat(running.status()).isIn(200, 202);
    awaitEnd(turn);
    assertThat(door.post("/v1/turns/" + turn + "/cancel", "{}").status()).isEqualTo(200);

    String other = door.turn(session, "again");
    door.provider.call();
    Answer all = door.post("/v1/sessions/" + session + "/cancel", "{}");
    assertThat(all.status()).isIn(200, 202);
    assertThat(all.json().path("items").path(0).path("turn").textValue()).isEqualTo(other);
    awaitEnd(other);
    assertThat(door.post("/v1/sessions/" + session + "/cancel", "{}").json().path("items"))
        .isEmpty();

    Answer two =
        door.post(
            "/v1/sessions/" + session + "/turns",
            "{\"text\":\"compare\",\"models\":[\"hand/a\",\"hand/a\"]}");
    String compare = two.json().path("turn").textValue();
    HandProvider.Call first = door.provider.call();
    HandProvider.Call second = door.provider.call();
    assertThat(door.post("/v1/turns/" + compare + "/lanes/1/cancel", "{}").status()).isEqualTo(202);
    first.say("x").finish();
    second.say("x").finish();
    awaitEnd(compare);
    assertThat(door.post("/v1/turns/" + compare + "/lanes/9/cancel", "{}").status()).isEqualTo(404);
    assertThat(door.post("/v1/turns/" + compare + "/lanes/x/cancel", "{}").status()).isEqualTo(404);
  }

  @Test
  void a_lane_that_has_failed_is_asked_again() throws Exception {
    String turn = door.turn(door.session(), "hi");
    door.provider.call().fail();
    awaitEnd(turn);
    JsonNode failed = door.get("/v1/turns/" + turn).json();
    assertThat(failed.path("state").textValue()).isEqualTo("failed");
    assertThat(failed.path("lanes").path(0).path("error").path("code").textValue())
        .isEqualTo("invalid");

    String path = "/v1/turns/" + turn + "/lanes/0/retry";
    Answer retry = door.post(path, "{}", "Idempotency-Key", "again");
    assertThat(retry.status()).isEqualTo(202);
    String again = retry.json().path("turn").textValue();
    assertThat(retry.header("location")).isEqualTo("/v1/turns/" + again);
    assertThat(door.post(path, "{}", "Idempotency-Key", "again").json().path("turn").textValue())
        .isEqualTo(again);
    door.provider.call().say("now").finish();
    awaitEnd(again);
    assertThat(door.get("/v1/turns/" + again).json().path("lanes").path(0).path("text").textValue())
        .isEqualTo("now");
  }

  @Test
  void the_server_tells_about_itself() throws Exception {
    assertThat(door.get("/").json().path("name").textValue()).isEqualTo("Perdure");
    assertThat(door.get("/livez").json().path("status").textValue()).isEqualTo("live");
    assertThat(door.get("/readyz").status()).isEqualTo(200);
    door.notReady.add("lease");
    Answer notReady = door.get("/readyz");
    assertThat(notReady.status()).isEqualTo(503);
    assertThat(notReady.json().path("reasons").path(0).textValue()).isEqualTo("lease");
    Answer metrics = door.get("/metrics");
    assertThat(metrics.header("content-type")).startsWith("text/plain");
    assertThat(metrics.text()).isEqualTo("some_metric 1\n");
    JsonNode models = door.get("/v1/models").json();
    assertThat(models.path("default").textValue()).isEqualTo("hand/a");
    assertThat(models.path("providers").path(0).textValue()).isEqualTo("hand");
    assertThat(models.at("/files/maxCount").intValue()).isEqualTo(10);
    assertThat(door.get("/problems/not_found").json().path("status").intValue()).isEqualTo(404);
    assertThat(door.get("/problems/nonsense").status()).isEqualTo(404);
    assertThat(door.post("/v1/stream-tokens", "{}").status()).isEqualTo(409);
  }

  @Test
  void what_streams_deliver_is_counted() throws Exception {
    String turn = door.turn(door.session(), "hi");
    door.provider.call().say("x").finish();
    double events;
    try (EventReader reader = door.events("/v1/turns/" + turn + "/events")) {
      events = reader.rest().size();
    }
    assertThat(door.meters.counter("perdure.stream.events").count()).isEqualTo(events);
    assertThat(door.meters.counter("perdure.stream.bytes").count()).isGreaterThan(events * 20);
    assertThat(door.meters.counter("perdure.http.turns.accepted").count()).isEqualTo(1);
  }
}

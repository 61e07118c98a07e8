package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.Caller;
import dev.perdure.chat.DeskLimits;
import dev.perdure.engine.EngineConfig;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.server.auth.Authenticator;
import dev.perdure.server.auth.StreamTokens;
import dev.perdure.server.http.Door.Answer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every code, by a request that earns it. */
class RefusalTest {
  private static final HttpLimits FEW =
      new HttpLimits(
          HttpLimits.Body.DEFAULT,
          HttpLimits.Page.DEFAULT,
          new HttpLimits.Stream(
              1,
              50,
              Duration.ofSeconds(15),
              Duration.ofSeconds(1),
              Duration.ofSeconds(5),
              Duration.ofHours(24),
              Duration.ofSeconds(60)),
          HttpLimits.Socket.DEFAULT);

  @TempDir private Path data;
  private Door door;

  @BeforeEach
  void open() {
    door = new Door(data, FEW);
  }

  @AfterEach
  void close() {
    door.close();
  }

  private static void check(Answer answer, ErrorCode code) throws Exception {
    JsonNode problem = answer.json();
    assertThat(problem.path("code").textValue()).as(answer.text()).isEqualTo(code.wire());
    assertThat(answer.status()).isEqualTo(code.status());
    assertThat(answer.header("content-type")).isEqualTo("application/problem+json");
    assertThat(answer.header("x-content-type-options")).isEqualTo("nosniff");
    assertThat(problem.path("status").intValue()).isEqualTo(code.status());
    assertThat(problem.path("type").textValue()).isEqualTo("/problems/" + code.wire());
    assertThat(problem.path("retryable").booleanValue()).isEqualTo(code.retryable());
    assertThat(problem.path("detail").textValue()).isNotBlank();
    assertThat(problem.path("instance").textValue()).startsWith("/");
    if (code.status() == 429 || code.status() == 503) {
      assertThat(answer.header("retry-after")).matches("[0-9]+");
    }
    if (code == ErrorCode.UNAUTHENTICATED) {
      assertThat(answer.header("www-authenticate")).startsWith("Bearer");
    }
  }

  /** Asks for something. */
  @FunctionalInterface
  private interface Ask {
    Answer ask() throws Exception;
  }

  @Test
  void every_code_that_the_door_may_answer_is_answered_as_documented() throws Exception {
    String session = door.session();
    String turns = "/v1/sessions/" + session + "/turns";
    String over = door.turn(session, "hi");
    door.provider.call().say("x").finish();
    try (EventReader reader = door.events("/v1/turns/" + over + "/events")) {
      reader.rest();
    }
    Map<ErrorCode, Ask> asks = new EnumMap<>(ErrorCode.class);
    asksOfBodies(asks, turns);
    asksOfStates(asks, session, turns);
    Set<ErrorCode> seen = EnumSet.noneOf(ErrorCode.class);
    for (Map.Entry<ErrorCode, Ask> entry : asks.entrySet()) {
      check(entry.getValue().ask(), entry.getKey());
      seen.add(entry.getKey());
    }
    // The rest has tests of its own here, or is the end of a turn and never an answer.
    assertThat(EnumSet.complementOf(EnumSet.copyOf(seen)))
        .containsExactlyInAnyOrder(
            ErrorCode.UNAUTHENTICATED,
            ErrorCode.FORBIDDEN,
            ErrorCode.DATABASE_UNAVAILABLE,
            ErrorCode.DRAINING,
            ErrorCode.SERVER_BUSY,
            ErrorCode.CONFIG,
            ErrorCode.PROVIDER_FAILED,
            ErrorCode.TURN_TIMEOUT,
            ErrorCode.CRASH_LOOP,
            ErrorCode.CALL_LIMIT,
            ErrorCode.STEP_LIMIT,
            ErrorCode.TOKEN_LIMIT,
            ErrorCode.INVALID_OUTPUT,
            ErrorCode.INTERRUPTED);
    for (ErrorCode code : seen) {
      assertThat(door.meters.counter("perdure.http.problems", "code", code.wire()).count())
          .as(code.wire())
          .isPositive();
    }
  }

  @Test
  void a_busy_server_says_how_long_its_queue_is_and_when_to_come_again() throws Exception {
    door.close();
    EngineConfig d = EngineConfig.DEFAULT;
    door =
        new Door(
            data,
            FEW,
            Authenticator.local(),
            null,
            List.of(),
            new DeskLimits(100, 100, 2, Duration.ofMinutes(1)),
            new EngineConfig(
                d.lease(),
                d.beat(),
                d.poll(),
                d.claimBatch(),
                1,
                d.maxCrashes(),
                d.turnTimeLimit(),
                d.retry(),
                d.callLimits(),
                d.logRetention(),
                d.idempotencyRetention()));
    door.turn(door.session(), "runs");
    HandProvider.Call running = door.provider.call();
    String session = door.session();
    String turns = "/v1/sessions/" + session + "/turns";
    String queued = door.post(turns, "{\"text\":\"q\"}", "Idempotency-Key", "q").text();

    Answer refused = door.post("/v1/sessions/" + door.session() + "/turns", "{\"text\":\"no\"}");
    check(refused, ErrorCode.SERVER_BUSY);
    assertThat(refused.json().path("queue").path("length").longValue()).isEqualTo(1);
    assertThat(refused.json().path("queue").has("waitMillis")).isTrue();
    assertThat(door.post(turns, "{\"text\":\"q\"}", "Idempotency-Key", "q").text())
        .isEqualTo(queued);
    door.admission.refresh();
    JsonNode status = door.get("/v1/status").json();
    assertThat(status.at("/queue/length").longValue()).isEqualTo(1);
    assertThat(status.at("/tenant/openTurns").longValue()).isEqualTo(2);
    assertThat(status.at("/tenant/refusedTurns").longValue()).isEqualTo(1);
    assertThat(status.at("/caller/openTurns").longValue()).isEqualTo(2);
    assertThat(door.meters.get("perdure.queue.length").gauge().value()).isEqualTo(1);

    running.say("x").finish();
    door.provider.call().say("y").finish();
  }

  private void asksOfBodies(Map<ErrorCode, Ask> asks, String turns) {
    asks.put(ErrorCode.INVALID_REQUEST, () -> door.post(turns, "{\"txt\":\"hi\"}"));
    asks.put(ErrorCode.INVALID_JSON, () -> door.post(turns, "{"));
    asks.put(ErrorCode.INVALID_CURSOR, () -> door.get("/v1/sessions?cursor=x"));
    asks.put(
        ErrorCode.UNKNOWN_MODEL,
        () -> door.post(turns, "{\"text\":\"hi\",\"models\":[\"nobody/x\"]}"));
    asks.put(ErrorCode.NOT_FOUND, () -> door.get("/v1/turns/turn_" + "0".repeat(26)));
    asks.put(ErrorCode.METHOD_NOT_ALLOWED, () -> door.send("PUT", turns, "{}"));
    asks.put(
        ErrorCode.UNSUPPORTED_MEDIA_TYPE,
        () -> door.post(turns, "{\"text\":\"hi\"}", "Content-Type", "text/plain"));
    asks.put(
        ErrorCode.TOO_LARGE, () -> door.post(turns, "{\"text\":\"" + "x".repeat(200_001) + "\"}"));
    asks.put(
        ErrorCode.IDEMPOTENCY_CONFLICT,
        () -> {
          door.post(turns, "{\"text\":\"a\"}", "Idempotency-Key", "k");
          return door.post(turns, "{\"text\":\"b\"}", "Idempotency-Key", "k");
        });
  }

  private void asksOfStates(Map<ErrorCode, Ask> asks, String session, String turns) {
    asks.put(
        ErrorCode.SESSION_BUSY,
        () -> {
          door.turn(session, "a");
          return door.post(turns, "{\"text\":\"a\",\"whenBusy\":\"reject\"}");
        });
    asks.put(
        ErrorCode.CONFLICT,
        () -> {
          String open = door.turn(door.session(), "hi");
          return door.post("/v1/turns/" + open + "/lanes/0/retry", "{}");
        });
    asks.put(
        ErrorCode.TOO_MANY_STREAMS,
        () -> {
          try (EventReader one = door.events("/v1/inbox/events")) {
            assertThat(one.status()).isEqualTo(200);
            return door.get("/v1/inbox/events");
          }
        });
    asks.put(
        ErrorCode.TOO_MANY_TURNS,
        () -> {
          Answer answer = door.post(turns, "{\"text\":\"a\"}");
          for (int i = 0; i < 300 && answer.status() == 202; i++) {
            answer = door.post(turns, "{\"text\":\"a\"}");
          }
          return answer;
        });
    asks.put(ErrorCode.EXPIRED, () -> door.get("/v1/inbox/events?after=1~0"));
    asks.put(
        ErrorCode.INTERNAL,
        () -> {
          door.metricsBroken = true;
          return door.get("/metrics");
        });
  }

  @Test
  void an_incident_is_named_and_not_explained() throws Exception {
    door.metricsBroken = true;
    Answer answer = door.get("/metrics");

    check(answer, ErrorCode.INTERNAL);
    assertThat(answer.json().path("detail").textValue())
        .matches(".*incident [0-9a-f]{16} .*")
        .doesNotContain("secret", "SELECT", "Exception");
  }

  @Test
  void a_foreign_host_name_is_forbidden() throws Exception {
    RawHttp.Reply reply =
        RawHttp.send(door.http.port(), "GET /v1/sessions HTTP/1.1\nHost: evil.example\n\n");

    assertThat(reply.status()).isEqualTo(403);
    assertThat(reply.json().path("code").textValue()).isEqualTo("forbidden");
  }

  @Test
  void without_the_database_requests_are_refused_and_streams_come_again() throws Exception {
    String session = door.session();
    String turn = door.turn(session, "hi");
    door.provider.call();
    door.database.close();

    check(door.get("/v1/sessions"), ErrorCode.DATABASE_UNAVAILABLE);
    check(
        door.post("/v1/sessions/" + session + "/turns", "{\"text\":\"hi\"}"),
        ErrorCode.DATABASE_UNAVAILABLE);
    check(
        door.get("/v1/turns/" + turn + "/events", "Accept", "application/json"),
        ErrorCode.DATABASE_UNAVAILABLE);
    for (String path : List.of("/v1/turns/" + turn + "/events", "/v1/inbox/events")) {
      try (EventReader reader = door.events(path)) {
        assertThat(reader.status()).isEqualTo(200);
        List<SseText.Frame> frames = reader.rest();
        assertThat(frames).hasSize(1);
        assertThat(frames.getFirst().event()).isEqualTo("notice");
        assertThat(frames.getFirst().data()).contains("\"code\":\"degraded\"");
        assertThat(reader.text()).startsWith("retry: 2000\n\n").doesNotContain("id:");
      }
    }
    Answer ready = door.get("/readyz");
    assertThat(ready.status()).isEqualTo(503);
    assertThat(ready.json().path("reasons").path(0).textValue()).isEqualTo("database");
    assertThat(door.get("/livez").status()).isEqualTo(200);
  }

  private static @Nullable String answerOr(String path, @Nullable String body) {
    return path.endsWith("/answers") ? "{\"call\":\"c\",\"decision\":\"done\"}" : body;
  }

  @Test
  void a_credential_is_asked_for_everywhere_and_others_things_are_unknown(@TempDir Path other)
      throws Exception {
    StreamTokens tokens =
        new StreamTokens(new byte[32], Duration.ofMinutes(1), InstantSource.system());
    Authenticator authenticator =
        Authenticator.requiring(
            List.of(key ->
                Optional.of(key).filter(k -> k.startsWith("key-")).map(k -> new Caller("acme", k))),
            tokens,
            false);
    try (Door guarded = new Door(other, HttpLimits.DEFAULT, authenticator, tokens, List.of())) {
      String[] ann = {"Authorization", "Bearer key-ann"};
      String[] bob = {"Authorization", "Bearer key-bob"};
      String session = guarded.post("/v1/sessions", "{}", ann).json().path("id").textValue();
      String turn =
          guarded
              .post("/v1/sessions/" + session + "/turns", "{\"text\":\"hi\"}", ann)
              .json()
              .path("turn")
              .textValue();
      guarded.provider.call().say("x");
      for (Route route : guarded.http.routes()) {
        String path =
            route
                .template()
                .replace("{session}", session)
                .replace("{turn}", turn)
                .replace("{lane}", "0")
                .replaceAll("\\{[a-z]+}", "internal");
        String method = route.method().text();
        String body = method.equals("GET") ? null : "{}";
        if (route.access() == Route.Access.OPEN) {
          assertThat(guarded.send(method, path, body).status()).as(path).isEqualTo(200);
          continue;
        }
        check(guarded.send(method, path, body), ErrorCode.UNAUTHENTICATED);
        check(
            guarded.send(method, path, body, "Authorization", "Bearer wrong"),
            ErrorCode.UNAUTHENTICATED);
        if (path.contains(session) || path.contains(turn)) {
          String sent = path.endsWith("/turns") ? "{\"text\":\"hi\"}" : answerOr(path, body);
          String patch = method.equals("PATCH") ? change(path) : sent;
          check(guarded.send(method, path, patch, bob), ErrorCode.NOT_FOUND);
        }
      }
      assertThat(guarded.get("/v1/sessions", bob).json().path("items")).isEmpty();
      assertThat(guarded.get("/v1/turns?state=active", bob).json().path("items")).isEmpty();

      String events = "/v1/turns/" + turn + "/events";
      Answer issued = guarded.post("/v1/stream-tokens", "{\"path\":\"" + events + "\"}", ann);
      assertThat(issued.status()).isEqualTo(201);
      String token = issued.json().path("token").textValue();
      try (EventReader reader = guarded.events(events + "?token=" + token)) {
        assertThat(reader.until("turn.accepted")).isNotEmpty();
      }
      Answer elsewhere = guarded.get("/v1/inbox/events?token=" + token);
      check(elsewhere, ErrorCode.UNAUTHENTICATED);
      assertThat(elsewhere.text()).doesNotContain(token);
      check(guarded.get("/v1/sessions?token=" + token), ErrorCode.UNAUTHENTICATED);
    }
  }

  private static String change(String path) {
    return path.contains("/turns/") ? "{\"delay\":\"PT1H\",\"was\":1}" : "{\"title\":null}";
  }

  private static List<String> badMessages() {
    List<String> bodies = new ArrayList<>();
    for (String more :
        List.of(
            "\"text\":\"\"",
            "\"text\":\" \\n\"",
            "\"text\":1",
            "\"text\":null",
            "\"parts\":[]",
            "\"text\":\"a\",\"parts\":[]",
            "\"text\":\"a\\u0000b\"",
            "\"text\":\"\\ud800\"",
            "\"text\":\"a\",\"models\":[\"" + "x".repeat(300) + "/m\"]",
            "\"text\":\"a\",\"models\":[\"hand/a\\r\\nX: y\"]",
            "\"text\":\"a\",\"models\":\"hand/a\"",
            "\"text\":\"a\",\"models\":[" + "\"hand/a\",".repeat(8) + "\"hand/a\"]",
            "\"text\":\"a\",\"fallbacks\":[\"x\"]",
            "\"text\":\"a\",\"whenBusy\":\"later\"",
            "\"text\":\"a\",\"whenBusy\":7",
            "\"text\":\"a\",\"recovery\":\"\"",
            "\"text\":\"a\",\"params\":[]",
            "\"text\":\"a\",\"params\":{\"temperature\":2.1}",
            "\"text\":\"a\",\"params\":{\"topP\":0}",
            "\"text\":\"a\",\"params\":{\"maxOutputTokens\":0}",
            "\"text\":\"a\",\"params\":{\"maxOutputTokens\":1e999}",
            "\"text\":\"a\",\"params\":{\"top_p\":1}",
            "\"text\":\"a\",\"instructions\":\"" + "x".repeat(65_537) + "\"",
            "\"parts\":[{\"type\":\"image\",\"text\":\"a\"}]",
            "\"parts\":[{\"type\":\"text\"}]",
            "\"parts\":[{\"text\":\"a\"}]",
            "\"parts\":["
                + "{\"type\":\"text\",\"text\":\"a\"},".repeat(64)
                + "{\"type\":\"text\",\"text\":\"a\"}]")) {
      bodies.add("{" + more + "}");
    }
    return bodies;
  }

  @Test
  void fields_out_of_bounds_are_refused_and_nothing_is_stored() throws Exception {
    String session = door.session();
    List<String> bodies = badMessages();
    for (String body : bodies) {
      Answer answer = door.post("/v1/sessions/" + session + "/turns", body);
      assertThat(answer.status()).as(body).isIn(400, 413);
      assertThat(answer.header("content-type")).isEqualTo("application/problem+json");
    }
    for (String title : List.of("\"a\\nb\"", "7", "\"" + "x".repeat(201) + "\"", "\"\\u0007\"")) {
      Answer answer = door.send("PATCH", "/v1/sessions/" + session, "{\"title\":" + title + "}");
      assertThat(answer.status()).as(title).isIn(400, 413);
    }
    for (String key : List.of("a b", "x".repeat(256), "a\tb")) {
      Answer answer =
          door.post(
              "/v1/sessions/" + session + "/turns", "{\"text\":\"a\"}", "Idempotency-Key", key);
      assertThat(answer.status()).as(key).isEqualTo(400);
    }
    for (String path :
        List.of(
            "/v1/sessions?limit=0",
            "/v1/sessions?limit=201",
            "/v1/sessions?limit=x",
            "/v1/sessions?limit=5&limit=6",
            "/v1/sessions?lmit=5",
            "/v1/turns",
            "/v1/turns?state=done",
            "/v1/sessions?cursor=%0d%0a",
            "/v1/sessions?cursor=1.%00",
            "/v1/sessions/" + session + "/messages?before=-1",
            "/v1/sessions/" + session + "/messages?before=99999999999999999999",
            "/v1/sessions?cursor=%ff%fe",
            "/v1/inbox/events?from=now")) {
      Answer answer = door.get(path);
      assertThat(answer.status()).as(path).isEqualTo(400);
      assertThat(answer.header("content-type")).isEqualTo("application/problem+json");
    }
    assertThat(door.get("/v1/sessions/" + session + "/messages").json().path("items")).isEmpty();
    assertThat(door.get("/v1/turns?state=active").json().path("items")).isEmpty();
  }

  @Test
  void a_nearest_name_is_offered() throws Exception {
    Answer query = door.get("/v1/sessions?lmit=5");
    assertThat(query.json().path("detail").textValue()).contains("Did you mean 'limit'?");
    Answer member = door.post("/v1/sessions", "{\"tilte\":\"x\"}");
    assertThat(member.json().path("detail").textValue()).contains("Did you mean 'title'?");
  }
}

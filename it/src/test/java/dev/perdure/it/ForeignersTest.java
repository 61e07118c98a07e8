package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every operation of the API times everybody who must not use it: nobody, somebody with a bad or
 * expired credential, another user, another tenant. The operations are those of the served
 * document, so a new one is tested from its first day, and fails here until it has a body to be
 * called with.
 */
class ForeignersTest {
  private static final String ANN = "annas-key-of-24-characters";
  private static final String BOB = "bobs-key-of-24-characters-";
  private static final String EVE = "evas-key-of-24-characters-";

  private static final String NEW_SCHEDULE = "POST /v1/schedules";

  /** What an operation with a body is called with; {@code {}} for the others that change things. */
  private static final Map<String, String> BODIES =
      Map.ofEntries(
          Map.entry("POST /v1/stream-tokens", "{}"),
          Map.entry("POST /v1/sessions", "{\"title\":\"mine\"}"),
          Map.entry("PATCH /v1/sessions/{session}", "{\"title\":\"taken over\"}"),
          Map.entry("POST /v1/sessions/{session}/turns", "{\"text\":\"in another's name\"}"),
          Map.entry(
              "POST /v1/turns/{turn}/answers", "{\"call\":\"call_1\",\"decision\":\"refuse\"}"),
          Map.entry("PATCH /v1/turns/{turn}", "{\"delay\":\"PT0S\",\"was\":1}"),
          Map.entry(NEW_SCHEDULE, schedule("sess_" + "0".repeat(26))),
          Map.entry("PATCH /v1/schedules/{schedule}", "{\"paused\":true}"),
          Map.entry("PUT /v1/preferences", "{}"),
          Map.entry("POST /v1/sessions/{session}/shares", "{}"),
          Map.entry("POST /v1/documents", "a document"),
          Map.entry("POST /v1/files", "a file"),
          Map.entry("POST /api/chat", chat("mine", "/echo mine")),
          Map.entry("POST /openai/v1/responses", "{\"input\":\"/echo hello\"}"),
          Map.entry("POST /openai/v1/conversations", "{}"),
          Map.entry("POST /openai/v1/conversations/{conversation}", "{\"metadata\":{\"a\":\"b\"}}"),
          Map.entry(
              "POST /openai/v1/conversations/{conversation}/items",
              "{\"items\":[{\"role\":\"user\",\"content\":\"in another's name\"}]}"),
          Map.entry(
              "POST /openai/v1/chat/completions",
              "{\"messages\":[{\"role\":\"user\",\"content\":\"/echo hello\"}]}"));

  /** What is posted to a chat of this id, which is its client's own. */
  private static String chat(String id, String text) {
    return "{\"id\":\""
        + id
        + "\",\"messages\":[{\"id\":\"m1\",\"role\":\"user\",\"parts\":[{\"type\":\"text\",\"text\":\""
        + text
        + "\"}]}]}";
  }

  private static final String CHAT = "annas-chat";

  private static String schedule(String session) {
    return "{\"session\":\""
        + session
        + "\",\"message\":{\"text\":\"Secret\"},\"cron\":\"0 3 1 1 *\",\"zone\":\"UTC\"}";
  }

  /** What the token of a link opens, and nothing else does. */
  private static final String SHARED = "GET /v1/shared";

  /** What only operators may see. */
  private static final String OPERATOR = "GET /v1/operator";

  /** What is to be opened as a WebSocket. */
  private static final String SOCKET = "GET /api/chat";

  /** The same for query parameters that must be there. */
  private static final Map<String, String> QUERIES =
      Map.of(
          "GET /v1/turns", "?state=active",
          "POST /v1/documents", "?name=a.txt",
          "POST /v1/files", "?name=a.txt");

  /** An operation of the document, with a path of Ann's and one of nobody's. */
  private record Operation(
      String name, String method, String path, String unknown, boolean open, boolean byToken) {
    boolean ofSomebody() {
      return !path.equals(unknown);
    }

    /** Whether its path holds a name of the caller's own, and so nothing of anybody else's. */
    boolean named() {
      return name.contains("{chat}");
    }
  }

  @TempDir static Path data;
  static Server server;
  static Api api;
  private static List<Operation> operations;
  static String session;
  static String turn;
  static String document;
  static String file;
  static String share;
  static String shareToken;
  static String schedule;
  static String message;
  static String expiredToken;

  @BeforeAll
  static void start() {
    server =
        Server.setup()
            .env("PERDURE_API_KEYS", "acme/ann:" + ANN + ",acme/bob:" + BOB + ",evil/ann:" + EVE)
            .env("PERDURE_AUTH_STREAM_TOKEN_TTL", "5s")
            .start(data);
    api = server.api();
    expiredToken =
        api.post("/v1/stream-tokens", "{}", bearer(ANN)).expect(201).json().path("token").asText();
    session =
        api.post("/v1/sessions", "{\"title\":\"Secret\"}", bearer(ANN))
            .expect(201)
            .json()
            .path("id")
            .asText();
    document = sent("/v1/documents");
    file = sent("/v1/files");
    JsonNode link =
        api.post("/v1/sessions/" + session + "/shares", "{}", bearer(ANN)).expect(201).json();
    share = link.required("share").textValue();
    shareToken = link.required("token").textValue();
    schedule =
        api.post("/v1/schedules", schedule(session), bearer(ANN))
            .expect(201)
            .json()
            .path("id")
            .asText();
    turn = Api.turnOf(api.submitRaw(session, Api.body("/long 3"), bearer(ANN)));
    Await.until(
        "Ann's reply",
        () ->
            api.get("/v1/turns/" + turn, bearer(ANN))
                    .json()
                    .path("state")
                    .asText()
                    .equals("completed")
                ? true
                : null);
    message = api.get("/v1/turns/" + turn, bearer(ANN)).json().path("userMessage").asText();
    api.post("/api/chat", chat(CHAT, "Secret"), bearer(ANN)).expect(200);
    assertThat(api.get("/api/chat/" + CHAT + "/messages", bearer(ANN)).body()).contains("Secret");
    operations = operations(api.get("/v1/openapi.json", bearer(ANN)).expect(200).json());
  }

  private static String sent(String to) {
    return api.post(
            to + "?name=Secret",
            "Secret",
            "Content-Type",
            "text/plain",
            "Authorization",
            "Bearer " + ANN)
        .expect(201)
        .json()
        .path("id")
        .asText();
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private static String[] bearer(String key) {
    return new String[] {"Authorization", "Bearer " + key};
  }

  private static List<Operation> operations(JsonNode document) {
    List<Operation> out = new ArrayList<>();
    document
        .required("paths")
        .properties()
        .forEach(path ->
            path.getValue()
                .properties()
                .forEach(method ->
                    out.add(operation(path.getKey(), method.getKey(), method.getValue()))));
    assertThat(out).hasSizeGreaterThan(20);
    return out;
  }

  private static Operation operation(String template, String verb, JsonNode description) {
    String method = verb.toUpperCase(Locale.ROOT);
    String name = method + " " + template;
    boolean hasBody = description.has("requestBody");
    assertThat(!hasBody || BODIES.containsKey(name))
        .as("%s has a body: say in BODIES what it is called with", name)
        .isTrue();
    String query = QUERIES.getOrDefault(name, "");
    String nobodys = "0".repeat(26);
    String path =
        template
                .replace("{session}", session)
                .replace("{turn}", turn)
                .replace("{document}", document)
                .replace("{file}", file)
                .replace("{share}", share)
                .replace("{schedule}", schedule)
                .replace("{chat}", CHAT)
                .replace("{response}", turn.replace("turn_", "resp_"))
                .replace("{conversation}", session.replace("sess_", "conv_"))
                .replace("{item}", message)
                .replace("{model}", "demo%2Fdemo")
                .replace("{lane}", "0")
                .replace("{code}", "internal")
            + query;
    String unknown =
        template
                .replace("{session}", "sess_" + nobodys)
                .replace("{turn}", "turn_" + nobodys)
                .replace("{document}", "doc_" + nobodys)
                .replace("{file}", "file_" + nobodys)
                .replace("{share}", "shr_" + nobodys)
                .replace("{schedule}", "sched_" + nobodys)
                .replace("{chat}", "nobodys-chat")
                .replace("{response}", "resp_" + nobodys)
                .replace("{conversation}", "conv_" + nobodys)
                .replace("{item}", "msg_" + nobodys)
                .replace("{model}", "demo%2Fdemo")
                .replace("{lane}", "0")
                .replace("{code}", "internal")
            + query;
    assertThat(path).as("%s has a variable that this test does not know", name).doesNotContain("{");
    boolean byToken = description.path("parameters").toString().contains("/Token\"");
    return new Operation(name, method, path, unknown, description.has("security"), byToken);
  }

  private static Api.Answer call(Operation operation, String path, String... headers) {
    boolean changes = !operation.method.equals("GET") && !operation.method.equals("DELETE");
    List<String> all = new ArrayList<>(List.of(headers));
    if (operation.name.equals("POST /v1/documents") || operation.name.equals("POST /v1/files")) {
      all.addAll(List.of("Content-Type", "text/plain"));
    }
    return api.send(
        operation.method,
        path,
        changes ? BODIES.getOrDefault(operation.name, "{}") : null,
        all.toArray(String[]::new));
  }

  /** Refused requests have their line; asks again, as a flood of them has not a line each. */
  private static void awaitAuditLine(
      Operation operation, String who, String code, String... headers) {
    String path = operation.path.replaceAll("\\?.*", "");
    String line =
        "Audit: Refused "
            + operation.method
            + " "
            + path
            + " to "
            + who
            + " from 127.0.0.1: "
            + code;
    Await.until(
        line,
        () -> {
          if (server.process().output().contains(line)) {
            return true;
          }
          call(operation, operation.path, headers);
          return null;
        });
  }

  @Test
  void nobody_and_bad_credentials_get_401_and_nothing_else() {
    for (Operation operation : operations) {
      if (operation.open) {
        continue;
      }
      Api.Answer anonymous = call(operation, operation.path);
      assertThat(anonymous.status()).as(operation.name).isEqualTo(401);
      for (String bad : List.of("Bearer " + ANN + "x", "Bearer", "Basic " + ANN, "Bearer a.b.c")) {
        Api.Answer answer = call(operation, operation.path, "Authorization", bad);
        assertThat(answer.status()).as(operation.name).isEqualTo(401);
        assertThat(answer.body()).doesNotContain("Secret").doesNotContain(ANN);
      }
      // Whether the thing is there does not show.
      Api.Answer unknown = call(operation, operation.unknown);
      assertThat(masked(unknown)).as(operation.name).isEqualTo(masked(anonymous));
      awaitAuditLine(operation, "nobody known", "unauthenticated");
    }
  }

  @Test
  void stream_tokens_open_streams_only_and_not_for_long() {
    String fresh =
        api.post("/v1/stream-tokens", "{}", bearer(ANN)).expect(201).json().path("token").asText();
    String other =
        api.post("/v1/stream-tokens", "{\"path\":\"/v1/turns/turn_other\"}", bearer(ANN))
            .expect(201)
            .json()
            .path("token")
            .asText();
    String bobs =
        api.post("/v1/stream-tokens", "{}", bearer(BOB)).expect(201).json().path("token").asText();
    Operation whole =
        operations.stream().filter(o -> o.name.endsWith("/download")).findFirst().orElseThrow();
    assertThat(api.get(whole.path + "?token=" + fresh).status()).isEqualTo(200);
    Await.until(
        "the end of a token",
        () -> api.get(whole.path + "?token=" + expiredToken).status() == 401 ? true : null);
    for (Operation operation : operations) {
      String with = operation.path + (operation.path.contains("?") ? "&" : "?") + "token=";
      if (operation.open) {
        continue;
      }
      if (operation.name.startsWith(SHARED)) {
        // No token of anybody's is one of a link.
        assertThat(call(operation, with + fresh).status()).as(operation.name).isBetween(400, 404);
        continue;
      }
      assertThat(call(operation, with + expiredToken).status()).as(operation.name).isEqualTo(401);
      assertThat(call(operation, with + other).status()).as(operation.name).isEqualTo(401);
      assertThat(call(operation, with + fresh + "x").status()).as(operation.name).isEqualTo(401);
      // A token says who is calling, and no more than that person's key would.
      if (!operation.byToken || operation.ofSomebody()) {
        assertThat(call(operation, with + bobs).status())
            .as(operation.name)
            .isEqualTo(operation.byToken ? 404 : 401);
      }
      if (!operation.byToken) {
        assertThat(call(operation, with + fresh).status()).as(operation.name).isEqualTo(401);
      }
    }
    assertThat(server.process().output())
        .doesNotContain(fresh)
        .doesNotContain(bobs)
        .doesNotContain(expiredToken);
  }

  @Test
  void what_is_somebody_elses_is_as_if_it_were_not_there() {
    Map<String, String> others = Map.of(BOB, "acme/bob", EVE, "evil/ann");
    for (Operation operation : operations) {
      if (!operation.ofSomebody()) {
        continue;
      }
      others.forEach((key, name) -> {
        Api.Answer foreign = call(operation, operation.path, bearer(key));
        Api.Answer unknown = call(operation, operation.unknown, bearer(key));
        assertThat(masked(foreign)).as(operation.name).isEqualTo(masked(unknown));
        if (operation.named() && foreign.status() != 404) {
          assertThat(foreign.body()).as(operation.name).isIn("", "[]");
          return;
        }
        assertThat(foreign.status()).as(operation.name).isEqualTo(404);
        awaitAuditLine(operation, name, "not_found", bearer(key));
      });
    }
    assertThat(api.get("/v1/sessions/" + session, bearer(ANN)).json().path("title").asText())
        .isEqualTo("Secret");
    assertThat(api.get("/v1/turns/" + turn, bearer(ANN)).json().path("state").asText())
        .isEqualTo("completed");
  }

  @Test
  void nobody_has_messages_sent_to_somebody_elses_session() {
    for (String key : List.of(BOB, EVE)) {
      Api.Answer foreign = api.post("/v1/schedules", schedule(session), bearer(key));
      Api.Answer unknown =
          api.post("/v1/schedules", schedule("sess_" + "0".repeat(26)), bearer(key));
      assertThat(foreign.status()).isEqualTo(404);
      assertThat(masked(foreign)).isEqualTo(masked(unknown));
    }
    assertThat(api.get("/v1/schedules", bearer(ANN)).json().path("items")).hasSize(1);
  }

  @Test
  void what_is_somebody_elses_is_as_if_it_were_not_there_in_a_body_too() {
    Map<String, List<String>> bodies =
        Map.of(
            "/openai/v1/responses",
            List.of(
                "{'input':'x','previous_response_id':'" + turn.replace("turn_", "resp_") + "'}",
                "{'input':'x','conversation':'" + session.replace("sess_", "conv_") + "'}",
                "{'input':[{'role':'user','content':[{'type':'input_file','file_id':'"
                    + file
                    + "'}]}]}"),
            "/api/chat",
            List.of(chat(session, "x").replace('"', '\'')));
    bodies.forEach((path, each) ->
        each.forEach(body -> {
          for (String key : List.of(BOB, EVE)) {
            String unknown = body.replaceAll("_[0-9a-z]{26}", "_" + "0".repeat(26));
            Api.Answer foreign = api.post(path, body.replace('\'', '"'), bearer(key));
            assertThat(foreign.status()).as(body).isBetween(400, 404);
            assertThat(masked(foreign))
                .isEqualTo(masked(api.post(path, unknown.replace('\'', '"'), bearer(key))));
          }
        }));
  }

  @Test
  void listings_of_others_hold_nothing_of_ann() {
    for (Operation operation : operations) {
      boolean needsSession = operation.name.equals(NEW_SCHEDULE);
      if (operation.open || operation.ofSomebody() || operation.byToken || needsSession) {
        continue;
      }
      boolean refused =
          operation.name.startsWith(SHARED)
              || operation.name.startsWith(OPERATOR)
              || operation.name.equals(SOCKET);
      for (String key : List.of(BOB, EVE)) {
        Api.Answer answer = call(operation, operation.path, bearer(key));
        assertThat(answer.status())
            .as(operation.name + answer.body())
            .isBetween(refused ? 400 : 200, refused ? 499 : 299);
        assertThat(answer.body())
            .as(operation.name)
            .doesNotContain(session)
            .doesNotContain(turn)
            .doesNotContain(document)
            .doesNotContain(schedule)
            .doesNotContain("Secret");
      }
    }
  }

  @Test
  void a_link_opens_what_is_shared_and_nothing_else() {
    assertThat(api.get("/v1/shared", bearer(shareToken)).expect(200).body()).contains("Secret");
    for (Operation operation : operations) {
      if (!operation.open && !operation.name.startsWith(SHARED)) {
        Api.Answer answer = call(operation, operation.path, bearer(shareToken));
        assertThat(answer.status()).as(operation.name).isEqualTo(401);
      }
    }
  }

  /** An answer without what names the request: status, body and the headers that are not times. */
  private static String masked(Api.Answer answer) {
    return answer.status()
        + " "
        + answer
            .body()
            .replaceAll("(sess|turn|doc|file|shr|sched|resp|conv|msg)_[0-9a-z]{26}", "$1_ID")
            .replace(CHAT, "nobodys-chat")
        + answer.headers().map().entrySet().stream()
            .filter(header -> !header.getKey().equalsIgnoreCase("date"))
            .filter(header -> !header.getKey().equalsIgnoreCase("content-length"))
            .filter(header -> !header.getKey().equalsIgnoreCase("x-request-id"))
            .map(header -> header.getKey() + "=" + header.getValue())
            .sorted()
            .toList();
  }
}

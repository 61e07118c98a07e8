package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is somebody else's looks like what does not exist, whatever is asked. */
class IsolationTest {
  private static final String ANN = "ann-key-0123456789abcdef";
  private static final String BOB = "bob-key-0123456789abcdef";
  private static final String OTHER_ANN = "other-key-0123456789abcdef";
  private static final Set<String> METHODS = Set.of("get", "post", "patch", "delete", "put");

  /** Bodies that are in order, so that a refusal is about the id and nothing else. */
  private static final Map<String, String> BODIES =
      Map.of(
          "post /v1/sessions/{session}/turns", "{\"text\":\"mine?\"}",
          "patch /v1/sessions/{session}", "{\"title\":\"mine?\"}");

  @TempDir static Path data;
  static Server server;

  @BeforeAll
  static void start() {
    server =
        Server.setup()
            .env(
                "PERDURE_AUTH_API_KEYS",
                "acme/ann:" + ANN + ",acme/bob:" + BOB + ",other/ann:" + OTHER_ANN)
            .start(data);
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  private record Operation(String method, String path) {
    String name() {
      return method + " " + path;
    }

    String of(String session, String turn) {
      return path.replace("{session}", session)
          .replace("{turn}", turn)
          .replace("{lane}", "0")
          .replaceAll("\\{[a-zA-Z]+\\}", turn);
    }
  }

  @Test
  void every_operation_answers_strangers_as_if_there_were_nothing() {
    Api api = server.api();
    String session =
        send(api, "post", "/v1/sessions", "{}", ANN).expect(201).json().path("id").asText();
    String turn =
        send(api, "post", "/v1/sessions/" + session + "/turns", "{\"text\":\"secret\"}", ANN)
            .expect(202)
            .json()
            .path("turn")
            .asText();
    List<Operation> operations = operations(api);
    assertThat(operations).hasSizeGreaterThanOrEqualTo(12);
    for (Operation operation : operations) {
      String body = BODIES.getOrDefault(operation.name(), "{}");
      String mine = operation.of(session, turn);
      String nobodys = operation.of("sess_" + "0".repeat(26), "turn_" + "0".repeat(26));
      Api.Answer unknown = send(api, operation.method, nobodys, body, BOB);
      assertThat(unknown.status()).as(operation.name()).isBetween(400, 499);
      for (String stranger : List.of(BOB, OTHER_ANN)) {
        Api.Answer answer = send(api, operation.method, mine, body, stranger);
        assertThat(answer.status()).as(operation.name()).isEqualTo(unknown.status());
        assertThat(answer.body().replace(session, "ID").replace(turn, "ID"))
            .as(operation.name())
            .isEqualTo(
                unknown
                    .body()
                    .replace("sess_" + "0".repeat(26), "ID")
                    .replace("turn_" + "0".repeat(26), "ID"));
        assertThat(answer.body()).doesNotContain("secret");
      }
      assertThat(send(api, operation.method, mine, body, null).status())
          .as("%s without a key", operation.name())
          .isEqualTo(401);
    }
    // Nothing of all this has changed anything.
    Api.Answer still = send(api, "get", "/v1/sessions/" + session, "", ANN).expect(200);
    assertThat(still.body()).doesNotContain("mine?");
    assertThat(send(api, "get", "/v1/sessions", "", BOB).json().path("items")).isEmpty();
    assertThat(send(api, "get", "/v1/turns?state=active", "", OTHER_ANN).json().path("items"))
        .isEmpty();
  }

  @Test
  void a_token_for_a_stream_opens_that_stream_of_its_owner_and_no_other() {
    Api api = server.api();
    String session =
        send(api, "post", "/v1/sessions", "{}", ANN).expect(201).json().path("id").asText();
    String turn =
        send(api, "post", "/v1/sessions/" + session + "/turns", "{\"text\":\"hello\"}", ANN)
            .expect(202)
            .json()
            .path("turn")
            .asText();
    String events = "/v1/turns/" + turn + "/events";
    String bobs =
        send(api, "post", "/v1/stream-tokens", "{}", BOB).expect(201).json().path("token").asText();
    assertThat(send(api, "get", events + "?token=" + bobs, "", null).status()).isEqualTo(404);
    assertThat(send(api, "get", events + "?token=" + bobs + "x", "", null).status()).isEqualTo(401);
    String other = "{\"path\":\"/v1/inbox/events\"}";
    String elsewhere =
        send(api, "post", "/v1/stream-tokens", other, ANN)
            .expect(201)
            .json()
            .path("token")
            .asText();
    assertThat(send(api, "get", events + "?token=" + elsewhere, "", null).status()).isEqualTo(401);
  }

  /** Every operation of the API that names something which belongs to somebody. */
  private static List<Operation> operations(Api api) {
    List<Operation> operations = new ArrayList<>();
    JsonNode paths =
        send(api, "get", "/v1/openapi.json", "", ANN).expect(200).json().required("paths");
    paths
        .properties()
        .forEach(path ->
            path.getValue()
                .fieldNames()
                .forEachRemaining(method -> {
                  if (METHODS.contains(method)
                      && path.getKey().startsWith("/v1/")
                      && path.getKey().contains("{")) {
                    operations.add(new Operation(method, path.getKey()));
                  }
                }));
    return operations;
  }

  private static Api.Answer send(
      Api api,
      String method,
      String path,
      String body,
      @org.jspecify.annotations.Nullable String key) {
    String name = method.toUpperCase(Locale.ROOT);
    boolean bodiless = name.equals("GET") || name.equals("DELETE");
    return key == null
        ? api.send(name, path, bodiless ? null : body)
        : api.send(name, path, bodiless ? null : body, "Authorization", "Bearer " + key);
  }
}

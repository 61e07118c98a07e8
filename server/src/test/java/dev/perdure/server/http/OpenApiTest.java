package dev.perdure.server.http;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.server.http.Route.Access;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;

/** The document that is served and the routes that are registered say the same. */
@TestInstance(Lifecycle.PER_CLASS)
class OpenApiTest {
  private static final Map<String, ErrorCode> CODES =
      Arrays.stream(ErrorCode.values())
          .collect(Collectors.toMap(ErrorCode::wire, Function.identity()));

  /** Tags of the doors of other protocols. */
  private static final Set<String> DOORS = Set.of("ai-sdk", "openai", "durable-streams");

  private Door door;
  private JsonNode document;

  @BeforeAll
  void open(@TempDir Path data) throws Exception {
    door = new Door(data);
    document = door.get("/v1/openapi.json").json();
  }

  @AfterAll
  void close() {
    door.close();
  }

  private void eachOperation(BiConsumer<String, JsonNode> visitor) {
    document
        .path("paths")
        .properties()
        .forEach(path ->
            path.getValue()
                .properties()
                .forEach(method ->
                    visitor.accept(
                        method.getKey().toUpperCase(Locale.ROOT) + " " + path.getKey(),
                        method.getValue())));
  }

  private static boolean isOfOtherDoor(JsonNode operation) {
    return DOORS.contains(operation.at("/tags/0").asText());
  }

  private JsonNode resolve(JsonNode node) {
    JsonNode now = node;
    while (now.has("$ref")) {
      String ref = now.path("$ref").textValue();
      assertThat(ref).startsWith("#/");
      now = document.at(ref.substring(1));
      assertThat(now.isMissingNode()).as(ref).isFalse();
    }
    return now;
  }

  @Test
  void it_is_openapi_3_1_in_both_forms() throws Exception {
    assertThat(document.path("openapi").textValue()).isEqualTo("3.1.0");
    Door.Answer yaml = door.get("/v1/openapi.yaml");
    assertThat(yaml.header("content-type")).isEqualTo("application/yaml");
    assertThat(yaml.text()).contains("openapi: 3.1.0");
    // Anchors and merge keys are read differently by different tools.
    assertThat(yaml.text()).doesNotContain("<<:").doesNotContainPattern("[:-] [&*][a-z]");
  }

  @Test
  void operations_and_routes_are_the_same() {
    TreeSet<String> documented = new TreeSet<>();
    // Those of other doors are compared where the doors are: in DoorOperationsTest.
    eachOperation((name, operation) -> {
      if (!isOfOtherDoor(operation)) {
        documented.add(name);
      }
    });
    TreeSet<String> registered = new TreeSet<>();
    for (Route route : door.http.routes()) {
      registered.add(route.method().text() + " " + route.template());
    }

    assertThat(documented).isEqualTo(registered);
  }

  @Test
  void operations_have_a_name_of_their_own_and_a_summary() {
    List<String> ids = new ArrayList<>();
    eachOperation((name, operation) -> {
      ids.add(operation.path("operationId").textValue());
      assertThat(operation.path("summary").textValue()).as(name).isNotBlank();
      assertThat(operation.path("tags")).as(name).hasSize(1);
    });
    assertThat(ids).doesNotContainNull().doesNotHaveDuplicates();
  }

  @Test
  void path_variables_are_parameters() {
    Pattern variable = Pattern.compile("\\{([a-z]+)}");
    eachOperation((name, operation) -> {
      List<String> inPath = new ArrayList<>();
      operation
          .path("parameters")
          .forEach(ref -> {
            JsonNode parameter = resolve(ref);
            assertThat(parameter.path("schema").isObject()).as(name).isTrue();
            if (parameter.path("in").textValue().equals("path")) {
              assertThat(parameter.path("required").booleanValue()).isTrue();
              inPath.add(parameter.path("name").textValue());
            }
          });
      List<String> expected = new ArrayList<>();
      Matcher matcher = variable.matcher(name);
      while (matcher.find()) {
        expected.add(matcher.group(1));
      }
      assertThat(inPath).as(name).containsExactlyInAnyOrderElementsOf(expected);
    });
  }

  @Test
  void each_problem_code_has_its_status_and_each_status_its_code() {
    eachOperation((name, operation) -> {
      TreeSet<String> fromCodes = new TreeSet<>();
      operation
          .path("x-problems")
          .forEach(code -> {
            assertThat(CODES).as(name).containsKey(code.textValue());
            fromCodes.add(Integer.toString(requireNonNull(CODES.get(code.textValue())).status()));
          });
      TreeSet<String> refusals = new TreeSet<>();
      operation
          .path("responses")
          .properties()
          .forEach(response -> {
            JsonNode resolved = resolve(response.getValue());
            assertThat(resolved.path("description").textValue()).as(name).isNotBlank();
            // Other protocols have their own words for a refusal.
            if (resolved.path("content").has("application/problem+json")
                || (isOfOtherDoor(operation) && response.getKey().charAt(0) >= '4')) {
              refusals.add(response.getKey());
            }
          });
      assertThat(refusals).as(name).isEqualTo(fromCodes);
      assertThat(fromCodes).as(name).contains("500");
    });
  }

  @Test
  void what_every_operation_of_a_kind_may_answer_is_documented() {
    Map<String, Route> routes =
        door.http.routes().stream()
            .collect(
                Collectors.toMap(
                    route -> route.method().text() + " " + route.template(), Function.identity()));
    eachOperation((name, operation) -> {
      List<String> codes = new ArrayList<>();
      operation.path("x-problems").forEach(code -> codes.add(code.textValue()));
      Access access =
          isOfOtherDoor(operation) ? Access.CALLER : requireNonNull(routes.get(name)).access();
      boolean open = access == Access.OPEN;
      assertThat(codes.contains("unauthenticated")).as(name).isEqualTo(!open);
      assertThat(operation.path("security").isArray()).as(name).isEqualTo(open);
      if (name.contains("{session}") || name.contains("{turn}")) {
        assertThat(codes).as(name).contains("not_found", "database_unavailable");
      }
      if (operation.has("requestBody")) {
        assertThat(codes)
            .as(name)
            .contains("invalid_request", "too_large", "unsupported_media_type");
        assertThat(codes.contains("invalid_json"))
            .as(name)
            .isEqualTo(operation.at("/requestBody/content").has("application/json"));
      }
      if (access == Access.STREAM) {
        assertThat(codes).as(name).contains("too_many_streams");
        // Files have no retention that a reader could be too late for.
        assertThat(codes.contains("expired")).as(name).isEqualTo(!name.contains("{file}"));
      }
    });
  }

  @Test
  void the_code_list_of_the_problem_schema_is_complete() {
    TreeSet<String> listed = new TreeSet<>();
    document
        .at("/components/schemas/Problem/properties/code/enum")
        .forEach(code -> listed.add(code.textValue()));
    assertThat(listed).isEqualTo(new TreeSet<>(CODES.keySet()));
  }

  @Test
  void every_reference_leads_somewhere() {
    walk(document);
  }

  private void walk(JsonNode node) {
    if (node.has("$ref")) {
      resolve(node);
    }
    node.forEach(this::walk);
  }

  @Test
  void examples_are_of_their_schemas() {
    document
        .at("/components/schemas")
        .properties()
        .forEach(schema ->
            schema
                .getValue()
                .path("examples")
                .forEach(example -> check(schema.getKey(), schema.getValue(), example)));
  }

  @Test
  void real_answers_are_of_their_schemas() throws Exception {
    String session = door.session();
    Door.Answer accepted = door.post("/v1/sessions/" + session + "/turns", "{\"text\":\"hi\"}");
    check("Turn", document.at("/components/schemas/Turn"), accepted.json());
    String turn = accepted.json().path("turn").textValue();
    door.provider.call().think("hm").say("x").ask("time", "{}").finish();
    door.provider.call().say("y").finish();
    try (EventReader reader = door.events("/v1/turns/" + turn + "/events")) {
      reader.rest();
    }
    door.send(
        "PATCH",
        "/v1/sessions/" + session,
        "{\"instructions\":\"Rhyme.\",\"metadata\":{\"a\":\"b\"}}");
    door.send(
        "PUT", "/v1/preferences", "{\"instructions\":\"Be brief.\",\"facts\":{\"city\":\"Graz\"}}");
    door.contexts.flush();
    door.send(
        "POST", "/v1/documents?name=a&session=" + session, "text", "Content-Type", "text/plain");
    answer("DocumentPage", "/v1/documents");
    answer("Preferences", "/v1/preferences");
    answer("Context", "/v1/turns/" + turn + "/context");
    answer("Session", "/v1/sessions/" + session);
    answer("SessionPage", "/v1/sessions?limit=1");
    answer("MessagePage", "/v1/sessions/" + session + "/messages");
    answer("TurnStatus", "/v1/turns/" + turn);
    answer("TurnPage", "/v1/turns?state=active");
    door.post("/v1/sessions/" + session + "/shares", "{}");
    answer("SharePage", "/v1/sessions/" + session + "/shares");
    answer("Operator", "/v1/operator");
    answer("AuditPage", "/v1/operator/calls");
    answer("Models", "/v1/models");
    answer("ServerStatus", "/v1/status");
    answer("Health", "/readyz");
    answer("Root", "/");
    answer("ProblemCode", "/problems/internal");
    answer("Problem", "/v1/turns/nothing");
    check(
        "EventPage",
        document.at("/components/schemas/EventPage"),
        door.get("/v1/turns/" + turn + "/events", "Accept", "application/json").json());
  }

  private void answer(String schema, String path) throws Exception {
    check(schema, document.at("/components/schemas/" + schema), door.get(path).json());
  }

  /** As much of JSON Schema as the document uses; an answer may have no member that it lacks. */
  private void check(String at, JsonNode unresolved, JsonNode value) {
    JsonNode schema = resolve(unresolved);
    assertThat(schema.isMissingNode()).as(at).isFalse();
    List<String> types = new ArrayList<>();
    JsonNode type = schema.path("type");
    if (type.isArray()) {
      type.forEach(each -> types.add(each.textValue()));
    } else if (type.isTextual()) {
      types.add(type.textValue());
    }
    assertThat(types).as(at + " = " + value).contains(typeOf(value, types));
    if (schema.has("enum")) {
      assertThat(schema.path("enum")).as(at).contains(value);
    }
    if (schema.has("pattern")) {
      assertThat(value.textValue()).as(at).containsPattern(schema.path("pattern").textValue());
    }
    schema
        .path("required")
        .forEach(name -> assertThat(value.has(name.textValue())).as(at + "." + name).isTrue());
    if (value.isObject() && schema.has("properties")) {
      value
          .properties()
          .forEach(member -> {
            String path = at + "." + member.getKey();
            JsonNode property = schema.path("properties").path(member.getKey());
            if (property.isMissingNode() && schema.path("additionalProperties").isObject()) {
              property = schema.path("additionalProperties");
            }
            assertThat(property.isMissingNode()).as(path + " is not documented").isFalse();
            check(path, property, member.getValue());
          });
    }
    value.forEach(item -> {
      if (value.isArray()) {
        check(at + "[]", schema.path("items"), item);
      }
    });
  }

  private static String typeOf(JsonNode value, List<String> allowed) {
    return switch (value.getNodeType()) {
      case ARRAY -> "array";
      case OBJECT, POJO -> "object";
      case STRING, BINARY -> "string";
      case BOOLEAN -> "boolean";
      case NULL, MISSING -> "null";
      case NUMBER -> value.isIntegralNumber() && allowed.contains("integer") ? "integer" : "number";
    };
  }

  @Test
  void limits_in_the_document_are_the_defaults() {
    assertThat(document.at("/components/parameters/Limit/schema/maximum").intValue())
        .isEqualTo(HttpLimits.DEFAULT.page().maxItems());
    assertThat(document.at("/components/parameters/Limit/schema/default").intValue())
        .isEqualTo(HttpLimits.DEFAULT.page().defaultItems());
    assertThat(document.at("/components/parameters/Wait/schema/maximum").longValue())
        .isEqualTo(HttpLimits.DEFAULT.stream().maxWait().toSeconds());
    JsonNode message = document.at("/components/schemas/NewTurn/properties");
    assertThat(message.at("/models/maxItems").intValue())
        .isEqualTo(HttpLimits.DEFAULT.body().lanes());
    assertThat(message.at("/fallbacks/maxItems").intValue())
        .isEqualTo(HttpLimits.DEFAULT.body().fallbacks());
    assertThat(message.at("/parts/maxItems").intValue())
        .isEqualTo(HttpLimits.DEFAULT.body().parts());
    assertThat(
            document
                .at("/components/schemas/SessionSettings/properties/title/maxLength")
                .intValue())
        .isEqualTo(HttpLimits.DEFAULT.body().titleChars());
    assertThat(Json.text(document)).doesNotContain("TODO");
  }
}

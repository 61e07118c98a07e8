package dev.perdure.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import dev.perdure.server.config.ConfigLoader;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The OpenAPI document has the operations of the doors of other protocols, and no others. */
class DoorOperationsTest {
  private static final Set<String> DOORS = Set.of("ai-sdk", "openai", "durable-streams");

  private final HttpClient client = HttpClient.newHttpClient();

  private JsonNode ask(HttpRequest.Builder request) throws IOException, InterruptedException {
    return Json.MAPPER.readTree(client.send(request.build(), BodyHandlers.ofString()).body());
  }

  @Test
  void operations_and_routes_are_the_same_and_a_response_has_the_documented_members(
      @TempDir Path data) throws Exception {
    List<String> args = List.of("--port", "0", "--data", data.toString());
    Map<String, String> env = Map.of("PERDURE_DETECT_LOCAL_SERVERS", "false");
    PerdureServer server =
        PerdureServer.start(ConfigLoader.load(args, env, data), InstantSource.system());
    try {
      URI document = URI.create(server.url() + "/v1/openapi.json");
      JsonNode openApi = ask(HttpRequest.newBuilder(document));
      TreeSet<String> documented = new TreeSet<>();
      openApi
          .path("paths")
          .properties()
          .forEach(path ->
              path.getValue()
                  .properties()
                  .forEach(method -> {
                    if (DOORS.contains(method.getValue().at("/tags/0").asText())) {
                      documented.add(
                          method.getKey().toUpperCase(Locale.ROOT) + " " + path.getKey());
                    }
                  }));
      assertThat(server.doorOperations()).containsExactlyInAnyOrderElementsOf(documented);

      JsonNode schema = openApi.at("/components/schemas/OpenAiResponse");
      JsonNode response =
          ask(
              HttpRequest.newBuilder(URI.create(server.url() + "/openai/v1/responses"))
                  .header("Content-Type", "application/json")
                  .POST(BodyPublishers.ofString("{\"input\":\"/echo hi\"}")));
      assertThat(schema.path("required")).hasSize(31);
      schema.path("required").forEach(name -> assertThat(response.has(name.asText())).isTrue());
      response
          .fieldNames()
          .forEachRemaining(
              name -> assertThat(schema.path("properties").has(name)).as(name).isTrue());
    } finally {
      server.stop();
      client.close();
    }
  }
}

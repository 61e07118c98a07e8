package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.testing.Ports;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The packaged server with a real MCP server, the reference one of npm, over both transports. */
class McpTest {
  private static final Path EVERYTHING =
      Path.of(
              "js",
              "node_modules",
              "@modelcontextprotocol",
              "server-everything",
              "dist",
              "index.js")
          .toAbsolutePath();

  @TempDir Path data;

  private static Process node(int port) throws IOException {
    ProcessBuilder builder = new ProcessBuilder("node", EVERYTHING.toString(), "streamableHttp");
    builder.environment().put("PORT", String.valueOf(port));
    Process process =
        builder.redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
    Reaper.watch(process.pid());
    return process;
  }

  private Path settings(int port) throws IOException {
    Path file = data.resolve("perdure.yaml");
    Files.writeString(
        file,
        """
        tools:
          allowedAddresses: [127.0.0.1, "::1"]
          mcp:
            local:
              command: [node, "%s"]
              approval: never
            remote:
              url: http://127.0.0.1:%d/mcp
              approval: never
        """
            .formatted(EVERYTHING, port));
    return file;
  }

  private static void awaitTool(Api api, String name) {
    Await.until("the tool " + name, () -> tools(api).contains(name) ? Boolean.TRUE : null);
  }

  private static List<String> tools(Api api) {
    return api.get("/v1/tools").expect(200).json().path("items").findValuesAsText("name");
  }

  /** What a tool returns, or the code and text of its error. */
  private static String call(Api api, String tool, String input) {
    ObjectNode body = Api.body("/pace 0ms\n/tool " + tool + " " + input, "demo/demo");
    body.putArray("tools").add(tool);
    String turn = Api.turnOf(api.submitRaw(api.createSession(), body));
    assertThat(api.awaitEnd(turn)).isEqualTo("completed");
    JsonNode call = api.turn(turn).at("/lanes/0/calls/0");
    return call.has("output")
        ? call.path("output").toString()
        : call.at("/error/code").asText() + ": " + call.at("/error/text").asText();
  }

  @Test
  void a_real_server_is_driven_over_both_transports_and_survived() throws Exception {
    assertThat(EVERYTHING).as("Run 'npm ci' in it/js before").exists();
    int port = Ports.free();
    @Nullable Process remote = node(port);
    try (Server server =
        Server.setup().env("PERDURE_CONFIG", settings(port).toString()).start(data)) {
      Api api = server.api();
      for (String from : List.of("local", "remote")) {
        awaitTool(api, from + "__echo");
        assertThat(call(api, from + "__echo", "{\"message\":\"Grüße\"}"))
            .isEqualTo("\"Echo: Grüße\"");
        assertThat(call(api, from + "__get-sum", "{\"a\":2,\"b\":40}")).contains("42");
        assertThat(call(api, from + "__get-sum", "{\"a\":\"two\"}"))
            .startsWith("invalid_arguments: ");
        assertThat(call(api, from + "__get-tiny-image", "{}"))
            .contains("image/png")
            .contains("left out");
        assertThat(call(api, from + "__get-structured-content", "{\"location\":\"New York\"}"))
            .contains("\"temperature\"");
        // It asks its client for more, which this one does not give.
        assertThat(
                call(
                    api,
                    from + "__trigger-long-running-operation",
                    "{\"duration\":0.2,\"steps\":2}"))
            .contains("completed");
      }
      String env = call(api, "local__get-env", "{}");
      assertThat(env).contains("PATH").doesNotContain("PERDURE_");

      remote.destroyForcibly().waitFor();
      assertThat(call(api, "remote__echo", "{\"message\":\"x\"}"))
          .startsWith("tool_failed: The MCP server 'remote' failed");
      assertThat(call(api, "local__echo", "{\"message\":\"on\"}")).isEqualTo("\"Echo: on\"");
      Reaper.forget(remote.pid());
      remote = node(port);
      Await.until(
          "the server to be found again",
          () ->
              call(api, "remote__echo", "{\"message\":\"back\"}").contains("Echo: back")
                  ? Boolean.TRUE
                  : null);
      assertThat(api.get("/metrics").expect(200).body())
          .contains("perdure_mcp_up{server=\"local\"} 1.0");
    } finally {
      if (remote != null) {
        remote.destroyForcibly();
        Reaper.forget(remote.pid());
      }
    }
  }
}

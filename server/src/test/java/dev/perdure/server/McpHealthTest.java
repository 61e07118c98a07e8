package dev.perdure.server;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.server.config.ConfigLoader;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code /readyz} and operators are told of MCP servers that are up, hang, and die. */
class McpHealthTest {
  private static final long PATIENCE_NANOS = 180_000_000_000L;

  @TempDir private Path directory;

  /** A server of no tools, by standard input and output. */
  static final class Fake {
    public static void main(String[] args) throws IOException {
      try (BufferedReader in = new BufferedReader(new InputStreamReader(System.in, UTF_8))) {
        String line;
        while ((line = in.readLine()) != null) {
          JsonNode asked = Json.MAPPER.readTree(line);
          if (asked.has("id")) {
            ObjectNode answer = Json.MAPPER.createObjectNode().put("jsonrpc", "2.0");
            answer.set("id", asked.path("id"));
            ObjectNode result = answer.putObject("result");
            result.putArray("tools");
            result.set("protocolVersion", asked.at("/params/protocolVersion"));
            result.putObject("capabilities").putObject("tools");
            result.putObject("serverInfo").put("name", "fake").put("version", "1");
            System.out.println(Json.text(answer));
          }
        }
      }
    }

    private Fake() {}
  }

  private final HttpClient client = HttpClient.newHttpClient();

  private JsonNode get(PerdureServer server, String path) throws Exception {
    var answer =
        client.send(
            HttpRequest.newBuilder(URI.create(server.url() + path)).build(),
            BodyHandlers.ofByteArray());
    assertThat(answer.statusCode()).as(path).isEqualTo(200);
    return Json.MAPPER.readTree(answer.body());
  }

  private void awaitCounts(PerdureServer server, int up, int away) throws Exception {
    long deadline = System.nanoTime() + PATIENCE_NANOS;
    while (true) {
      JsonNode ready = get(server, "/readyz");
      assertThat(ready.path("status").textValue()).isEqualTo("ready");
      assertThat(ready.path("reasons")).isEmpty();
      // Anybody may read it: counts and nothing else.
      assertThat(ready.path("mcp")).hasSize(2);
      if (ready.at("/mcp/up").intValue() == up && ready.at("/mcp/away").intValue() == away) {
        return;
      }
      assertThat(System.nanoTime()).as(ready.toString()).isLessThan(deadline);
      Thread.sleep(20);
    }
  }

  /** A program that becomes the fake server; without the file it cannot be started again. */
  private void writeProgram(Path program) throws Exception {
    Path written = Files.createTempFile(directory, "program", ".sh");
    Files.writeString(
        written,
        """
        #!/bin/sh
        echo $$ > '%s'
        exec '%s' -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp '%s' '%s'
        """
            .formatted(
                directory.resolve("pid"),
                Path.of(System.getProperty("java.home"), "bin", "java"),
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                Fake.class.getName()));
    Files.setPosixFilePermissions(written, PosixFilePermissions.fromString("rwx------"));
    Files.move(written, program);
  }

  private void kill() throws Exception {
    long pid = Long.parseLong(Files.readString(directory.resolve("pid")).strip());
    ProcessHandle.of(pid).orElseThrow().destroyForcibly();
  }

  @Test
  void servers_that_are_up_and_away_are_counted_and_make_no_node_unready() throws Exception {
    Path program = directory.resolve("fake");
    writeProgram(program);
    Files.writeString(
        directory.resolve("perdure.yaml"),
        """
        tools:
          mcp:
            good:
              command: ["%s"]
            hangs:
              command: [tail, "-f", "/dev/null"]
            gone:
              command: ["%s"]
        """
            .formatted(program, directory.resolve("none")));
    List<String> args =
        List.of(
            "--port", "0",
            "--data", directory.resolve("data").toString(),
            "--set", "detectLocalServers=false");
    PerdureServer server =
        PerdureServer.start(ConfigLoader.load(args, Map.of(), directory), InstantSource.system());
    try {
      awaitCounts(server, 1, 2);
      Files.delete(program);
      kill();
      awaitCounts(server, 0, 3);
      JsonNode shown = get(server, "/v1/operator").path("mcp");
      assertThat(shown.findValuesAsText("server"))
          .containsExactlyInAnyOrder("good", "hangs", "gone");
      assertThat(shown.findValues("up")).allMatch(up -> !up.booleanValue());
      assertThat(shown.findValuesAsText("reason")).hasSize(3).allMatch(why -> !why.isBlank());
      writeProgram(program);
      awaitCounts(server, 1, 2);
    } finally {
      server.stop();
      client.close();
    }
  }

  @Test
  void without_any_there_is_no_count() throws Exception {
    List<String> args =
        List.of(
            "--port", "0",
            "--data", directory.resolve("data").toString(),
            "--set", "detectLocalServers=false");
    PerdureServer server =
        PerdureServer.start(ConfigLoader.load(args, Map.of(), directory), InstantSource.system());
    try {
      assertThat(get(server, "/readyz").has("mcp")).isFalse();
    } finally {
      server.stop();
      client.close();
    }
  }
}

package dev.perdure.tool.mcp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import dev.perdure.provider.RawServer;
import dev.perdure.provider.http.Addresses;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.TransportOptions;
import dev.perdure.testing.Ports;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.ToolException;
import dev.perdure.tool.Tools;
import dev.perdure.tool.http.AddressPolicy;
import dev.perdure.tool.http.SecretHeaders;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class McpServerTest {
  private static final Duration PATIENT = Duration.ofSeconds(60);

  private final List<AutoCloseable> open = new ArrayList<>();
  private final Tools tools = new Tools(List.of(), Tools.Limits.DEFAULT);
  private final CountDownLatch never = new CountDownLatch(1);
  private Duration limit = PATIENT;

  @AfterEach
  void close() throws Exception {
    never.countDown();
    for (AutoCloseable each : open.reversed()) {
      each.close();
    }
  }

  private McpTools.Trust trust() {
    return new McpTools.Trust(
        List.of(),
        List.of("lies"),
        List.of(),
        false,
        effect -> effect == Effect.UNSAFE ? Tool.Approval.ALWAYS : Tool.Approval.NEVER,
        limit,
        Tool.Retry.DEFAULT);
  }

  private McpServer server(String wire) throws Exception {
    McpServer server =
        wire.equals("http")
            ? McpServer.http(
                "fake",
                trust(),
                httpFake(Ports.free()).uri().resolve("/mcp"),
                new SecretHeaders(List.of("X-Key: ${env:KEY}"), name -> "s3cret-key"),
                local(),
                tools::publish)
            : McpServer.stdio("fake", trust(), command(), Map.of("GIVEN", "yes"), tools::publish);
    return started(server);
  }

  private McpServer started(McpServer server) throws Exception {
    open.add(server);
    server.start();
    await(() -> server.health().up());
    return server;
  }

  private static List<String> command() {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-cp",
        System.getProperty("java.class.path"),
        FakeMcp.class.getName());
  }

  private Transport local() {
    return transport(host -> List.of(InetAddress.getLoopbackAddress()));
  }

  private Transport transport(Addresses names) {
    Transport transport =
        new Transport(
            TransportOptions.defaults()
                .oneCallPerConnection(new AddressPolicy(List.of("127.0.0.1"), names)),
            InstantSource.fixed(Instant.EPOCH));
    open.add(transport);
    return transport;
  }

  private RawServer httpFake(int port) throws IOException {
    RawServer[] self = new RawServer[1];
    CountDownLatch there = new CountDownLatch(1);
    RawServer server =
        RawServer.on(
            new ServerSocket(port, 50, InetAddress.getLoopbackAddress()),
            (out, n) -> {
              hold(there);
              serve(self[0].requests().get(n - 1), out);
            });
    self[0] = server;
    there.countDown();
    open.add(server);
    return server;
  }

  private void serve(String request, OutputStream out) throws IOException {
    JsonNode message = Json.trusted(request.substring(request.indexOf("\r\n\r\n") + 4));
    switch (FakeMcp.tool(message)) {
      case "hang" -> hold(never);
      case "die" -> {}
      case "huge" -> {
        write(out, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
        for (int i = 0; i < FakeMcp.HUGE; i += 1024 * 1024) {
          write(out, "x".repeat(1024 * 1024));
        }
      }
      default -> {
        String answer = FakeMcp.answer(message);
        String head = "HTTP/1.1 200 OK\r\nMcp-Session-Id: s1\r\n";
        if (answer == null) {
          write(out, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
        } else if (message.path("id").asLong() % 2 == 0) {
          write(out, head + "Content-Type: application/json\r\n\r\n" + answer);
        } else {
          String more =
              """
              event: message
              data: {"jsonrpc":"2.0","method":"notifications/progress"}

              data: {"jsonrpc":"2.0","id":"p1","method":"ping"}

              """;
          write(
              out,
              head + "Content-Type: text/event-stream\r\n\r\n" + more + "data: " + answer + "\n\n");
        }
      }
    }
  }

  private static void write(OutputStream out, String text) throws IOException {
    out.write(text.getBytes(StandardCharsets.UTF_8));
  }

  private static void hold(CountDownLatch until) throws IOException {
    try {
      until.await();
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }

  private interface Check {
    boolean holds() throws Exception;
  }

  private static void await(Check check) throws Exception {
    long end = System.nanoTime() + PATIENT.toNanos();
    while (!check.holds()) {
      assertThat(System.nanoTime()).as("still waiting").isLessThan(end);
      Thread.sleep(5);
    }
  }

  private JsonNode call(String tool, String arguments) throws Exception {
    return tools
        .find("fake__" + tool)
        .orElseThrow()
        .run(new Tool.Input(Json.trusted(arguments), "call_1", "t", "ann", "turn_1"));
  }

  private ToolException failure(String tool) {
    return catchThrowableOfType(ToolException.class, () -> call(tool, "{}"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "stdio"})
  void tools_of_a_server_are_there_and_are_called_with_the_key(String wire) throws Exception {
    McpServer server = server(wire);
    assertThat(server.health().tools()).isEqualTo(11);
    assertThat(tools.names())
        .contains("fake__echo", "fake__odd_name__", "fake__refers")
        .doesNotContain("fake__noschema", "fake__array");
    assertThat(call("echo", "{\"text\":\"héllo\"}").asText()).isEqualTo("héllo call_1");
    assertThat(failure("fail")).hasMessage("out of paper").matches(e -> !e.mayHaveActed());
    // Hints are not believed unless the operator says so; what the operator says is.
    assertThat(spec("echo").effect()).isEqualTo(Effect.UNSAFE);
    assertThat(spec("echo").approval().needed(Json.trusted("{}"))).isTrue();
    assertThat(spec("lies").effect()).isEqualTo(Effect.READ);
  }

  private Tool.Spec spec(String tool) {
    return tools.find("fake__" + tool).orElseThrow().spec();
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "stdio"})
  void a_server_that_lies_about_its_schema_is_survived(String wire) throws Exception {
    server(wire);
    assertThat(call("lies", "{\"n\":1}")).isEqualTo(Json.trusted("{\"no\":\"sum\"}"));
    assertThat(failure("looks")).hasMessageContaining("expected a string (-32602)");
    String evil = "{\"s\":\"" + "a".repeat(5_000) + "!\"}";
    // It would take longer than the universe is old; it is given up, and the server may say no.
    assertThat(tools.fault("fake__looks", Json.trusted(evil))).isEmpty();
    assertThat(tools.fault("fake__looks", Json.trusted("{\"s\":\"b\"}"))).isPresent();
    assertThat(tools.fault("fake__refers", Json.trusted("{\"x\":1}"))).isEmpty();
    assertThat(tools.fault("fake__echo", Json.trusted("{\"text\":7}"))).isPresent();
    // Whether or not a check can make sense of it, it comes to an end.
    tools.fault("fake__broken", Json.trusted("{\"a\":1}"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "stdio"})
  void a_server_that_hangs_costs_one_call_its_time(String wire) throws Exception {
    limit = Duration.ofMillis(300);
    server(wire);
    assertThat(failure("hang"))
        .hasMessageContaining("did not answer within 300 ms")
        .matches(ToolException::mayHaveActed);
    limit = PATIENT;
    await(() -> echoes());
  }

  /** On a busy machine an answer may take longer than the short limit of the test. */
  private boolean echoes() throws Exception {
    try {
      return call("echo", "{\"text\":\"on\"}").asText().startsWith("on");
    } catch (ToolException e) {
      return false;
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "stdio"})
  void a_server_that_dies_in_mid_call_comes_back(String wire) throws Exception {
    server(wire);
    assertThat(failure("die"))
        .hasMessageContaining("The MCP server 'fake' failed")
        .matches(ToolException::mayHaveActed);
    await(this::echoes);
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "stdio"})
  void an_answer_of_50_MB_is_not_taken(String wire) throws Exception {
    server(wire);
    assertThat(failure("huge"))
        .hasMessageContaining("more than 4194304 bytes")
        .matches(ToolException::mayHaveActed);
    assertThat(call("echo", "{\"text\":\"on\"}").asText()).startsWith("on");
  }

  @ParameterizedTest
  @ValueSource(strings = {"http", "stdio"})
  void an_interrupt_ends_a_call(String wire) throws Exception {
    server(wire);
    CompletableFuture<Throwable> ended = new CompletableFuture<>();
    Thread thread =
        Thread.ofVirtual()
            .start(() -> {
              try {
                call("hang", "{}");
              } catch (Exception e) {
                ended.complete(e);
              }
            });
    thread.interrupt();
    assertThat(ended.get(60, TimeUnit.SECONDS)).isInstanceOf(InterruptedException.class);
  }

  @Test
  void a_process_has_few_variables_and_ends_with_its_server() throws Exception {
    McpServer server = server("stdio");
    String[] said = call("env", "{}").asText().split(";", 2);
    assertThat(said[1].split(","))
        .contains("GIVEN", "PATH")
        .isSubsetOf("GIVEN", "PATH", "HOME", "LANG", "TMPDIR");
    ProcessHandle child = ProcessHandle.of(Long.parseLong(said[0])).orElseThrow();
    assertThat(child.isAlive()).isTrue();
    server.close();
    await(() -> !child.isAlive());
  }

  @Test
  void a_server_that_is_away_fails_its_calls_and_is_found_when_it_is_back() throws Exception {
    McpServer server = server("http");
    RawServer http = (RawServer) open.getFirst();
    int port = http.port();
    http.close();
    await(() ->
        String.valueOf(failure("echo").getMessage())
            .contains("Its tools cannot be used now; try again later."));
    await(() -> !server.health().up());
    assertThat(tools.names()).contains("fake__echo");
    httpFake(port);
    await(() -> server.health().up());
    assertThat(call("echo", "{\"text\":\"on\"}").asText()).startsWith("on");
  }

  @Test
  void a_command_that_is_none_is_told_and_nothing_else_happens() throws Exception {
    McpServer server =
        McpServer.stdio("gone", trust(), List.of("/no/such/program"), Map.of(), tools::publish);
    open.add(server);
    server.start();
    await(() -> String.valueOf(server.health().reason()).contains("cannot be started"));
    assertThat(server.health().up()).isFalse();
  }

  @Test
  void a_server_at_a_forbidden_address_is_not_reached() throws Exception {
    McpServer server =
        McpServer.http(
            "meta",
            trust(),
            URI.create("http://169.254.169.254/mcp"),
            SecretHeaders.NONE,
            transport(Addresses.SYSTEM),
            tools::publish);
    open.add(server);
    server.start();
    await(() -> String.valueOf(server.health().reason()).contains("no address that may be called"));
    assertThat(server.health().up()).isFalse();
  }
}

package dev.perdure.it;

import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/**
 * The own client library, and the published clients of other protocols, against a server, its kills
 * and its drains.
 */
@Execution(ExecutionMode.CONCURRENT) // each has a server of its own, and mostly waits
class DoorsTest {
  @TempDir Path data;
  private FakeProvider fake;
  private Server server;

  @BeforeEach
  void start() {
    fake = FakeProvider.start();
    server = Server.setup().providers(fake).env("PERDURE_ENGINE_DRAIN_GRACE", "100ms").start(data);
  }

  @AfterEach
  void stop() {
    server.close();
    fake.close();
  }

  @TestFactory
  Stream<DynamicTest> what_every_client_of_a_chat_is_spared() {
    return NodeScript.run("chat-cases.mjs", server.url(), this::act);
  }

  @TestFactory
  Stream<DynamicTest> the_ai_sdk() {
    return NodeScript.run("ai-sdk.mjs", server.url(), this::act);
  }

  @TestFactory
  Stream<DynamicTest> the_ai_sdk_over_a_websocket() {
    return NodeScript.run("ai-sdk-socket.mjs", server.url(), this::act);
  }

  @TestFactory
  Stream<DynamicTest> the_openai_client() {
    return NodeScript.run("openai.mjs", server.url(), this::act);
  }

  @TestFactory
  Stream<DynamicTest> durable_streams_and_event_source() {
    return NodeScript.run("durable-streams.mjs", server.url(), this::act);
  }

  @TestFactory
  Stream<DynamicTest> the_transport_of_the_client_library() {
    return NodeScript.run("perdure-transport.mjs", server.url(), this::act);
  }

  @TestFactory
  Stream<DynamicTest> the_example_page_in_a_browser() {
    return NodeScript.run("browser.mjs", server.url(), this::act);
  }

  @TestFactory
  Stream<DynamicTest> callers_with_credentials(@TempDir Path other) {
    try (Server asking =
        Server.setup()
            .providers(fake)
            .env(
                "PERDURE_API_KEYS",
                "acme/ann:annas-key-of-24-characters,acme/bob:bobs-key-of-24-characters-")
            .start(other)) {
      return NodeScript.run("credentials.mjs", asking.url(), this::act);
    }
  }

  @TestFactory
  Stream<DynamicTest> the_client_library() {
    return NodeScript.run("client.mjs", server.url(), this::act);
  }

  private String act(String what) {
    switch (what) {
      case "kill" -> server.kill();
      case "drain" -> {
        server.process().terminate();
        server.process().awaitExit();
      }
      default -> throw new AssertionError("A script asks for " + what);
    }
    return server.startAgain().url();
  }
}

package dev.perdure.provider.fake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.Json;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.InstantSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The fake provider as another program sees it, through a client that is not ours. */
class FakeProviderServerTest {
  private static final InstantSource CLOCK =
      InstantSource.fixed(Instant.parse("2026-01-02T03:04:05.678901Z"));
  private static final String HELLO =
      "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}";

  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private FakeProviderServer server;

  @BeforeEach
  void start() throws IOException {
    server = FakeProviderServer.onLoopback(CLOCK);
  }

  @AfterEach
  void stop() {
    client.close();
    server.close();
  }

  @Test
  void a_header_steers_the_script() throws Exception {
    HttpResponse<String> response =
        post("/v1/chat/completions", HELLO, "chunks=3;interval=0;size=4;seed=1");
    assertThat(response.statusCode()).isEqualTo(200);
    assertThat(response.headers().firstValue("content-type"))
        .hasValueSatisfying(type -> assertThat(type).startsWith("text/event-stream"));
    assertThat(response.body()).endsWith("data: [DONE]\n\n");
    assertThat(response.body().lines().filter(l -> l.contains("\"content\":"))).hasSize(3);
  }

  @Test
  void a_field_of_the_body_steers_it_too() throws Exception {
    String body = HELLO.replace("\"model\"", "\"x_fake_script\":\"fault=503@0\",\"model\"");
    HttpResponse<String> response = post("/v1/messages", body, "");
    assertThat(response.statusCode()).isEqualTo(503);
    assertThat(response.body()).contains("overloaded_error");
  }

  @Test
  void timestamps_tell_when_a_chunk_was_sent() throws Exception {
    assertThat(post("/v1/chat/completions", HELLO, "chunks=1;interval=0;timestamps=1").body())
        .contains("\"content\":\"~1767323045678901~");
  }

  @Test
  void a_script_that_is_not_understood_is_refused() throws Exception {
    HttpResponse<String> response = post("/v1/chat/completions", HELLO, "chunks=many");
    assertThat(response.statusCode()).isEqualTo(400);
    assertThat(response.body()).contains("chunks");
  }

  @Test
  void the_journal_tells_what_was_called_and_can_be_forgotten() throws Exception {
    post("/v1/chat/completions", HELLO, "chunks=2;interval=0");
    assertThatThrownBy(() -> post("/v1/messages", HELLO, "chunks=2;interval=0;fault=cut@1"))
        .isInstanceOf(IOException.class);
    JsonNode journal = journal();
    assertThat(journal.path("received").asInt()).isEqualTo(2);
    assertThat(journal.path("completed").asInt()).isEqualTo(1);
    assertThat(journal.path("faulted").asInt()).isEqualTo(1);
    assertThat(journal.path("prompts").path("Hi").asInt()).isEqualTo(2);
    JsonNode call = journal.path("calls").path(1);
    assertThat(call.path("wire").asText()).isEqualTo("anthropic");
    assertThat(call.path("chunks").asInt()).isEqualTo(1);
    assertThat(call.path("state").asText()).isEqualTo("faulted");
    assertThat(call.path("ended").asText()).isEqualTo("2026-01-02T03:04:05.678901Z");

    HttpRequest forget = HttpRequest.newBuilder(server.uri().resolve("/__calls")).DELETE().build();
    assertThat(client.send(forget, BodyHandlers.discarding()).statusCode()).isEqualTo(204);
    assertThat(journal().path("received").asInt()).isZero();
    assertThat(journal().path("calls")).isEmpty();
  }

  @Test
  void it_lists_its_model_and_nothing_else() throws Exception {
    assertThat(get("/v1/models").body()).contains("\"id\":\"fake\"");
    assertThat(get("/v1/other").statusCode()).isEqualTo(404);
    assertThat(post("/v1/images", HELLO, "").statusCode()).isEqualTo(404);
    assertThat(post("/v1/messages", "{", "").statusCode()).isEqualTo(400);
    assertThat(server.journal().received()).isZero();
  }

  @Test
  void every_wire_takes_content_in_parts() throws Exception {
    String parts =
        "[{\"type\":\"text\",\"text\":\"/echo \"},{\"type\":\"text\",\"text\":\"heard\"}]";
    String messages = "{\"role\":\"user\",\"content\":" + parts + "}";
    assertThat(post("/v1/chat/completions", "{\"messages\":[" + messages + "]}", "").body())
        .contains("heard");
    assertThat(post("/v1/messages", "{\"messages\":[" + messages + "]}", "").body())
        .contains("heard");
    assertThat(post("/v1/responses", "{\"input\":[" + messages + "]}", "").body())
        .contains("heard");
    assertThat(post("/v1/responses", "{\"input\":\"/echo heard\"}", "").body()).contains("heard");
    assertThat(
            post(
                    "/v1beta/models/x:streamGenerateContent?alt=sse",
                    "{\"contents\":[{\"parts\":" + parts + "}]}",
                    "")
                .body())
        .contains("heard");
  }

  @Test
  void a_client_without_manners_is_dropped() throws Exception {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      socket.getOutputStream().write("nonsense\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      InputStream in = socket.getInputStream();
      assertThat(in.read()).isEqualTo(-1);
    }
  }

  @Test
  void a_path_that_cannot_be_decoded_is_refused() throws Exception {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
      socket
          .getOutputStream()
          .write(
              "POST /models/%zz:streamGenerateContent HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"
                  .getBytes(StandardCharsets.US_ASCII));
      assertThat(new String(socket.getInputStream().readNBytes(12), StandardCharsets.US_ASCII))
          .isEqualTo("HTTP/1.1 400");
    }
  }

  @Test
  void the_command_explains_bad_options() throws Exception {
    assertThat(run("--what")).contains("--what").contains("--port");
    assertThat(run("--port", "many")).contains("port");
    assertThat(run("--port", "99999")).contains("port");
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      assertThat(run("--port", String.valueOf(taken.getLocalPort()))).contains("cannot listen");
    }
  }

  private static String run(String... args) throws InterruptedException {
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(err, true, StandardCharsets.UTF_8);
    assertThat(FakeProvider.run(args, CLOCK, out, out)).isNotZero();
    return err.toString(StandardCharsets.UTF_8);
  }

  private JsonNode journal() throws Exception {
    return Json.MAPPER.readTree(get("/__calls").body());
  }

  private HttpResponse<String> get(String path) throws Exception {
    return client.send(
        HttpRequest.newBuilder(server.uri().resolve(path)).build(), BodyHandlers.ofString());
  }

  private HttpResponse<String> post(String path, String body, String script) throws Exception {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(server.uri() + path))
            .POST(HttpRequest.BodyPublishers.ofString(body));
    if (!script.isEmpty()) {
      request.header("x-fake-script", script);
    }
    return client.send(request.build(), BodyHandlers.ofString());
  }
}

package dev.perdure.provider.openai;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.provider.RawServer;
import dev.perdure.provider.fake.FakeProviderServer;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.TransportOptions;
import dev.perdure.provider.openai.LocalServers.Candidate;
import dev.perdure.provider.openai.LocalServers.LocalServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LocalServersTest {
  private static final Duration LIMIT = Duration.ofSeconds(20);

  private final Transport transport =
      new Transport(TransportOptions.defaults(), InstantSource.system());

  @AfterEach
  void stop() {
    transport.close();
  }

  @Test
  void a_server_with_models_is_found() throws IOException {
    try (FakeProviderServer server = FakeProviderServer.onLoopback(InstantSource.system())) {
      assertThat(detect(server.port(), LIMIT))
          .containsExactly(
              new LocalServer(
                  "name",
                  URI.create("http://127.0.0.1:" + server.port() + "/v1"),
                  List.of("fake")));
      assertThat(
              LocalServers.detect(
                  transport,
                  List.of(new Candidate("name", server.port())),
                  Set.of(server.port()),
                  LIMIT))
          .isEmpty();
    }
  }

  @Test
  void models_that_cannot_chat_or_have_odd_names_are_left_out() throws IOException {
    try (RawServer server =
        json(
            "{\"data\":[{\"id\":\"nomic-embed-text\"},{\"id\":\"qwen3:8b\"},{\"id\":\"a b\"},7]}")) {
      assertThat(detect(server.port(), LIMIT).getFirst().models()).containsExactly("qwen3:8b");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"data\":[]}",
        "{\"data\":{}}",
        "{\"data\":[{\"id\":\"only-embeddings\"}]}",
        "[]",
        "{\"sessions\":[]}",
        "no json"
      })
  void other_answers_are_no_server(String body) throws IOException {
    try (RawServer server = json(body)) {
      assertThat(detect(server.port(), LIMIT)).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "HTTP/1.1 404 No\r\nContent-Type: application/json\r\n\r\n{\"data\":[{\"id\":\"x\"}]}",
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{\"data\":[{\"id\":\"x\"}]}",
        "SSH-2.0\r\n",
        "",
      })
  void another_kind_of_service_is_no_server(String answer) throws IOException {
    try (RawServer server = RawServer.sending(answer)) {
      assertThat(detect(server.port(), LIMIT)).isEmpty();
    }
  }

  @Test
  void an_endless_list_is_no_server() throws IOException {
    try (RawServer server =
        RawServer.answering((out, n) -> {
          out.write(
              "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n["
                  .getBytes(StandardCharsets.US_ASCII));
          for (int i = 0; i < 100; i++) {
            out.write(" ".repeat(65_536).getBytes(StandardCharsets.US_ASCII));
          }
        })) {
      assertThat(detect(server.port(), LIMIT)).isEmpty();
    }
  }

  @Test
  void silence_is_no_server() throws IOException {
    try (ServerSocket silent = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      assertThat(detect(silent.getLocalPort(), Duration.ofMillis(50))).isEmpty();
    }
  }

  @Test
  void a_port_where_nobody_listens_is_no_server() throws IOException {
    int port;
    try (ServerSocket closed = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      port = closed.getLocalPort();
    }
    assertThat(detect(port, LIMIT)).isEmpty();
  }

  private List<LocalServer> detect(int port, Duration limit) {
    return LocalServers.detect(transport, List.of(new Candidate("name", port)), Set.of(), limit);
  }

  private static RawServer json(String body) throws IOException {
    return RawServer.sending(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n\r\n" + body);
  }
}

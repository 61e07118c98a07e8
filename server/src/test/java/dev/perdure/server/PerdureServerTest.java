package dev.perdure.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.config.ConfigLoader;
import dev.perdure.server.config.PerdureConfig;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A whole node in this process. */
class PerdureServerTest {
  private static final String KEY = "aaaaaaaaaaaaaaaaaaaaaaaa";

  @TempDir private Path directory;

  private final List<PerdureServer> running = new ArrayList<>();
  private final HttpClient client = HttpClient.newHttpClient();

  @AfterEach
  void stop() throws InterruptedException {
    for (PerdureServer server : running) {
      server.stop();
    }
    client.close();
  }

  private PerdureConfig config(Map<String, String> env, int port) {
    List<String> args =
        List.of(
            "--port", String.valueOf(port),
            "--data", directory.resolve("data").toString(),
            "--set", "detectLocalServers=false");
    return ConfigLoader.load(args, env, directory);
  }

  private PerdureServer start(Map<String, String> env, int port) {
    PerdureServer server = PerdureServer.start(config(env, port), InstantSource.system());
    running.add(server);
    return server;
  }

  private HttpResponse<String> get(String url, String... headers)
      throws IOException, InterruptedException {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  @Test
  void it_answers_says_what_it_is_and_stops() throws Exception {
    PerdureServer server = start(Map.of(), 0);
    String url = server.url();
    assertThat(url).matches("http://127\\.0\\.0\\.1:\\d+");
    assertThat(String.join("\n", server.summary()))
        .contains(directory.resolve("data").toString(), "demo/demo", "from this machine only");
    assertThat(get(url + "/readyz").statusCode()).isEqualTo(200);
    assertThat(get(url + "/v1/sessions").statusCode()).isEqualTo(200);
    assertThat(get(url + "/metrics").body())
        .contains("jvm_memory_used_bytes", "# HELP perdure_turns_running Turns")
        .doesNotContainPattern("# HELP perdure_\\w+ *\n");

    running.clear();
    server.stop();
    assertThatThrownBy(() -> get(url + "/readyz")).isInstanceOf(ConnectException.class);
    // The lock of the directory is gone with it.
    assertThat(get(start(Map.of(), 0).url() + "/readyz").statusCode()).isEqualTo(200);
  }

  @Test
  void with_keys_it_asks_for_one_everywhere_but_at_the_probes() throws Exception {
    String url = start(Map.of("PERDURE_API_KEYS", "alice:" + KEY), 0).url();
    assertThat(get(url + "/livez").statusCode()).isEqualTo(200);
    assertThat(get(url + "/readyz").statusCode()).isEqualTo(200);
    for (String path : List.of("/v1/sessions", "/v1/inbox/events", "/v1/models", "/metrics")) {
      assertThat(get(url + path).statusCode()).as(path).isEqualTo(401);
    }
    assertThat(get(url + "/v1/sessions", "Authorization", "Bearer " + KEY).statusCode())
        .isEqualTo(200);
    assertThat(get(url + "/metrics", "Authorization", "Bearer " + KEY).statusCode()).isEqualTo(200);
  }

  @Test
  void metrics_can_be_opened() throws Exception {
    Map<String, String> env = Map.of("PERDURE_API_KEYS", KEY, "PERDURE_AUTH_OPEN_METRICS", "true");
    assertThat(get(start(env, 0).url() + "/metrics").statusCode()).isEqualTo(200);
  }

  @Test
  void a_port_that_is_taken_is_refused_and_leaves_nothing_behind() throws Exception {
    try (ServerSocket other = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      assertThatThrownBy(() -> start(Map.of(), other.getLocalPort()))
          .isInstanceOfSatisfying(
              PerdureException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CONFIG))
          .hasMessageContaining(String.valueOf(other.getLocalPort()))
          .hasMessageContaining("--port");
    }
    start(Map.of(), 0);
  }

  @Test
  void a_second_server_on_the_same_data_is_refused() throws Exception {
    String first = start(Map.of(), 0).url();
    assertThatThrownBy(() -> start(Map.of(), 0))
        .isInstanceOfSatisfying(
            PerdureException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CONFIG))
        .hasMessageContaining("data");
    assertThat(get(first + "/readyz").statusCode()).isEqualTo(200);
  }
}

package dev.perdure.it.chaos;

import dev.perdure.it.PerdureProcess;
import dev.perdure.testing.EmbeddedPostgresServer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** Everything that runs: the database, the provider, the nodes, and the gates between them. */
final class Cluster implements AutoCloseable {
  private static final Pattern PROVIDER_READY =
      Pattern.compile("fake-provider listening on http://[^:]+:(\\d+)");

  /** Quick to notice a crash, so that a run of a minute sees many. */
  private static final Map<String, String> SETTINGS =
      Map.ofEntries(
          Map.entry("PERDURE_DETECT_LOCAL_SERVERS", "false"),
          Map.entry("PERDURE_ENGINE_NODE_LEASE", "1500ms"),
          Map.entry("PERDURE_ENGINE_NODE_BEAT", "300ms"),
          Map.entry("PERDURE_ENGINE_NODE_POLL", "500ms"),
          Map.entry("PERDURE_ENGINE_DRAIN_GRACE", "1s"),
          Map.entry("PERDURE_ENGINE_RETRY_BASE", "100ms"),
          Map.entry("PERDURE_ENGINE_RETRY_MAX_ATTEMPTS", "6"),
          Map.entry("PERDURE_ENGINE_PROVIDER_CONNECT_TIMEOUT", "2s"),
          Map.entry("PERDURE_ENGINE_PROVIDER_FIRST_TOKEN_TIMEOUT", "2s"),
          Map.entry("PERDURE_ENGINE_PROVIDER_IDLE_TIMEOUT", "2s"),
          Map.entry("PERDURE_ENGINE_MAX_OPEN_TURNS_PER_CALLER", "100000"),
          Map.entry("PERDURE_HTTP_STREAM_MAX_PER_CALLER", "100000"),
          Map.entry("PERDURE_HTTP_STREAM_HEARTBEAT", "1s"),
          Map.entry("PERDURE_HTTP_SOCKET_WRITE_TIMEOUT", "5s"),
          Map.entry("PERDURE_HTTP_SOCKET_SEND_BUFFER", "8KiB"),
          Map.entry("PERDURE_DB_CONNECT_TIMEOUT", "2s"),
          Map.entry("PERDURE_DB_BORROW_TIMEOUT", "2s"),
          Map.entry("PERDURE_DB_STATEMENT_TIMEOUT", "5s"),
          Map.entry(PerdureProcess.HEAP, "256m"));

  private final EmbeddedPostgresServer postgres;
  private final String url;
  private final PerdureProcess provider;
  private final int providerPort;
  private final Gate providerGate;
  private final List<Node> nodes = new ArrayList<>();

  /** Starts database and provider; {@link #start} starts the nodes. */
  Cluster(Path home, int nodeCount) {
    postgres = EmbeddedPostgresServer.start(true);
    url = postgres.createDatabase();
    provider =
        PerdureProcess.launch(
            Map.of(PerdureProcess.HEAP, "384m"),
            PROVIDER_READY,
            List.of("fake-provider", "--port", "0"),
            home.resolve("provider.log"));
    providerPort = Integer.parseInt(provider.awaitReady());
    providerGate = new Gate(providerPort);
    Map<String, String> env = new HashMap<>(SETTINGS);
    String models = "http://127.0.0.1:" + providerGate.port();
    env.put("OPENAI_API_KEY", "sk-chaos-openai");
    env.put("OPENAI_BASE_URL", models + "/v1");
    env.put("ANTHROPIC_API_KEY", "sk-chaos-anthropic");
    env.put("ANTHROPIC_BASE_URL", models);
    env.put("GEMINI_API_KEY", "sk-chaos-gemini");
    env.put("GEMINI_BASE_URL", models);
    String throughGate = url.replace(":" + postgres.port() + "/", ":%d/");
    for (int i = 0; i < nodeCount; i++) {
      nodes.add(new Node(i, home, throughGate, postgres.port(), env));
    }
  }

  void start() {
    nodes.forEach(Node::start);
  }

  List<Node> nodes() {
    return nodes;
  }

  /** The URL of the database itself, past all gates. */
  String databaseUrl() {
    return url;
  }

  EmbeddedPostgresServer postgres() {
    return postgres;
  }

  /** The port of the provider itself, past its gate. */
  int providerPort() {
    return providerPort;
  }

  Gate providerGate() {
    return providerGate;
  }

  @Override
  public void close() {
    nodes.forEach(Node::close);
    provider.close();
    providerGate.close();
    postgres.close();
  }
}

package dev.perdure.it.chaos;

import dev.perdure.it.PerdureProcess;
import dev.perdure.it.ToolService;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Everything that runs: the database, the provider, the nodes, and the gates between them. */
final class Cluster implements AutoCloseable {
  private static final Pattern PROVIDER_READY =
      Pattern.compile("fake-provider listening on http://[^:]+:(\\d+)");

  /** Room for a crowd; impatient where the default is made for networks and real models. */
  private static final Map<String, String> SETTINGS =
      Map.ofEntries(
          Map.entry("PERDURE_DETECT_LOCAL_SERVERS", "false"),
          Map.entry("PERDURE_AUTH_OPEN_METRICS", "true"),
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
          Map.entry("PERDURE_DB_WRITE_CONNECTIONS", "6"),
          Map.entry("PERDURE_DB_READ_CONNECTIONS", "4"),
          Map.entry("PERDURE_DB_CONNECT_TIMEOUT", "2s"),
          Map.entry("PERDURE_DB_BORROW_TIMEOUT", "2s"),
          Map.entry("PERDURE_DB_STATEMENT_TIMEOUT", "5s"),
          Map.entry(PerdureProcess.HEAP, "256m"));

  /** Quick to notice a crash, so that a run of a minute sees many. */
  private static final Map<String, String> QUICK_LEASES =
      Map.of(
          "PERDURE_ENGINE_NODE_LEASE", "1500ms",
          "PERDURE_ENGINE_NODE_BEAT", "300ms",
          "PERDURE_ENGINE_NODE_POLL", "500ms");

  private final Store store;
  private final PerdureProcess provider;
  private final int providerPort;
  private final Gate providerGate;
  private final ToolService tools = new ToolService();
  private final List<Node> nodes = new ArrayList<>();

  /** Starts database and provider; {@link #start} starts the nodes. */
  Cluster(Path home, ChaosOptions options) {
    store = options.sqlite() ? new SqliteStore(home) : new PostgresStore();
    provider =
        PerdureProcess.launch(
            Map.of(PerdureProcess.HEAP, "384m"),
            PROVIDER_READY,
            List.of("fake-provider", "--port", "0"),
            home.resolve("provider.log"));
    providerPort = Integer.parseInt(provider.awaitReady());
    providerGate = new Gate(providerPort);
    Map<String, String> env = new HashMap<>(SETTINGS);
    if (!options.defaultLeases()) {
      env.putAll(QUICK_LEASES);
    }
    env.put(
        "PERDURE_AUTH_API_KEYS",
        World.OWNERS.stream().map(World.Owner::setting).collect(Collectors.joining(",")));
    String models = "http://127.0.0.1:" + providerGate.port();
    env.put("OPENAI_API_KEY", "sk-chaos-openai");
    env.put("OPENAI_BASE_URL", models + "/v1");
    env.put("ANTHROPIC_API_KEY", "sk-chaos-anthropic");
    env.put("ANTHROPIC_BASE_URL", models);
    env.put("GEMINI_API_KEY", "sk-chaos-gemini");
    env.put("GEMINI_BASE_URL", models);
    for (int i = 0; i < options.nodes(); i++) {
      nodes.add(new Node(i, home, store, tools.config(home), env));
    }
  }

  void start() {
    nodes.forEach(Node::start);
  }

  List<Node> nodes() {
    return nodes;
  }

  Store store() {
    return store;
  }

  /** What is behind the tools of all nodes. */
  ToolService tools() {
    return tools;
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
    tools.close();
    store.close();
  }
}

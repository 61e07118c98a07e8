package dev.perdure.bench;

import dev.perdure.bench.LoadResult.Cpu;
import dev.perdure.testing.EmbeddedPostgresServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The processes of one run, all new: fake provider, database, and the server or the plain proxy.
 * Used by one thread.
 */
final class Scene implements AutoCloseable {
  /** The packaged server; the launcher says where it is. */
  private static final String JAR_PROPERTY = "perdure.jar";

  private static final Pattern ADDRESS = Pattern.compile("http://([\\w.\\[\\]:]+:\\d+)");
  private static final Pattern READY = Pattern.compile("ready at http://([\\w.\\[\\]:]+:\\d+)");

  /** One caller has all the turns and streams here. */
  private static final String CONFIG =
      """
      engine:
        maxOpenTurnsPerCaller: 100000
      http:
        stream:
          maxPerCaller: 100000
      """;

  private final Path directory;
  private final List<AutoCloseable> started = new ArrayList<>();
  private final boolean proxy;
  private final @Nullable ProcessHandle database;
  private final Child provider;
  private final Child server;
  private final InetSocketAddress address;

  private Scene(
      Path directory,
      boolean proxy,
      @Nullable ProcessHandle database,
      Child provider,
      Child server,
      InetSocketAddress address) {
    this.directory = directory;
    this.proxy = proxy;
    this.database = database;
    this.provider = provider;
    this.server = server;
    this.address = address;
  }

  static Scene start(String target, LoadOptions options) throws IOException, InterruptedException {
    Path directory = Files.createTempDirectory("perdure-bench-");
    List<AutoCloseable> started = new ArrayList<>();
    try {
      String jar = jar();
      Child provider =
          Child.start(
              "fake-provider",
              List.of(java(), "-jar", jar, "fake-provider", "--port", "0"),
              Map.of(),
              directory);
      started.addFirst(provider);
      String upstream = "http://" + provider.awaitReady(ADDRESS);
      boolean proxy = target.equals(LoadOptions.PROXY);
      ProcessHandle database = null;
      String url = target.startsWith("jdbc:") ? target : null;
      if (target.equals(LoadOptions.POSTGRES)) {
        Set<Long> before = children().map(ProcessHandle::pid).collect(Collectors.toSet());
        EmbeddedPostgresServer postgres = EmbeddedPostgresServer.start(true);
        started.addFirst(postgres);
        url = postgres.createDatabase();
        database =
            children().filter(child -> !before.contains(child.pid())).findFirst().orElse(null);
      }
      Child server =
          proxy
              ? startProxy(upstream, options, directory)
              : startServer(jar, upstream, url, options, directory);
      started.addFirst(server);
      InetSocketAddress address = address(server.awaitReady(READY));
      Scene scene = new Scene(directory, proxy, database, provider, server, address);
      scene.started.addAll(started);
      return scene;
    } catch (IOException | InterruptedException | RuntimeException e) {
      closeAll(started);
      deleteTree(directory);
      throw e;
    }
  }

  private static Stream<ProcessHandle> children() {
    return ProcessHandle.current().children();
  }

  private static Child startServer(
      String jar, String upstream, @Nullable String url, LoadOptions options, Path directory)
      throws IOException {
    Path config = directory.resolve("perdure.yaml");
    Files.writeString(config, CONFIG);
    List<String> command = new ArrayList<>(List.of(java(), "-XX:+ExitOnOutOfMemoryError"));
    command.addAll(options.serverJvm());
    command.addAll(List.of("-jar", jar, "start", "--port", "0", "--config", config.toString()));
    command.addAll(List.of("--data", directory.resolve("data").toString()));
    if (url != null) {
      command.addAll(List.of("--db", url));
    }
    Map<String, String> environment = new HashMap<>();
    environment.put("OPENAI_API_KEY", "bench");
    environment.put("OPENAI_BASE_URL", upstream + "/v1");
    environment.put("ANTHROPIC_API_KEY", "bench");
    environment.put("ANTHROPIC_BASE_URL", upstream);
    environment.put("GEMINI_API_KEY", "bench");
    environment.put("GEMINI_BASE_URL", upstream);
    return Child.start("server", command, environment, directory);
  }

  private static Child startProxy(String upstream, LoadOptions options, Path directory)
      throws IOException {
    List<String> command = new ArrayList<>(List.of(java()));
    command.addAll(options.serverJvm());
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(List.of(PlainProxy.class.getName(), upstream));
    return Child.start("proxy", command, Map.of(), directory);
  }

  private static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  private static String jar() throws IOException {
    String jar = System.getProperty(JAR_PROPERTY, "server/target/perdure.jar");
    if (!Files.isReadable(Path.of(jar))) {
      throw new IOException(
          "There is no server at '" + jar + "'. Run './perdure bench', which builds it.");
    }
    return jar;
  }

  private static InetSocketAddress address(String hostAndPort) {
    int colon = hostAndPort.lastIndexOf(':');
    return new InetSocketAddress(
        hostAndPort.substring(0, colon), Integer.parseInt(hostAndPort.substring(colon + 1)));
  }

  InetSocketAddress address() {
    return address;
  }

  User user(Phase phase) {
    return proxy ? new ProxyUser(phase) : new TurnUser(phase);
  }

  Child server() {
    return server;
  }

  Cpu cpu() {
    return new Cpu(
        ProcessMeter.cpuSeconds(server.handle()),
        database == null ? 0 : ProcessMeter.treeCpuSeconds(database),
        ProcessMeter.cpuSeconds(provider.handle()),
        ProcessMeter.cpuSeconds(ProcessHandle.current()),
        ProcessMeter.machineCpuSeconds());
  }

  @Override
  public void close() {
    closeAll(started);
    deleteTree(directory);
  }

  private static void closeAll(List<AutoCloseable> resources) {
    for (AutoCloseable resource : resources) {
      try {
        resource.close();
      } catch (Exception e) {
        System.err.println("Could not be stopped: " + e);
      }
    }
  }

  private static void deleteTree(Path root) {
    try (Stream<Path> paths = Files.walk(root)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    } catch (IOException | UncheckedIOException e) {
      System.err.println("Left behind: " + root);
    }
  }
}

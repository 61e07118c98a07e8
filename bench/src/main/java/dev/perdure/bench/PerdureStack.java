package dev.perdure.bench;

import dev.perdure.testing.EmbeddedPostgresServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The packaged server, on SQLite, on a PostgreSQL of its own, or on one that runs already. */
final class PerdureStack implements Stack {
  /** The packaged server; the launcher says where it is. */
  private static final String JAR_PROPERTY = "perdure.jar";

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

  private final Child server;
  private final @Nullable ProcessHandle database;
  private final InetSocketAddress address;

  private PerdureStack(Child server, @Nullable ProcessHandle database, InetSocketAddress address) {
    this.server = server;
    this.database = database;
    this.address = address;
  }

  static PerdureStack onSqlite(Ground ground) throws IOException, InterruptedException {
    return start(ground, null, null);
  }

  static PerdureStack onPostgres(Ground ground) throws IOException, InterruptedException {
    Set<Long> before = children().map(ProcessHandle::pid).collect(Collectors.toSet());
    EmbeddedPostgresServer postgres = ground.keep(EmbeddedPostgresServer.start(true));
    ProcessHandle database =
        children().filter(child -> !before.contains(child.pid())).findFirst().orElse(null);
    return start(ground, postgres.createDatabase(), database);
  }

  /**
   * @param url a JDBC URL of a database whose processes are not ours to measure
   */
  static PerdureStack onDatabase(Ground ground, String url)
      throws IOException, InterruptedException {
    return start(ground, url, null);
  }

  private static Stream<ProcessHandle> children() {
    return ProcessHandle.current().children();
  }

  private static PerdureStack start(
      Ground ground, @Nullable String url, @Nullable ProcessHandle database)
      throws IOException, InterruptedException {
    Path config = ground.directory().resolve("perdure.yaml");
    Files.writeString(config, CONFIG);
    List<String> command = new ArrayList<>(Ground.jvm());
    command.add("-XX:+ExitOnOutOfMemoryError");
    command.addAll(ground.options().serverJvm());
    command.addAll(List.of("-jar", jar(), "start", "--port", "0", "--config", config.toString()));
    command.addAll(List.of("--data", ground.directory().resolve("data").toString()));
    if (url != null) {
      command.addAll(List.of("--db", url));
    }
    Map<String, String> environment = new HashMap<>();
    environment.put("OPENAI_API_KEY", "bench");
    environment.put("OPENAI_BASE_URL", ground.upstream() + "/v1");
    environment.put("ANTHROPIC_API_KEY", "bench");
    environment.put("ANTHROPIC_BASE_URL", ground.upstream());
    environment.put("GEMINI_API_KEY", "bench");
    environment.put("GEMINI_BASE_URL", ground.upstream());
    Child server = ground.start("server", command, environment);
    return new PerdureStack(server, database, Ground.address(server.awaitReady(READY)));
  }

  static String jar() throws IOException {
    String jar = System.getProperty(JAR_PROPERTY, "server/target/perdure.jar");
    if (!Files.isReadable(Path.of(jar))) {
      throw new IOException(
          "There is no server at '" + jar + "'. Run './perdure bench', which builds it.");
    }
    return jar;
  }

  @Override
  public InetSocketAddress address() {
    return address;
  }

  @Override
  public User user(Phase phase) {
    return new TurnUser(phase);
  }

  @Override
  public List<Child> servers() {
    return List.of(server);
  }

  @Override
  public List<ProcessHandle> databases() {
    return database == null ? List.of() : List.of(database);
  }
}

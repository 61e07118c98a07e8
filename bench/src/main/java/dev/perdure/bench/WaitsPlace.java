package dev.perdure.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.perdure.db.Database;
import dev.perdure.db.PostgresDatabase;
import dev.perdure.db.PostgresOptions;
import dev.perdure.db.SqliteDatabase;
import dev.perdure.testing.EmbeddedPostgresServer;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A database, and the server that runs on it now, with a client. Starts and stops are for one
 * thread.
 */
final class WaitsPlace implements AutoCloseable {
  private static final Pattern READY = Pattern.compile("ready at (http://[\\w.\\[\\]:]+:\\d+)");
  private static final Duration PATIENCE = Duration.ofMinutes(3);
  private static final int CREATED = 201;
  private static final int ACCEPTED = 202;

  /** One caller has all the turns here, and there is room for those that come meanwhile. */
  private static final String CONFIG =
      """
      engine:
        maxOpenTurnsPerCaller: 100000
        maxOpenTurnsPerTenant: 1000000
        maxRunningTurns: 20000
      waits:
        maxScheduledPerCaller: 1000000
      """;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Ground ground;
  private final @Nullable String url;
  private final @Nullable ProcessHandle databaseProcess;
  private final HttpClient client =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
  private @Nullable Child server;
  private String address = "";
  private int starts;

  private WaitsPlace(Ground ground, @Nullable String url, @Nullable ProcessHandle database) {
    this.ground = ground;
    this.url = url;
    this.databaseProcess = database;
  }

  /** {@code sqlite} or {@code postgres}; both wait for the disk. */
  static WaitsPlace open(String kind, LoadOptions options) throws IOException {
    Ground ground = new Ground(options);
    Files.writeString(ground.directory().resolve("perdure.yaml"), CONFIG);
    if (kind.equals(LoadOptions.SQLITE)) {
      return new WaitsPlace(ground, null, null);
    }
    Set<Long> before =
        ProcessHandle.current().children().map(ProcessHandle::pid).collect(Collectors.toSet());
    EmbeddedPostgresServer postgres = ground.keep(EmbeddedPostgresServer.start(true));
    return new WaitsPlace(
        ground,
        postgres.createDatabase(),
        ProcessHandle.current()
            .children()
            .filter(child -> !before.contains(child.pid()))
            .findFirst()
            .orElse(null));
  }

  /** Starts the server and returns when it said that it is ready, in milliseconds since 1970. */
  long start() throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(Ground.jvm());
    command.addAll(ground.options().serverJvm());
    Path config = ground.directory().resolve("perdure.yaml");
    command.addAll(List.of("-jar", PerdureStack.jar(), "start", "--port", "0"));
    command.addAll(List.of("--config", config.toString(), "--data", data().toString()));
    if (url != null) {
      command.addAll(List.of("--db", url));
    }
    Child child =
        Child.start(
            "server-" + starts++,
            command,
            Map.of("PERDURE_DETECT_LOCAL_SERVERS", "false"),
            ground.directory());
    server = child;
    address = child.awaitReady(READY);
    return System.currentTimeMillis();
  }

  void stop() {
    if (server != null) {
      server.close();
      server = null;
    }
  }

  /** The database, while no server runs on it. */
  Database database() {
    return url == null
        ? SqliteDatabase.open(data())
        : PostgresDatabase.open(url, null, null, PostgresOptions.DEFAULT);
  }

  private Path data() {
    return ground.directory().resolve("data");
  }

  /** A session with one turn of this message. */
  record Sent(String session, String turn) {}

  Sent send(String message) throws IOException, InterruptedException {
    String session = post("/v1/sessions", "{}", CREATED).path("id").textValue();
    JsonNode turn = post("/v1/sessions/" + session + "/turns", message, ACCEPTED);
    return new Sent(session, turn.path("turn").textValue());
  }

  /** Waits until a turn is in this state. */
  void await(String turn, String state) throws IOException, InterruptedException {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    String now;
    do {
      now = get("/v1/turns/" + turn).path("state").asText();
      if (System.nanoTime() - deadline > 0) {
        throw new IOException("The turn " + turn + " is " + now + " and not " + state + ".");
      }
      Thread.sleep(20);
    } while (!now.equals(state));
  }

  /** The events of a turn. */
  List<JsonNode> log(String turn) throws IOException, InterruptedException {
    HttpResponse<String> answer =
        client.send(request("/v1/turns/" + turn + "/download").build(), BodyHandlers.ofString());
    List<JsonNode> events = new ArrayList<>();
    for (String line : answer.body().lines().toList()) {
      events.add(JSON.readTree(line));
    }
    return events;
  }

  private JsonNode get(String path) throws IOException, InterruptedException {
    return JSON.readTree(client.send(request(path).build(), BodyHandlers.ofString()).body());
  }

  private JsonNode post(String path, String body, int expected)
      throws IOException, InterruptedException {
    HttpResponse<String> answer =
        client.send(
            request(path)
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(body))
                .build(),
            BodyHandlers.ofString());
    if (answer.statusCode() != expected) {
      throw new IOException(path + " gave " + answer.statusCode() + ": " + answer.body());
    }
    return JSON.readTree(answer.body());
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create(address + path)).timeout(PATIENCE);
  }

  private ProcessHandle process() throws IOException {
    if (server == null || !server.alive()) {
      throw new IOException("The server is not there: " + (server == null ? "" : server.tail()));
    }
    return server.handle();
  }

  /** CPU seconds so far of the server and of the database's own processes. */
  double[] cpu() throws IOException {
    return new double[] {
      ProcessMeter.cpuSeconds(process()),
      databaseProcess == null ? 0 : ProcessMeter.treeCpuSeconds(databaseProcess)
    };
  }

  /** What the server's heap holds after a full collection, in KiB. */
  long heapKib() throws IOException {
    return Jcmd.liveHeapKib(process().pid());
  }

  /** Resident memory of the server in KiB. */
  long residentKib() throws IOException {
    return ProcessMeter.residentKib(process()).orElse(0L);
  }

  @Override
  public void close() {
    stop();
    ground.close();
  }
}

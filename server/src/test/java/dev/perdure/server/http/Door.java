package dev.perdure.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.Admission;
import dev.perdure.chat.AnswerDesk;
import dev.perdure.chat.Caller;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.Desk;
import dev.perdure.chat.DeskLimits;
import dev.perdure.chat.WaitLimits;
import dev.perdure.context.ContextBuilder;
import dev.perdure.context.ContextJournal;
import dev.perdure.context.ContextSettings;
import dev.perdure.db.ReadyDatabases;
import dev.perdure.db.SqliteDatabase;
import dev.perdure.engine.Engine;
import dev.perdure.engine.EngineConfig;
import dev.perdure.engine.EngineParts;
import dev.perdure.engine.Timers;
import dev.perdure.file.FileLimits;
import dev.perdure.file.Files;
import dev.perdure.log.LogLimits;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.Json;
import dev.perdure.provider.Providers;
import dev.perdure.retrieval.DocumentLimits;
import dev.perdure.retrieval.Documents;
import dev.perdure.retrieval.Indexer;
import dev.perdure.retrieval.Retriever;
import dev.perdure.schedule.Schedules;
import dev.perdure.server.aisdk.AiSdkDoor;
import dev.perdure.server.auth.Authenticator;
import dev.perdure.server.auth.OriginGuard;
import dev.perdure.server.auth.StreamTokens;
import dev.perdure.server.openai.OpenAiDoor;
import dev.perdure.testing.FaultPoints;
import dev.perdure.tool.AskUserTool;
import dev.perdure.tool.TimeTool;
import dev.perdure.tool.Tools;
import dev.perdure.tool.WaitTool;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** The door on a free port, before a real desk, log, engine and database. */
final class Door implements AutoCloseable {
  private static final Tools TOOLS =
      new Tools(
          List.of(
              new TimeTool(InstantSource.system()),
              new WaitTool(Duration.ofDays(31)),
              new AskUserTool(Duration.ofHours(1), Duration.ofDays(31))),
          Tools.Limits.DEFAULT);

  static final Duration PATIENCE = Duration.ofSeconds(30);

  final SqliteDatabase database;
  final TurnLog log;
  final ContextJournal contexts;
  final Desk desk;
  final Admission admission;
  final Indexer indexer;
  final Conversations conversations;
  final Engine engine;
  final HandProvider provider = new HandProvider();
  final SimpleMeterRegistry meters = new SimpleMeterRegistry();
  final List<String> notReady = new CopyOnWriteArrayList<>();
  volatile boolean metricsBroken;
  final PerdureHttp http;
  final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  Door(Path data) {
    this(data, HttpLimits.DEFAULT);
  }

  Door(Path data, HttpLimits limits) {
    this(data, limits, Authenticator.local(), null, List.of());
  }

  Door(
      Path data,
      HttpLimits limits,
      Authenticator authenticator,
      @Nullable StreamTokens tokens,
      List<String> corsOrigins) {
    this(
        data, limits, authenticator, tokens, corsOrigins, DeskLimits.DEFAULT, EngineConfig.DEFAULT);
  }

  Door(
      Path data,
      HttpLimits limits,
      Authenticator authenticator,
      @Nullable StreamTokens tokens,
      List<String> corsOrigins,
      DeskLimits deskLimits,
      EngineConfig engineConfig) {
    database = ReadyDatabases.sqlite(data);
    Ids ids = Ids.system();
    String node = ids.node();
    log = new TurnLog(database, node, LogLimits.DEFAULT);
    contexts = new ContextJournal(database);
    conversations = new Conversations(database);
    Providers providers = new Providers(List.of(provider), "hand/a");
    Schedules schedules = Schedules.of(database, log, ids, deskLimits, WaitLimits.DEFAULT);
    EngineParts parts =
        new EngineParts(
            node,
            database,
            log,
            providers,
            new ContextBuilder(
                database, ContextSettings.DEFAULT, contexts, new Retriever(database)),
            TOOLS,
            schedules,
            engineConfig,
            InstantSource.system(),
            new Random(1),
            Timers.system(),
            FaultPoints.NONE);
    engine = new Engine(parts, "test", meters);
    engine.start();
    admission = new Admission(database, deskLimits);
    desk = new Desk(database, log, engine, ids, admission, FaultPoints.NONE);
    indexer = new Indexer(database, DocumentLimits.DEFAULT, InstantSource.system());
    indexer.start();
    http =
        new PerdureHttp(
            new PerdureHttp.Parts(
                desk,
                schedules,
                admission,
                PerdureHttp.Stores.of(database, ids, new SecureRandom()),
                new AnswerDesk(database, ids, TOOLS::fault, AskUserTool::fault),
                TOOLS,
                contexts,
                new Documents(database, ids, DocumentLimits.DEFAULT, indexer::wake),
                new Files(database, ids, FileLimits.DEFAULT),
                caller -> caller.equals(Caller.LOCAL),
                log,
                database.signals(),
                providers,
                authenticator,
                guard(authenticator, corsOrigins),
                tokens,
                meters,
                this::metrics,
                () -> notReady,
                InstantSource.system(),
                new Random(2)),
            new PerdureHttp.Place("127.0.0.1", 0, corsOrigins),
            limits,
            List.of(AiSdkDoor::new, OpenAiDoor::new));
    http.start();
  }

  private static OriginGuard guard(Authenticator authenticator, List<String> corsOrigins) {
    return authenticator.required()
        ? OriginGuard.off()
        : OriginGuard.loopbackAnd(List.of(), corsOrigins);
  }

  private String metrics() {
    if (metricsBroken) {
      throw new IllegalStateException("secret detail: SELECT * FROM turn");
    }
    return "some_metric 1\n";
  }

  URI uri(String path) {
    return URI.create("http://127.0.0.1:" + http.port() + path);
  }

  /** An answer, its body read to the end. */
  record Answer(HttpResponse<byte[]> response) {
    int status() {
      return response.statusCode();
    }

    String header(String name) {
      return response.headers().firstValue(name).orElse("");
    }

    String text() {
      return new String(response.body(), UTF_8);
    }

    JsonNode json() throws IOException {
      return Json.MAPPER.readTree(response.body());
    }
  }

  Answer get(String path, String... headers) throws IOException, InterruptedException {
    return send(request(path, headers).GET());
  }

  Answer post(String path, String json, String... headers)
      throws IOException, InterruptedException {
    return send("POST", path, json, headers);
  }

  Answer send(String method, String path, @Nullable String json, String... headers)
      throws IOException, InterruptedException {
    HttpRequest.Builder request = request(path, headers);
    if (json == null) {
      return send(request.method(method, BodyPublishers.noBody()));
    }
    boolean typed = List.of(headers).stream().anyMatch("Content-Type"::equalsIgnoreCase);
    if (!typed) {
      request.header("Content-Type", "application/json");
    }
    return send(request.method(method, BodyPublishers.ofString(json)));
  }

  Answer send(HttpRequest.Builder request) throws IOException, InterruptedException {
    return new Answer(client.send(request.timeout(PATIENCE).build(), BodyHandlers.ofByteArray()));
  }

  HttpRequest.Builder request(String path, String... headers) {
    HttpRequest.Builder request = HttpRequest.newBuilder(uri(path));
    return headers.length == 0 ? request : request.headers(headers);
  }

  EventReader events(String path, String... headers) throws IOException, InterruptedException {
    HttpResponse<InputStream> response =
        client.send(
            request(path, headers).header("Accept", "text/event-stream").GET().build(),
            BodyHandlers.ofInputStream());
    return new EventReader(response);
  }

  String session() throws IOException, InterruptedException {
    return post("/v1/sessions", "{}").json().path("id").textValue();
  }

  /** Sends a message and returns the id of its turn. */
  String turn(String session, String text) throws IOException, InterruptedException {
    Answer answer =
        post(
            "/v1/sessions/" + session + "/turns",
            Json.MAPPER.createObjectNode().put("text", text).toString());
    if (answer.status() != 202) {
      throw new AssertionError("Not accepted: " + answer.status() + " " + answer.text());
    }
    return answer.json().path("turn").textValue();
  }

  @Override
  public void close() {
    http.stop();
    try {
      engine.stop(Duration.ofMillis(100));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    indexer.close();
    contexts.close();
    log.close();
    database.close();
    client.shutdownNow();
  }
}

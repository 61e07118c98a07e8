package dev.perdure.server;

import dev.perdure.chat.Admission;
import dev.perdure.chat.AnswerDesk;
import dev.perdure.chat.Desk;
import dev.perdure.context.ContextBuilder;
import dev.perdure.context.ContextJournal;
import dev.perdure.db.Database;
import dev.perdure.db.MigrationOptions;
import dev.perdure.db.PostgresDatabase;
import dev.perdure.db.SqliteDatabase;
import dev.perdure.engine.Engine;
import dev.perdure.engine.EngineParts;
import dev.perdure.engine.Timers;
import dev.perdure.file.Files;
import dev.perdure.log.TurnLog;
import dev.perdure.note.NotesTool;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.TransportOptions;
import dev.perdure.provider.openai.LocalServers;
import dev.perdure.retrieval.Documents;
import dev.perdure.retrieval.Indexer;
import dev.perdure.retrieval.Retriever;
import dev.perdure.schedule.Schedules;
import dev.perdure.server.aisdk.AiSdkDoor;
import dev.perdure.server.config.PerdureConfig;
import dev.perdure.server.durablestreams.DurableStreamsDoor;
import dev.perdure.server.http.FrontDoor;
import dev.perdure.server.http.PerdureHttp;
import dev.perdure.server.openai.OpenAiDoor;
import dev.perdure.testing.CrashPlan;
import dev.perdure.testing.FaultFile;
import dev.perdure.testing.FaultPoints;
import dev.perdure.tool.AskUserTool;
import dev.perdure.tool.Tool;
import dev.perdure.tool.Tools;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One running node: everything is made and put together here, by hand, from the database up to the
 * door, and taken down in the written order. Started and stopped by one thread.
 */
final class PerdureServer {
  private static final System.Logger LOG = System.getLogger(PerdureServer.class.getName());

  private static final List<FrontDoor.Maker> DOORS =
      List.of(AiSdkDoor::new, OpenAiDoor::new, DurableStreamsDoor::new);

  private final PerdureConfig config;
  private final Database database;
  private final TurnLog log;
  private final Tools tools;
  private final Engine engine;
  private final Admission admission;
  private final Indexer indexer;
  private final EmbeddingSelection embeddings;
  private final PerdureHttp http;
  private final ProviderSelection models;
  private final Deque<AutoCloseable> closeLast;

  /**
   * Makes everything and starts it; returns when requests are answered.
   *
   * @throws PerdureException CONFIG for what the operator can mend in the settings
   */
  static PerdureServer start(PerdureConfig config, InstantSource timeOfDay) {
    requireFree(config.server());
    Deque<AutoCloseable> made = new ArrayDeque<>();
    try {
      String file = System.getProperty("perdure.faults");
      PerdureServer server =
          file == null
              ? new PerdureServer(config, timeOfDay, crashPlan(), made)
              : faulty(config, timeOfDay, Path.of(file), made);
      server.engine.start();
      server.admission.start();
      server.indexer.start();
      server.embeddings.start();
      made.push(() -> server.engine.stop(Duration.ZERO));
      server.listen();
      return server;
    } catch (RuntimeException e) {
      closeAll(made);
      throw e;
    }
  }

  private PerdureServer(
      PerdureConfig config, InstantSource clock, FaultPoints faults, Deque<AutoCloseable> made) {
    this.config = config;
    this.closeLast = made;
    SecureRandom random = new SecureRandom();
    InstantSource steady = new SteadyClock(clock);
    Ids ids = new Ids(clock, random);
    String nodeId = ids.node();
    Access access = Access.of(config, clock, random);
    Transport transport = opened(made, new Transport(TransportOptions.defaults(), clock));
    models = models(config, transport, steady);
    PrometheusMeterRegistry meters = meters(made);
    database = opened(made, open(config, migrations(faults)));
    tools = tools(config, database, clock, meters, made);
    log = opened(made, new TurnLog(database, nodeId, Limits.log(config), clock, faults));
    ContextJournal journal = opened(made, new ContextJournal(database));
    Files files = new Files(database, ids, Limits.files(config));
    indexer = opened(made, new Indexer(database, Limits.documents(config), clock, files::sweep));
    embeddings = opened(made, embeddings(config, transport, database, nodeId, steady, meters));
    Schedules schedules = schedules(config, database, log, ids);
    EngineParts parts =
        new EngineParts(
            nodeId,
            database,
            log,
            models.providers(),
            context(config, database, journal, embeddings),
            tools,
            schedules,
            Limits.engine(config),
            steady,
            random,
            opened(made, Timers.system()),
            faults);
    engine = new Engine(parts, Version.text(), meters);
    admission = opened(made, new Admission(database, Limits.desk(config)));
    PerdureHttp.Parts shown =
        new PerdureHttp.Parts(
            new Desk(database, log, engine, ids, admission, faults),
            schedules,
            admission,
            PerdureHttp.Stores.of(database, ids, random),
            new AnswerDesk(database, ids, tools::fault, AskUserTool::fault),
            tools,
            journal,
            new Documents(database, ids, Limits.documents(config), indexer::wake),
            files,
            access.operators(),
            log,
            database.signals(),
            models.providers(),
            access.authenticator(),
            access.originGuard(),
            access.streamTokens(),
            meters,
            meters::scrape,
            engine::notReady,
            steady,
            random);
    http = door(config, shown);
  }

  private static PerdureHttp door(PerdureConfig config, PerdureHttp.Parts parts) {
    return new PerdureHttp(parts, place(config.server()), Limits.http(config), DOORS);
  }

  /** A server whose time of day and fault points are in the hand of a test. */
  private static PerdureServer faulty(
      PerdureConfig config, InstantSource timeOfDay, Path file, Deque<AutoCloseable> made) {
    LOG.log(System.Logger.Level.WARNING, "This server will fail on purpose as {0} says.", file);
    FaultFile faults = new FaultFile(file);
    return new PerdureServer(config, faults.clock(timeOfDay), faults, made);
  }

  private static ProviderSelection models(
      PerdureConfig config, Transport transport, InstantSource clock) {
    return ProviderSelection.select(
        config,
        () -> LocalServers.detect(transport, Set.of(config.server().port())),
        transport,
        clock);
  }

  private static Schedules schedules(
      PerdureConfig config, Database database, TurnLog log, Ids ids) {
    return Schedules.of(database, log, ids, Limits.desk(config), Limits.waits(config));
  }

  private static EmbeddingSelection embeddings(
      PerdureConfig config,
      Transport transport,
      Database database,
      String nodeId,
      InstantSource clock,
      PrometheusMeterRegistry meters) {
    return new EmbeddingSelection(config, transport, database, nodeId, clock, meters);
  }

  private static ContextBuilder context(
      PerdureConfig config,
      Database database,
      ContextJournal journal,
      EmbeddingSelection embeddings) {
    return new ContextBuilder(
        database, Limits.context(config), journal, new Retriever(database, embeddings.search()));
  }

  private static Tools tools(
      PerdureConfig config,
      Database database,
      InstantSource clock,
      MeterRegistry meters,
      Deque<AutoCloseable> made) {
    List<Tool> builtIn =
        config.tools().notes() ? List.of(new NotesTool(database)) : List.<Tool>of();
    return opened(made, new ToolSelection(config, System::getenv, clock, builtIn)).start(meters);
  }

  private static PerdureHttp.Place place(PerdureConfig.Server server) {
    return new PerdureHttp.Place(server.host(), server.port(), server.corsOrigins());
  }

  /** Where this process is to die, if a test has said so on its command line; else nowhere. */
  private static FaultPoints crashPlan() {
    String plan = System.getProperty("perdure.crash");
    if (plan == null) {
      return FaultPoints.NONE;
    }
    LOG.log(System.Logger.Level.WARNING, "This server will crash on purpose at {0}.", plan);
    return CrashPlan.parse(plan);
  }

  /** What a test has said on its command line about migrations. */
  private static MigrationOptions migrations(FaultPoints faults) {
    String more = System.getProperty("perdure.migrations");
    if (more == null) {
      return new MigrationOptions(List.of(), faults);
    }
    LOG.log(System.Logger.Level.WARNING, "This server also takes migrations from {0}.", more);
    return new MigrationOptions(List.of(more), faults);
  }

  private static Database open(PerdureConfig config, MigrationOptions migrations) {
    PerdureConfig.Db db = config.db();
    String url = db.url();
    if (url == null) {
      return SqliteDatabase.open(Path.of(config.data().dir()), migrations);
    }
    String password = db.password() == null ? null : db.password().value();
    return PostgresDatabase.open(url, db.user(), password, Limits.postgres(config), migrations);
  }

  private static PrometheusMeterRegistry meters(Deque<AutoCloseable> made) {
    PrometheusMeterRegistry meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    new JvmMemoryMetrics().bindTo(meters);
    new JvmThreadMetrics().bindTo(meters);
    new ProcessorMetrics().bindTo(meters);
    new UptimeMetrics().bindTo(meters);
    made.push(meters::close);
    return meters;
  }

  private static <T extends AutoCloseable> T opened(Deque<AutoCloseable> made, T part) {
    made.push(part);
    return part;
  }

  /**
   * Refuses an address that cannot be listened on before anything is opened. The web server itself
   * only logs a failure to bind, and goes on without a port.
   */
  private static void requireFree(PerdureConfig.Server at) {
    try (ServerSocket probe = new ServerSocket()) {
      probe.setReuseAddress(true);
      probe.bind(new InetSocketAddress(InetAddress.getByName(at.host()), at.port()));
    } catch (UnknownHostException e) {
      throw new PerdureException(
          ErrorCode.CONFIG,
          "server.host '"
              + at.host()
              + "' is no address of this machine. Use 127.0.0.1 or 0.0.0.0.",
          e);
    } catch (IOException e) {
      throw taken(at, e);
    }
  }

  private static PerdureException taken(PerdureConfig.Server at, @Nullable IOException cause) {
    return new PerdureException(
        ErrorCode.CONFIG,
        "Port "
            + at.port()
            + " of "
            + at.host()
            + " cannot be listened on"
            + (cause == null ? "" : " (" + cause.getMessage() + ")")
            + ". Stop the program that has it, or choose another one: --port N, or --port 0 for any"
            + " free one.",
        cause);
  }

  private void listen() {
    http.start();
    if (http.port() <= 0) {
      throw taken(config.server(), null);
    }
  }

  /** Where this machine reaches the server. */
  String url() {
    String host = config.server().host();
    String shown =
        switch (host) {
          case "0.0.0.0" -> "127.0.0.1";
          case "::", "[::]" -> "[::1]";
          default -> host.contains(":") && !host.startsWith("[") ? "[" + host + "]" : host;
        };
    return "http://" + shown + ":" + http.port();
  }

  /** The operations of the doors of other protocols, for the test of the document. */
  List<String> doorOperations() {
    return http.doorOperations();
  }

  /** What the operator wants to know of a server that has just started: a few lines. */
  List<String> summary() {
    PerdureConfig.Db db = config.db();
    String data =
        db.url() == null
            ? "SQLite in " + Path.of(config.data().dir()).toAbsolutePath().normalize()
            : "PostgreSQL at " + db.shownUrl();
    String access =
        config.auth().required()
            ? "with a credential only"
            : "without a credential, from this machine only";
    return List.of(
        "Perdure " + Version.text(),
        "  data    " + data,
        "  models  " + models.summary(),
        "  access  " + access);
  }

  /**
   * Stops in the order of ARCHITECTURE.md: not ready, no more claims, readers are let go, turns
   * have the grace time, the rest is handed on with the lease, then the log and last the database
   * close.
   */
  void stop() throws InterruptedException {
    LOG.log(
        System.Logger.Level.INFO,
        "Stopping: {0} turns are running and have {1} seconds to end; what is left then is queued"
            + " for another node or the next start.",
        engine.running(),
        config.engine().drainGrace().toSeconds());
    engine.drain();
    http.drain();
    engine.stop(config.engine().drainGrace());
    log.releaseFollowers();
    http.stop();
    // The engine is on top; it has been stopped.
    closeLast.pop();
    closeAll(closeLast);
  }

  private static void closeAll(Deque<AutoCloseable> parts) {
    while (!parts.isEmpty()) {
      try {
        parts.pop().close();
      } catch (Exception e) {
        LOG.log(System.Logger.Level.WARNING, "A part did not close; the others are closed.", e);
      }
    }
  }
}

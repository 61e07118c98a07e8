package dev.perdure.server.http;

import dev.perdure.chat.Admission;
import dev.perdure.chat.AnswerDesk;
import dev.perdure.chat.Branches;
import dev.perdure.chat.CallAudit;
import dev.perdure.chat.Caller;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.Desk;
import dev.perdure.chat.FleetView;
import dev.perdure.chat.Profiles;
import dev.perdure.chat.Shares;
import dev.perdure.chat.ToolCalls;
import dev.perdure.context.ContextJournal;
import dev.perdure.db.Database;
import dev.perdure.db.Signals;
import dev.perdure.file.Files;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.provider.Providers;
import dev.perdure.retrieval.Documents;
import dev.perdure.schedule.Schedules;
import dev.perdure.server.auth.Audit;
import dev.perdure.server.auth.Authenticator;
import dev.perdure.server.auth.OriginGuard;
import dev.perdure.server.auth.StreamTokens;
import dev.perdure.tool.Tools;
import io.helidon.http.DirectHandler;
import io.helidon.http.DirectHandler.EventType;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.ServerResponseHeaders;
import io.helidon.http.Status;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.http.DirectHandlers;
import io.helidon.webserver.http1.Http1Config;
import io.helidon.webserver.http2.Http2Config;
import io.micrometer.core.instrument.MeterRegistry;
import java.net.StandardSocketOptions;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * The native HTTP door, and the web server that the other doors share. Thread-safe.
 *
 * <p>To stop: {@link #drain} (readiness turns 503, streams end so that clients come back elsewhere,
 * requests are still answered), let the engine drain, then {@link #stop}.
 */
public final class PerdureHttp {
  /**
   * A body up to this many times the limit is read to its end and refused with an answer that the
   * client surely gets; beyond, the connection is closed, and the answer may be lost with it.
   */
  private static final int DRAINED_BODIES = 8;

  /** The same for documents, which are larger. */
  private static final int DRAINED_UPLOADS = 2;

  /** HTTP/2 streams of one connection: browsers open one connection for all their tabs. */
  private static final long STREAMS_PER_CONNECTION = 256;

  /** What an HTTP/2 connection may have sent that no handler has read: heap that it can hold. */
  private static final int RECEIVE_WINDOW_BYTES = 64 * 1024;

  /**
   * Helidon 4.3.1 counts the early resets of a connection's whole life, and ends it after 51,
   * however far apart: it forgets them within this period and not behind it. With one that is never
   * over it counts none. GuardedConnections does.
   */
  private static final Duration NEVER_OVER = Duration.ofDays(36_500);

  private static final Duration STOP_GRACE = Duration.ofMillis(500);

  /**
   * What the door is in front of.
   *
   * @param operators who may see what the server does for all
   * @param streamTokens null where no credential is needed
   * @param metricsText what {@code /metrics} answers
   * @param notReady short reasons why this node should get no new work; empty if it should
   * @param random for the ids of incidents
   */
  public record Parts(
      Desk desk,
      Schedules schedules,
      Admission admission,
      Stores stores,
      AnswerDesk answers,
      Tools tools,
      ContextJournal contexts,
      Documents documents,
      Files files,
      Predicate<Caller> operators,
      TurnLog log,
      Signals signals,
      Providers providers,
      Authenticator authenticator,
      OriginGuard originGuard,
      @Nullable StreamTokens streamTokens,
      MeterRegistry meters,
      Supplier<String> metricsText,
      Supplier<List<String>> notReady,
      InstantSource clock,
      RandomGenerator random) {}

  /** What is read and written by transactions of its own. */
  public record Stores(
      Conversations conversations,
      ToolCalls calls,
      Profiles profiles,
      Branches branches,
      Shares shares,
      FleetView fleet,
      CallAudit audit) {
    /**
     * All of one database.
     *
     * @param random for the tokens of links
     */
    public static Stores of(Database database, Ids ids, SecureRandom random) {
      return new Stores(
          new Conversations(database),
          new ToolCalls(database),
          new Profiles(database),
          new Branches(database, ids),
          new Shares(database, ids, random),
          new FleetView(database),
          new CallAudit(database));
    }
  }

  /**
   * Where the door is and who may knock.
   *
   * @param port 0 for any free one
   * @param corsOrigins origins whose pages may read answers; empty for none
   */
  public record Place(String host, int port, List<String> corsOrigins) {
    public Place {
      corsOrigins = List.copyOf(corsOrigins);
    }
  }

  private final OpenStreams streams;
  private final StallWatch watch = new StallWatch();
  private final OwnerHints hints;
  private final List<Route> routes = new ArrayList<>();
  private final List<String> doorOperations = new ArrayList<>();
  private final WebServer server;
  private volatile boolean draining;

  public PerdureHttp(Parts parts, Place place, HttpLimits limits) {
    this(parts, place, limits, List.of());
  }

  /**
   * @param makers of the doors of other protocols
   */
  public PerdureHttp(Parts parts, Place place, HttpLimits limits, List<FrontDoor.Maker> makers) {
    streams = new OpenStreams(limits.stream().perCaller());
    hints = new OwnerHints(parts.signals());
    DoorMetrics metrics = new DoorMetrics(parts.meters(), streams, parts.admission());
    FileCheck files = new FileCheck(parts.files(), parts.providers());
    Requests requests = new Requests(parts.providers(), parts.tools(), limits.body());
    TurnReader reader = new TurnReader(parts.log(), parts.clock());
    WebPages pages = new WebPages();
    Audit audit = new Audit(parts.clock());
    routes.addAll(new ServiceRoutes(parts, new OpenApi(), pages, () -> draining).routes());
    routes.add(new OperatorRoute(parts).route());
    routes.add(new CallAuditRoute(parts.stores().audit(), parts.operators()).route());
    routes.add(new StatusRoute(parts.admission(), parts.stores().conversations(), streams).route());
    routes.addAll(
        new SessionRoutes(parts.desk(), parts.stores().conversations(), requests).routes());
    routes.addAll(new DocumentRoutes(parts.documents()).routes());
    routes.addAll(new FileRoutes(parts.files(), streams).routes());
    routes.addAll(
        new ToolRoutes(parts.answers(), parts.stores().calls(), requests, parts.tools()).routes());
    routes.addAll(
        new ContextRoutes(parts.stores().profiles(), parts.contexts(), requests).routes());
    routes.addAll(
        new TurnRoutes(
                new TurnRoutes.Intake(parts.desk(), parts.schedules().turns(), files),
                parts.stores().conversations(),
                reader,
                requests,
                streams,
                metrics)
            .routes());
    routes.addAll(new ScheduleRoutes(parts.schedules(), requests, files, parts.clock()).routes());
    StreamRoutes streamRoutes =
        new StreamRoutes(
            new ActivityStream.Sources(
                parts.stores().conversations(), parts.log(), hints, parts.clock(), metrics),
            streams);
    routes.addAll(streamRoutes.routes());
    routes.addAll(
        new ShareRoutes(
                parts.stores().shares(), parts.stores().conversations(), streamRoutes, audit)
            .routes());
    List<FrontDoor> doors = doors(parts, limits, metrics, makers);
    List<Route> all = new ArrayList<>(routes);
    all.addAll(pages.routes());
    doors.forEach(door -> all.addAll(door.routes()));
    doors.stream()
        .flatMap(door -> door.routes().stream())
        .forEach(route -> doorOperations.add(route.method().text() + " " + route.template()));
    Router router =
        new Router(
            new Routes(all), doors, parts, new Cors(place.corsOrigins()), watch, limits, metrics);
    long payload =
        Math.max(
            (long) DRAINED_BODIES * limits.body().bodyBytes(),
            (long) DRAINED_UPLOADS
                * Math.max(parts.documents().limits().bytes(), parts.files().limits().bytes()));
    server = server(place, limits, payload, router, watch, metrics);
  }

  private List<FrontDoor> doors(
      Parts parts, HttpLimits limits, DoorMetrics metrics, List<FrontDoor.Maker> makers) {
    FrontDoor.Parts shared =
        new FrontDoor.Parts(
            parts.desk(),
            parts.answers(),
            parts.stores().calls(),
            parts.stores().conversations(),
            parts.stores().branches(),
            parts.providers(),
            new ProjectedStreams(
                parts.stores().conversations(),
                parts.log(),
                streams,
                metrics,
                parts.streamTokens(),
                parts.clock()),
            new ToolRequests(parts.tools()),
            new Uploads(parts.files(), parts.providers()),
            limits,
            parts.random());
    return makers.stream().map(maker -> maker.make(shared)).toList();
  }

  private static WebServer server(
      Place place,
      HttpLimits limits,
      long payload,
      Router router,
      StallWatch watch,
      DoorMetrics metrics) {
    HttpLimits.Socket socket = limits.socket();
    return WebServer.builder()
        .host(place.host())
        .port(place.port())
        .shutdownHook(false)
        .shutdownGracePeriod(STOP_GRACE)
        .maxTcpConnections(socket.connections())
        .idleConnectionTimeout(socket.idleTimeout())
        .maxPayloadSize(payload)
        // Streams are written whole batches at a time; a buffer in between would only copy them.
        .writeBufferSize(0)
        .writeQueueLength(0)
        .connectionOptions(options ->
            options
                .socketSendBufferSize(socket.sendBufferBytes())
                .tcpNoDelay(true)
                .socketKeepAlive(true))
        .putListenerSocketOption(StandardSocketOptions.SO_REUSEADDR, true)
        // Only the guarded selector; see there.
        .protocolsDiscoverServices(false)
        .addConnectionSelector(
            new GuardedConnections(http1(socket), http2(socket), watch, socket, metrics))
        .directHandlers(directHandlers(metrics))
        .routing(routing -> routing.any(router))
        .build();
  }

  private static Http1Config http1(HttpLimits.Socket socket) {
    return Http1Config.builder()
        .maxHeadersSize(socket.headerBytes())
        .maxPrologueLength(socket.targetBytes())
        .continueImmediately(false)
        .build();
  }

  private static Http2Config http2(HttpLimits.Socket socket) {
    return Http2Config.builder()
        .maxHeaderListSize(socket.headerBytes())
        .maxConcurrentStreams(STREAMS_PER_CONNECTION)
        .initialWindowSize(RECEIVE_WINDOW_BYTES)
        .flowControlTimeout(socket.writeTimeout())
        .rapidResetCheckPeriod(NEVER_OVER)
        .sendErrorDetails(false)
        .build();
  }

  /**
   * Answers what Helidon refuses before a request reaches the router. It calls much of what it
   * cannot parse an internal error; faults of this server are answered by the router.
   */
  private static DirectHandlers directHandlers(DoorMetrics metrics) {
    DirectHandlers.Builder builder = DirectHandlers.builder();
    for (EventType type : EventType.values()) {
      builder.addHandler(
          type, (request, event, status, headers, message) -> refused(metrics, status, headers));
    }
    return builder.build();
  }

  private static DirectHandler.TransportResponse refused(
      DoorMetrics metrics, Status status, ServerResponseHeaders headers) {
    Problem problem = problem(status);
    metrics.problem(problem.code());
    headers.set(HeaderValues.create(HeaderNames.CONTENT_TYPE, Problem.MEDIA_TYPE));
    headers.set(HeaderValues.create(HeaderNames.X_CONTENT_TYPE_OPTIONS, "nosniff"));
    return DirectHandler.TransportResponse.builder()
        .status(Status.create(problem.code().status()))
        .headers(headers)
        .entity(problem.json())
        .keepAlive(false)
        .build();
  }

  private static Problem problem(Status status) {
    return switch (status.code()) {
      case 413 -> new Problem(ErrorCode.TOO_LARGE, "The body is far too large. Send less.", null);
      case 503 ->
          new Problem(ErrorCode.DRAINING, "The server takes no more requests. Try again.", null);
      default ->
          new Problem(
              ErrorCode.INVALID_REQUEST,
              "The request is not HTTP as this server takes it: check its target, its headers, which"
                  + " may be too long, and how its body is encoded.",
              null);
    };
  }

  /** Binds and starts; returns when requests are answered. */
  public void start() {
    server.start();
  }

  /** The port that was bound. */
  public int port() {
    return server.port();
  }

  /** Turns readiness off and ends every stream that is open; new ones are still served. */
  public void drain() {
    draining = true;
    streams.askToLeave();
  }

  /** Ends everything. */
  public void stop() {
    drain();
    server.stop();
    hints.close();
    watch.close();
  }

  /** The operations of the other doors, such as {@code GET /a/{b}}; see {@link #routes}. */
  public List<String> doorOperations() {
    return List.copyOf(doorOperations);
  }

  /** The native operations, for the test that compares them with the OpenAPI document. */
  List<Route> routes() {
    return List.copyOf(routes);
  }
}

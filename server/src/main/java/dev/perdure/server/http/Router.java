package dev.perdure.server.http;

import dev.perdure.chat.Caller;
import dev.perdure.log.Follower.Condition;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.auth.Audit;
import dev.perdure.server.auth.Authenticator;
import dev.perdure.server.auth.OriginGuard;
import io.helidon.common.socket.SocketWriterException;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import io.helidon.http.http2.Http2Exception;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.http.Handler;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * The way of every request: who may call, which route it is, who is calling, the handler, and what
 * becomes of an exception. Thread-safe.
 */
final class Router implements Handler {
  private static final Logger LOG = System.getLogger(Router.class.getName());
  private static final HeaderName FRAME_OPTIONS = HeaderNames.create("X-Frame-Options");
  private static final HeaderName REFERRER_POLICY = HeaderNames.create("Referrer-Policy");
  private static final HeaderName CONTENT_SECURITY = HeaderNames.create("Content-Security-Policy");
  private static final HeaderName RESOURCE_POLICY =
      HeaderNames.create("Cross-Origin-Resource-Policy");

  private final Routes routes;
  private final List<FrontDoor> doors;
  private final OriginGuard guard;
  private final Authenticator authenticator;
  private final Cors cors;
  private final StallWatch watch;
  private final HttpLimits limits;
  private final DoorMetrics metrics;
  private final RandomGenerator random;
  private final Audit audit;

  Router(
      Routes routes,
      List<FrontDoor> doors,
      PerdureHttp.Parts parts,
      Cors cors,
      StallWatch watch,
      HttpLimits limits,
      DoorMetrics metrics) {
    this.routes = routes;
    this.doors = List.copyOf(doors);
    this.guard = parts.originGuard();
    this.authenticator = parts.authenticator();
    this.cors = cors;
    this.watch = watch;
    this.limits = limits;
    this.metrics = metrics;
    this.random = parts.random();
    this.audit = new Audit(parts.clock());
  }

  @Override
  public void handle(ServerRequest request, ServerResponse response) {
    GuardedConnections.requestBegins();
    try {
      route(request, response);
    } finally {
      GuardedConnections.requestEnds();
    }
  }

  private void route(ServerRequest request, ServerResponse response) {
    metrics.request();
    Exchange exchange = new Exchange(request, response, watch, limits, this::noted);
    @Nullable Route route = null;
    try {
      exchange.heedConnection();
      securityHeaders(exchange);
      guard.check(request);
      Optional<Routes.Match> match = routes.match(exchange.path());
      cors.apply(exchange, match.map(Routes.Match::allow).orElse(""));
      if (match.isEmpty()) {
        throw new PerdureException(
            ErrorCode.NOT_FOUND,
            "There is nothing at '"
                + Text.shown(exchange.path())
                + "'. The operations are listed in /v1/openapi.json.");
      }
      route = match.get().route(exchange.method()).orElse(null);
      if (route == null) {
        otherMethod(exchange, match.get());
        return;
      }
      if (route.access() == Route.Access.SOCKET) {
        guard.checkSocket(request);
      }
      exchange.matched(match.get().variables(), authenticate(route, request));
      if (route.method().equals(Method.GET)) {
        exchange.discardBody();
      }
      route.handler().handle(exchange);
    } catch (PerdureException e) {
      refuse(exchange, route, e);
    } catch (IOException
        | UncheckedIOException
        | CloseConnectionException
        | SocketWriterException
        | Http2Exception e) {
      // The client is gone, or a handler wants the connection cut: there is nobody to answer.
      throw new CloseConnectionException("The connection is of no more use", e);
    } catch (InterruptedException e) {
      throw new CloseConnectionException("The server stops, or the client does not read", e);
    } catch (Exception e) {
      incident(exchange, e);
    }
  }

  private static void securityHeaders(Exchange exchange) {
    exchange.header(HeaderNames.X_CONTENT_TYPE_OPTIONS, "nosniff");
    exchange.header(FRAME_OPTIONS, "DENY");
    exchange.header(REFERRER_POLICY, "no-referrer");
    exchange.header(CONTENT_SECURITY, "default-src 'none'; frame-ancestors 'none'");
    exchange.header(RESOURCE_POLICY, "same-origin");
  }

  private @Nullable Caller authenticate(Route route, ServerRequest request) {
    return switch (route.access()) {
      case OPEN, SHARE -> null;
      case CALLER -> authenticator.authenticate(request);
      case STREAM, READ -> authenticator.authenticateStream(request);
      case SOCKET -> authenticator.authenticateSocket(request);
      case METRICS -> {
        authenticator.authorizeMetrics(request);
        yield null;
      }
    };
  }

  private void otherMethod(Exchange exchange, Routes.Match match) {
    exchange.header(HeaderNames.ALLOW, match.allow());
    if (exchange.method().equals(Method.OPTIONS)) {
      exchange.discardBody();
      exchange.sendEmpty(204);
      return;
    }
    send(
        exchange,
        new Problem(
            ErrorCode.METHOD_NOT_ALLOWED,
            "The method "
                + Text.shown(exchange.method().text())
                + " is not allowed here. Allowed are: "
                + match.allow()
                + ".",
            exchange.path()));
  }

  private void refuse(Exchange exchange, @Nullable Route route, PerdureException e) {
    if (e.code() == ErrorCode.INTERNAL || e.code() == ErrorCode.CONFIG) {
      incident(exchange, e);
      return;
    }
    boolean open = route == null || route.access() == Route.Access.OPEN;
    if (open ? e.code() == ErrorCode.FORBIDDEN : isAboutAccess(e.code())) {
      audit(exchange, e.code());
    }
    // A server with too much to do must not be kept busy by its own log as well.
    if (e.code().status() == 503 && e.code() != ErrorCode.SERVER_BUSY) {
      LOG.log(
          Level.WARNING,
          "{0} {1} is refused: {2} The client may try again.",
          exchange.method(),
          exchange.path(),
          e.getMessage());
      if (route != null && route.access() == Route.Access.STREAM && !exchange.wantsJson()) {
        comeAgain(exchange, e.code());
        return;
      }
    }
    send(exchange, Problem.of(e, exchange.path()), e);
  }

  private void audit(Exchange exchange, ErrorCode code) {
    audit.refused(
        exchange.knownCaller(),
        exchange.address(),
        exchange.method().text(),
        exchange.path(),
        code);
  }

  /** Notes that something which came over a connection of this request was refused. */
  private void noted(Exchange exchange, ErrorCode code) {
    metrics.problem(code);
    if (isAboutAccess(code)) {
      audit(exchange, code);
    }
  }

  private static boolean isAboutAccess(ErrorCode code) {
    return code == ErrorCode.UNAUTHENTICATED
        || code == ErrorCode.FORBIDDEN
        || code == ErrorCode.NOT_FOUND;
  }

  /**
   * Ends an event stream before it begins, cleanly: EventSource stops for ever at a 503, but
   * reconnects after this.
   */
  private void comeAgain(Exchange exchange, ErrorCode code) {
    metrics.problem(code);
    if (!exchange.begin()) {
      throw new CloseConnectionException("The stream has begun; the client will reconnect");
    }
    FrameBuffer hint = new FrameBuffer();
    hint.retry(Problem.RETRY_AFTER_SECONDS * 1000L);
    if (code == ErrorCode.DATABASE_UNAVAILABLE) {
      Notices.put(hint, Condition.DEGRADED, null);
    }
    SseOut.headers(exchange);
    try (OutputStream out = exchange.stream(200, SseOut.MEDIA_TYPE)) {
      out.write(hint.bytes(), 0, hint.length());
    } catch (IOException e) {
      throw new CloseConnectionException("The client is gone", e);
    }
  }

  private void incident(Exchange exchange, Exception e) {
    String incident = HexFormat.of().toHexDigits(random.nextLong());
    LOG.log(
        Level.ERROR,
        "Incident "
            + incident
            + " at "
            + exchange.method()
            + " "
            + exchange.path()
            + ": answered"
            + " with 500 where that is still possible.",
        e);
    send(
        exchange,
        new Problem(
            ErrorCode.INTERNAL,
            "Something went wrong in the server. Try again; if it stays, report incident "
                + incident
                + " to whoever runs it.",
            exchange.path()));
  }

  private void send(Exchange exchange, Problem problem) {
    send(exchange, problem, new PerdureException(problem.code(), problem.detail()));
  }

  private void send(Exchange exchange, Problem problem, PerdureException e) {
    metrics.problem(problem.code());
    if (!exchange.begin()) {
      throw new CloseConnectionException("An answer has begun and cannot be taken back");
    }
    exchange.discardBody();
    for (FrontDoor door : doors) {
      if (exchange.path().startsWith(door.prefix())) {
        exchange.refusalHeaders(problem);
        door.refuse(exchange, e);
        return;
      }
    }
    exchange.send(problem);
  }
}

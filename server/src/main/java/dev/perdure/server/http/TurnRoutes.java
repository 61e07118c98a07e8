package dev.perdure.server.http;

import dev.perdure.chat.Caller;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.Desk;
import dev.perdure.chat.IdempotencyKey;
import dev.perdure.chat.LaterTurns;
import dev.perdure.chat.LaterTurns.When;
import dev.perdure.chat.Turn;
import dev.perdure.log.Follower.Status;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.http.Requests.Sent;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Turns: accepting, status, cancel and retry. Thread-safe. */
final class TurnRoutes {
  private static final HeaderName IDEMPOTENCY_KEY = HeaderNames.create("Idempotency-Key");
  private static final HeaderName PREFERENCE_APPLIED = HeaderNames.create("Preference-Applied");
  private static final int MAX_KEY_CHARS = 255;

  private final Desk desk;
  private final LaterTurns later;
  private final Conversations conversations;
  private final TurnReader reader;
  private final Requests requests;
  private final FileCheck files;
  private final OpenStreams streams;
  private final DoorMetrics metrics;

  /** Where messages go, now or later, and what is looked at before. */
  record Intake(Desk desk, LaterTurns later, FileCheck files) {}

  TurnRoutes(
      Intake intake,
      Conversations conversations,
      TurnReader reader,
      Requests requests,
      OpenStreams streams,
      DoorMetrics metrics) {
    this.desk = intake.desk;
    this.later = intake.later;
    this.conversations = conversations;
    this.reader = reader;
    this.requests = requests;
    this.streams = streams;
    this.metrics = metrics;
    this.files = intake.files;
  }

  List<Route> routes() {
    String one = "/v1/turns/{turn}";
    String lane = one + "/lanes/{lane}";
    return List.of(
        new Route(Method.POST, "/v1/sessions/{session}/turns", Route.Access.CALLER, this::submit),
        new Route(Method.GET, "/v1/turns", Route.Access.CALLER, this::list),
        new Route(Method.GET, one, Route.Access.CALLER, this::status),
        new Route(Method.PATCH, one, Route.Access.CALLER, this::move),
        new Route(Method.POST, one + "/cancel", Route.Access.CALLER, this::cancel),
        new Route(Method.POST, lane + "/cancel", Route.Access.CALLER, this::cancelLane),
        new Route(Method.POST, lane + "/retry", Route.Access.CALLER, this::retryLane));
  }

  private void submit(Exchange exchange) throws IOException, InterruptedException {
    exchange.knownQuery();
    String session = exchange.id("session");
    byte[] body = exchange.body();
    IdempotencyKey key = key(exchange, body);
    Sent sent = requests.turn(body).with(turn -> files.checked(exchange.caller(), turn));
    Optional<Duration> wait = exchange.preferredWait();
    if (wait.isEmpty()) {
      accepted(exchange, submit(exchange.caller(), session, sent, key));
      return;
    }
    // The place comes first: whoever has none left is refused before anything is stored.
    try (OpenStreams.Place place = streams.take(exchange.caller())) {
      Turn turn = submit(exchange.caller(), session, sent, key);
      TurnReader.Reading reading = reader.await(turn.id(), wait.get(), place);
      exchange.header(PREFERENCE_APPLIED, "wait=" + wait.get().toSeconds());
      if (reading.end() != Status.ENDED) {
        accepted(exchange, turn);
        return;
      }
      metrics.accepted();
      exchange.header(HeaderNames.LOCATION, "/v1/turns/" + turn.id());
      Turn ended = conversations.turn(exchange.caller(), turn.id());
      exchange.sendJson(200, Views.bytes(Views.status(ended, reading.fold().snapshot())));
    }
  }

  private Turn submit(Caller caller, String session, Sent sent, @Nullable IdempotencyKey key) {
    @Nullable When when = sent.when();
    return when == null
        ? desk.submit(caller, session, sent.turn(), key)
        : later.submit(caller, session, sent.turn(), when, key);
  }

  private void accepted(Exchange exchange, Turn turn) {
    metrics.accepted();
    exchange.header(HeaderNames.LOCATION, "/v1/turns/" + turn.id());
    exchange.sendJson(202, Views.bytes(Views.turn(turn)));
  }

  /** The key with which a request is one, however often it is sent; null without. */
  static @Nullable IdempotencyKey key(Exchange exchange, byte[] body) {
    Optional<String> key = exchange.header(IDEMPOTENCY_KEY);
    if (key.isEmpty()) {
      return null;
    }
    if (key.get().length() > MAX_KEY_CHARS
        || key.get().chars().anyMatch(c -> c < 0x21 || c > 0x7e)) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "The Idempotency-Key must have 1 to "
              + MAX_KEY_CHARS
              + " visible ASCII characters. Send a UUID, for example.");
    }
    MessageDigest digest = sha256();
    digest.update(exchange.path().getBytes(StandardCharsets.UTF_8));
    digest.update((byte) '\n');
    digest.update(body);
    return new IdempotencyKey(key.get(), HexFormat.of().formatHex(digest.digest()));
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }

  private void list(Exchange exchange) {
    exchange.knownQuery("state", "limit");
    String state = exchange.query("state").orElse("");
    Caller caller = exchange.caller();
    int limit = exchange.pageSize();
    byte[] page =
        switch (state) {
          case "active" ->
              Views.page(conversations.openTurns(caller, null, limit), null, Views::turn);
          case "waiting" -> Views.page(later.waiting(caller, limit), null, Views::turn);
          case "scheduled" -> Views.page(later.scheduled(caller, limit), null, WaitViews::later);
          default ->
              throw new PerdureException(
                  ErrorCode.INVALID_REQUEST,
                  "'state' is '"
                      + Text.shown(state)
                      + "'. It must be 'active', 'waiting' or 'scheduled'.");
        };
    exchange.sendJson(200, page);
  }

  private void move(Exchange exchange) throws IOException {
    exchange.knownQuery();
    String id = exchange.id("turn");
    WaitRequests.Move move = WaitRequests.move(exchange.body());
    exchange.sendJson(
        200, Views.bytes(Views.turn(later.move(exchange.caller(), id, move.to(), move.was()))));
  }

  private void status(Exchange exchange) throws InterruptedException {
    exchange.knownQuery();
    Turn turn = conversations.turn(exchange.caller(), exchange.id("turn"));
    if (turn.logExpired()) {
      exchange.sendJson(200, Views.bytes(Views.turn(turn)));
      return;
    }
    TurnReader.Reading reading =
        turn.state().terminal() ? reader.readEnded(turn.id()) : reader.read(turn.id());
    // Nothing to read: retention or a delete has come in between.
    boolean readable = reading.fold().seq() >= 0;
    exchange.sendJson(
        200,
        Views.bytes(readable ? Views.status(turn, reading.fold().snapshot()) : Views.turn(turn)));
  }

  private void cancel(Exchange exchange) throws IOException {
    exchange.knownQuery();
    String id = exchange.id("turn");
    Fields.of(exchange.body());
    cancelled(exchange, desk.cancelTurn(exchange.caller(), id));
  }

  private void cancelLane(Exchange exchange) throws IOException {
    exchange.knownQuery();
    String id = exchange.id("turn");
    Fields.of(exchange.body());
    cancelled(exchange, desk.cancelLane(exchange.caller(), id, exchange.lane()));
  }

  private static void cancelled(Exchange exchange, Turn turn) {
    exchange.sendJson(turn.state().terminal() ? 200 : 202, Views.bytes(Views.turn(turn)));
  }

  private void retryLane(Exchange exchange) throws IOException {
    exchange.knownQuery();
    String id = exchange.id("turn");
    byte[] body = exchange.body();
    Fields.of(body);
    accepted(exchange, desk.retryLane(exchange.caller(), id, exchange.lane(), key(exchange, body)));
  }
}

package dev.perdure.server.http;

import dev.perdure.chat.Caller;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.Conversations.Page;
import dev.perdure.chat.Message;
import dev.perdure.chat.Session;
import dev.perdure.chat.Shares;
import dev.perdure.chat.Shares.Opened;
import dev.perdure.chat.Shares.Share;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.auth.Audit;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Links that let others read a session: making, listing and revoking them, and what they open.
 * Thread-safe.
 *
 * <p>The token of a link is a credential of these three reads and of nothing else: no other route
 * knows it. It travels in the Authorization header, never in a URL, which proxies log.
 */
final class ShareRoutes {
  private static final String SCHEME = "Bearer ";

  /** An open stream of a link ends after this time, so that a revoked one is cut off by then. */
  private static final Duration STREAM_AGE = Duration.ofSeconds(30);

  private final Shares shares;
  private final Conversations conversations;
  private final StreamRoutes streams;
  private final Audit audit;

  ShareRoutes(Shares shares, Conversations conversations, StreamRoutes streams, Audit audit) {
    this.shares = shares;
    this.conversations = conversations;
    this.streams = streams;
    this.audit = audit;
  }

  List<Route> routes() {
    String ofSession = "/v1/sessions/{session}/shares";
    return List.of(
        new Route(Method.POST, ofSession, Route.Access.CALLER, this::create),
        new Route(Method.GET, ofSession, Route.Access.CALLER, this::list),
        new Route(Method.DELETE, "/v1/shares/{share}", Route.Access.CALLER, this::revoke),
        new Route(Method.GET, "/v1/shared", Route.Access.SHARE, this::session),
        new Route(Method.GET, "/v1/shared/messages", Route.Access.SHARE, this::messages),
        new Route(Method.GET, "/v1/shared/events", Route.Access.SHARE, this::events));
  }

  private void create(Exchange exchange) throws IOException {
    exchange.knownQuery();
    Fields fields = Fields.of(exchange.body(), "expiresInSeconds");
    Duration life =
        fields
            .integer(
                "expiresInSeconds",
                (int) Shares.SHORTEST_LIFE.toSeconds(),
                (int) Shares.LONGEST_LIFE.toSeconds())
            .map(Duration::ofSeconds)
            .orElse(Shares.DEFAULT_LIFE);
    String session = exchange.id("session");
    Shares.Created created = shares.create(exchange.caller(), session, life);
    audit.changed(
        exchange.caller(),
        exchange.address(),
        "link "
            + created.share().id()
            + " to "
            + session
            + " made, until "
            + Instant.ofEpochMilli(created.share().expiresAtMillis()));
    exchange.sendJson(
        201,
        Views.bytes(json -> {
          json.writeStartObject();
          fields(created.share()).write(json);
          json.writeStringField("token", created.token());
          json.writeStringField("path", "/shared#" + created.token());
          json.writeEndObject();
        }));
  }

  private void list(Exchange exchange) {
    exchange.knownQuery();
    List<Share> items = shares.list(exchange.caller(), exchange.id("session"));
    exchange.sendJson(
        200,
        Views.page(
            items,
            null,
            share ->
                json -> {
                  json.writeStartObject();
                  fields(share).write(json);
                  json.writeEndObject();
                }));
  }

  private static Views.View fields(Share share) {
    return json -> {
      json.writeStringField("share", share.id());
      json.writeStringField("session", share.session());
      json.writeNumberField("createdAt", share.createdAtMillis());
      json.writeNumberField("expiresAt", share.expiresAtMillis());
    };
  }

  private void revoke(Exchange exchange) throws IOException {
    exchange.knownQuery();
    Fields.of(exchange.body());
    String id = exchange.id("share");
    shares.revoke(exchange.caller(), id);
    audit.changed(exchange.caller(), exchange.address(), "link " + id + " revoked");
    exchange.sendEmpty(204);
  }

  private Opened opened(Exchange exchange) {
    String header = exchange.header(HeaderNames.AUTHORIZATION).orElse("");
    Optional<Opened> opened =
        header.startsWith(SCHEME)
            ? shares.open(header.substring(SCHEME.length()).strip())
            : Optional.empty();
    return opened.orElseThrow(() ->
        new PerdureException(
            ErrorCode.UNAUTHENTICATED,
            "This link opens nothing: it has expired, was revoked, or is not whole. Ask whoever"
                + " sent it for a new one."));
  }

  private void session(Exchange exchange) {
    exchange.knownQuery();
    Opened opened = opened(exchange);
    Session session = conversations.session(opened.owner(), opened.share().session());
    String title = session.settings().title();
    exchange.sendJson(
        200,
        Views.bytes(json -> {
          json.writeStartObject();
          json.writeStringField("session", session.id());
          Views.text(json, "title", title);
          json.writeNumberField("createdAt", session.createdAtMillis());
          json.writeNumberField("updatedAt", session.updatedAtMillis());
          json.writeNumberField("expiresAt", opened.share().expiresAtMillis());
          json.writeEndObject();
        }));
  }

  private void messages(Exchange exchange) {
    exchange.knownQuery("before", "limit");
    Opened opened = opened(exchange);
    Page<Message> page =
        conversations.messages(
            opened.owner(),
            opened.share().session(),
            exchange.queryNumber("before", 0, Long.MAX_VALUE).orElse(null),
            exchange.pageSize());
    exchange.sendJson(200, Views.page(page.items(), page.next(), Views::message));
  }

  /** Watchers have places of their own, so that they never take those of the owner. */
  private void events(Exchange exchange) throws IOException, InterruptedException {
    Opened opened = opened(exchange);
    conversations.session(opened.owner(), opened.share().session());
    exchange.endStreamAfter(STREAM_AGE);
    streams.activity(
        exchange,
        opened.owner(),
        new Caller("share", opened.share().id()),
        opened.share().session());
  }
}

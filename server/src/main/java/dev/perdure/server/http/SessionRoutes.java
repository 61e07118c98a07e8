package dev.perdure.server.http;

import dev.perdure.chat.Conversations;
import dev.perdure.chat.Conversations.Page;
import dev.perdure.chat.Desk;
import dev.perdure.chat.Message;
import dev.perdure.chat.Session;
import dev.perdure.chat.Turn;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Sessions and their messages. Thread-safe. */
final class SessionRoutes {
  /** The longest text to search sessions for, in UTF-16 code units. */
  private static final int SEARCH_CHARS = 200;

  private final Desk desk;
  private final Conversations conversations;
  private final Requests requests;

  SessionRoutes(Desk desk, Conversations conversations, Requests requests) {
    this.desk = desk;
    this.conversations = conversations;
    this.requests = requests;
  }

  List<Route> routes() {
    String all = "/v1/sessions";
    String one = "/v1/sessions/{session}";
    return List.of(
        new Route(Method.POST, all, Route.Access.CALLER, this::create),
        new Route(Method.GET, all, Route.Access.CALLER, this::list),
        new Route(Method.GET, one, Route.Access.CALLER, this::get),
        new Route(Method.PATCH, one, Route.Access.CALLER, this::change),
        new Route(Method.DELETE, one, Route.Access.CALLER, this::delete),
        new Route(Method.GET, one + "/messages", Route.Access.CALLER, this::messages),
        new Route(Method.POST, one + "/cancel", Route.Access.CALLER, this::cancel));
  }

  private void create(Exchange exchange) throws IOException {
    exchange.knownQuery();
    Session session = desk.createSession(exchange.caller(), requests.session(exchange.body()));
    exchange.header(HeaderNames.LOCATION, "/v1/sessions/" + session.id());
    exchange.sendJson(201, Views.bytes(Views.session(session)));
  }

  private void list(Exchange exchange) {
    exchange.knownQuery("cursor", "limit", "q");
    @Nullable String cursor = exchange.query("cursor").orElse(null);
    Optional<String> words = exchange.query("q").map(String::strip).filter(q -> !q.isEmpty());
    if (words.isPresent() && words.get().length() > SEARCH_CHARS) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "'q' has more than " + SEARCH_CHARS + " characters. Search for fewer words.");
    }
    Page<Session> page =
        words.isPresent()
            ? conversations.search(exchange.caller(), words.get(), cursor, exchange.pageSize())
            : conversations.sessions(exchange.caller(), cursor, exchange.pageSize());
    exchange.sendJson(200, Views.page(page.items(), page.next(), Views::session));
  }

  private void get(Exchange exchange) {
    exchange.knownQuery();
    Session session = conversations.session(exchange.caller(), exchange.id("session"));
    exchange.sendJson(200, Views.bytes(Views.session(session)));
  }

  private void change(Exchange exchange) throws IOException {
    exchange.knownQuery();
    String id = exchange.id("session");
    byte[] body = exchange.body();
    if (!Requests.changes(body)) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "There is nothing to change. Send 'title', 'instructions', 'metadata', 'tools' or"
              + " 'toolLimits'; null takes the thing away.");
    }
    Session session = desk.changeSession(exchange.caller(), id, requests.change(body));
    exchange.sendJson(200, Views.bytes(Views.session(session)));
  }

  private void delete(Exchange exchange) throws IOException {
    exchange.knownQuery();
    String id = exchange.id("session");
    Fields.of(exchange.body());
    desk.deleteSession(exchange.caller(), id);
    exchange.sendEmpty(204);
  }

  private void messages(Exchange exchange) {
    exchange.knownQuery("before", "limit");
    Page<Message> page =
        conversations.messages(
            exchange.caller(),
            exchange.id("session"),
            exchange.queryNumber("before", 0, Long.MAX_VALUE).orElse(null),
            exchange.pageSize());
    exchange.sendJson(200, Views.page(page.items(), page.next(), Views::message));
  }

  private void cancel(Exchange exchange) throws IOException {
    exchange.knownQuery();
    String id = exchange.id("session");
    Fields.of(exchange.body());
    List<Turn> turns = desk.cancelSession(exchange.caller(), id);
    boolean over = turns.stream().allMatch(turn -> turn.state().terminal());
    exchange.sendJson(over ? 200 : 202, Views.page(turns, null, Views::turn));
  }
}

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

/** Sessions and their messages. Thread-safe. */
final class SessionRoutes {
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
    exchange.knownQuery("cursor", "limit");
    Page<Session> page =
        conversations.sessions(
            exchange.caller(), exchange.query("cursor").orElse(null), exchange.pageSize());
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
          "There is nothing to change. Send 'title', 'instructions', 'metadata' or 'tools'; null"
              + " takes the thing away.");
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

package dev.perdure.server.http;

import dev.perdure.chat.Preferences;
import dev.perdure.chat.Profiles;
import dev.perdure.context.ContextJournal;
import dev.perdure.context.ContextView;
import io.helidon.http.Method;
import java.io.IOException;
import java.util.List;

/** What models are shown besides the messages, and what they were shown. Thread-safe. */
final class ContextRoutes {
  private final Profiles profiles;
  private final ContextJournal contexts;
  private final Requests requests;

  ContextRoutes(Profiles profiles, ContextJournal contexts, Requests requests) {
    this.profiles = profiles;
    this.contexts = contexts;
    this.requests = requests;
  }

  List<Route> routes() {
    return List.of(
        new Route(Method.GET, "/v1/preferences", Route.Access.CALLER, this::preferences),
        new Route(Method.PUT, "/v1/preferences", Route.Access.CALLER, this::prefer),
        new Route(Method.GET, "/v1/turns/{turn}/context", Route.Access.CALLER, this::context));
  }

  private void preferences(Exchange exchange) {
    exchange.knownQuery();
    exchange.sendJson(200, Views.bytes(Views.preferences(profiles.get(exchange.caller()))));
  }

  private void prefer(Exchange exchange) throws IOException {
    exchange.knownQuery();
    Preferences wanted = requests.preferences(exchange.body());
    exchange.sendJson(200, Views.bytes(Views.preferences(profiles.put(exchange.caller(), wanted))));
  }

  private void context(Exchange exchange) {
    exchange.knownQuery();
    String turn = exchange.id("turn");
    List<ContextView> attempts = contexts.read(exchange.caller(), turn);
    exchange.sendJson(200, Views.bytes(ContextViews.context(turn, attempts)));
  }
}

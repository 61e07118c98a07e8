package dev.perdure.server.http;

import dev.perdure.chat.AnswerDesk;
import dev.perdure.chat.Compensations;
import dev.perdure.chat.ToolCalls;
import dev.perdure.tool.Tools;
import io.helidon.http.Method;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Calls of tools: what became of them, and answers to those that wait. Thread-safe. */
final class ToolRoutes {
  private final AnswerDesk answers;
  private final ToolCalls calls;
  private final Requests requests;
  private final Tools tools;

  ToolRoutes(AnswerDesk answers, ToolCalls calls, Requests requests, Tools tools) {
    this.tools = tools;
    this.answers = answers;
    this.calls = calls;
    this.requests = requests;
  }

  List<Route> routes() {
    String one = "/v1/turns/{turn}";
    return List.of(
        new Route(Method.GET, "/v1/tools", Route.Access.CALLER, this::tools),
        new Route(Method.GET, one + "/calls", Route.Access.CALLER, this::list),
        new Route(Method.POST, one + "/answers", Route.Access.CALLER, this::answer));
  }

  private void tools(Exchange exchange) {
    exchange.knownQuery();
    exchange.sendJson(200, Views.page(tools.allowed(null), null, ToolViews::tool));
  }

  private void list(Exchange exchange) {
    exchange.knownQuery();
    String turn = exchange.id("turn");
    Map<String, Compensations.Undo> undos = calls.undosOf(exchange.caller(), turn);
    exchange.sendJson(
        200,
        Views.page(
            calls.ofTurn(exchange.caller(), turn),
            null,
            row -> ToolViews.row(row, undos.get(row.id()))));
  }

  private void answer(Exchange exchange) throws IOException {
    exchange.knownQuery();
    String turn = exchange.id("turn");
    exchange.sendJson(
        200,
        Views.bytes(
            Views.turn(answers.answer(exchange.caller(), turn, requests.answer(exchange.body())))));
  }
}

package dev.perdure.server.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.perdure.chat.Admission;
import dev.perdure.chat.Caller;
import dev.perdure.chat.FleetView;
import dev.perdure.chat.FleetView.Node;
import dev.perdure.chat.FleetView.Reading;
import dev.perdure.chat.FleetView.Spread;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.ModelHealth;
import dev.perdure.provider.Providers;
import dev.perdure.tool.Tools;
import io.helidon.http.Method;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What the server is doing now, for its operators: over all tenants, but only counts and times.
 * Thread-safe. The rows are read at most once a second, however many look.
 */
final class OperatorRoute {
  private static final long READ_EVERY_MILLIS = 1_000;

  private final PerdureHttp.Parts parts;
  private final FleetView fleet;
  private final Providers providers;
  private final Admission admission;
  private final Predicate<Caller> operators;
  private final ReentrantLock lock = new ReentrantLock();

  /** Written under the lock. */
  private volatile @Nullable Reading last;

  private volatile long readAt;

  OperatorRoute(PerdureHttp.Parts parts) {
    this.parts = parts;
    this.fleet = parts.stores().fleet();
    this.providers = parts.providers();
    this.admission = parts.admission();
    this.operators = parts.operators();
  }

  Route route() {
    return new Route(Method.GET, "/v1/operator", Route.Access.CALLER, this::show);
  }

  /**
   * Lets only operators pass.
   *
   * @throws PerdureException FORBIDDEN
   */
  static void admit(Predicate<Caller> operators, Exchange exchange) {
    if (!operators.test(exchange.caller())) {
      throw new PerdureException(
          ErrorCode.FORBIDDEN,
          "'"
              + Text.shown(exchange.caller().tenant() + "/" + exchange.caller().owner())
              + "' is not an operator of this server. Whoever runs it names operators in"
              + " 'auth.operators'.");
    }
  }

  private Reading reading() {
    lock.lock();
    try {
      Reading known = last;
      long now = parts.clock().millis();
      if (known == null || now - readAt >= READ_EVERY_MILLIS) {
        known = fleet.read();
        last = known;
        readAt = now;
      }
      return known;
    } finally {
      lock.unlock();
    }
  }

  private void show(Exchange exchange) {
    exchange.knownQuery();
    admit(operators, exchange);
    Reading now = reading();
    List<ModelHealth> models = providers.health();
    Admission.Reading queue = admission.reading();
    exchange.sendJson(
        200,
        Views.bytes(json -> {
          json.writeStartObject();
          json.writeNumberField("at", now.atMillis());
          json.writeArrayFieldStart("nodes");
          for (Node node : now.nodes()) {
            node(json, node);
          }
          json.writeEndArray();
          counts(json, "open", now.open());
          counts(json, "ended", now.ended());
          spread(json, "waitedMillis", now.waited());
          spread(json, "tookMillis", now.took());
          json.writeObjectFieldStart("queue");
          json.writeNumberField("length", queue.queued());
          json.writeNumberField("maxLength", admission.limits().queuedTurns());
          json.writeNumberField("oldestWaitMillis", queue.oldestWaitMillis());
          json.writeEndObject();
          json.writeArrayFieldStart("models");
          for (ModelHealth model : models) {
            model(json, model);
          }
          json.writeEndArray();
          json.writeArrayFieldStart("mcp");
          for (Tools.Source source : parts.tools().sources()) {
            source(json, source);
          }
          json.writeEndArray();
          json.writeEndObject();
        }));
  }

  private static void node(JsonGenerator json, Node node) throws IOException {
    json.writeStartObject();
    json.writeStringField("node", node.id());
    json.writeStringField("version", node.version());
    json.writeNumberField("startedAt", node.startedAtMillis());
    json.writeNumberField("leaseMillis", node.leaseMillis());
    json.writeNumberField("running", node.running());
    json.writeEndObject();
  }

  private static void source(JsonGenerator json, Tools.Source source) throws IOException {
    json.writeStartObject();
    json.writeStringField("server", source.name());
    json.writeBooleanField("up", source.up());
    json.writeNumberField("tools", source.tools());
    Views.text(json, "reason", source.reason());
    json.writeEndObject();
  }

  private static void model(JsonGenerator json, ModelHealth model) throws IOException {
    json.writeStartObject();
    json.writeStringField("model", model.model());
    json.writeStringField("circuit", model.circuit().wire());
    json.writeNumberField("calls", model.calls());
    json.writeNumberField("failures", model.failures());
    spread(json, "firstWordMillis", new Spread(model.firstMillis(), model.slowMillis()));
    json.writeEndObject();
  }

  private static void counts(JsonGenerator json, String name, Map<String, Long> counts)
      throws IOException {
    json.writeObjectFieldStart(name);
    for (Map.Entry<String, Long> entry : counts.entrySet()) {
      json.writeNumberField(entry.getKey(), entry.getValue());
    }
    json.writeEndObject();
  }

  private static void spread(JsonGenerator json, String name, Spread spread) throws IOException {
    if (spread.median() >= 0) {
      json.writeObjectFieldStart(name);
      json.writeNumberField("median", spread.median());
      json.writeNumberField("p95", spread.slow());
      json.writeEndObject();
    }
  }
}

package dev.perdure.server.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.perdure.file.Files;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.Providers.Target;
import dev.perdure.server.auth.StreamTokens;
import dev.perdure.tool.Tools;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** What is about the server itself: health, metrics, models, documents. Thread-safe. */
final class ServiceRoutes {
  private static final int PATH_CHARS = 512;
  private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

  private final PerdureHttp.Parts parts;
  private final OpenApi openApi;
  private final WebPages pages;
  private final BooleanSupplier draining;
  private final AtomicBoolean asking = new AtomicBoolean();

  /** What the database said at last. */
  private volatile boolean answered = true;

  ServiceRoutes(
      PerdureHttp.Parts parts, OpenApi openApi, WebPages pages, BooleanSupplier draining) {
    this.parts = parts;
    this.openApi = openApi;
    this.pages = pages;
    this.draining = draining;
  }

  List<Route> routes() {
    return List.of(
        new Route(Method.GET, "/", Route.Access.OPEN, this::root),
        new Route(Method.GET, "/livez", Route.Access.OPEN, this::live),
        new Route(Method.GET, "/readyz", Route.Access.OPEN, this::ready),
        new Route(Method.GET, "/metrics", Route.Access.METRICS, this::metrics),
        new Route(Method.GET, "/problems/{code}", Route.Access.OPEN, this::problem),
        new Route(Method.GET, "/v1/models", Route.Access.CALLER, this::models),
        new Route(Method.POST, "/v1/stream-tokens", Route.Access.CALLER, this::token),
        new Route(Method.GET, "/v1/openapi.json", Route.Access.CALLER, this::openApiJson),
        new Route(Method.GET, "/v1/openapi.yaml", Route.Access.CALLER, this::openApiYaml));
  }

  /** The chat for a browser; for programs, what this is. */
  private void root(Exchange exchange) {
    if (exchange.header(HeaderNames.ACCEPT).orElse("").contains("text/html")) {
      pages.page(exchange);
      return;
    }
    exchange.sendJson(
        200,
        Views.bytes(json -> {
          json.writeStartObject();
          json.writeStringField("name", "Perdure");
          json.writeStringField(
              "what", "A durable chat backend: replies that outlive their connection.");
          json.writeStringField("api", "/v1/openapi.json");
          json.writeStringField("health", "/readyz");
          json.writeEndObject();
        }));
  }

  private void live(Exchange exchange) {
    exchange.sendJson(200, health("live", List.of(), List.of()));
  }

  private void ready(Exchange exchange) {
    List<String> reasons = new ArrayList<>(parts.notReady().get());
    if (draining.getAsBoolean()) {
      reasons.add("draining");
    }
    if (reasons.isEmpty() && !databaseAnswers()) {
      reasons.add("database");
    }
    exchange.sendJson(
        reasons.isEmpty() ? 200 : 503,
        health(reasons.isEmpty() ? "ready" : "not_ready", reasons, parts.tools().sources()));
  }

  /** Asks the database, one request at a time: anybody may call this, as often as they like. */
  private boolean databaseAnswers() {
    if (asking.compareAndSet(false, true)) {
      try {
        parts.stores().conversations().now();
        answered = true;
      } catch (PerdureException e) {
        answered = false;
      } finally {
        asking.set(false);
      }
    }
    return answered;
  }

  /**
   * Anybody may read it, so of the servers of tools only their number is told; none of them keeps
   * this one from working.
   */
  private static byte[] health(String status, List<String> reasons, List<Tools.Source> tools) {
    return Views.bytes(json -> {
      json.writeStartObject();
      json.writeStringField("status", status);
      json.writeArrayFieldStart("reasons");
      for (String reason : reasons) {
        json.writeString(reason);
      }
      json.writeEndArray();
      if (!tools.isEmpty()) {
        long up = tools.stream().filter(Tools.Source::up).count();
        json.writeObjectFieldStart("mcp");
        json.writeNumberField("up", up);
        json.writeNumberField("away", tools.size() - up);
        json.writeEndObject();
      }
      json.writeEndObject();
    });
  }

  private void metrics(Exchange exchange) {
    exchange.header(HeaderNames.CACHE_CONTROL, "no-store");
    exchange.send(200, PROMETHEUS, parts.metricsText().get().getBytes(StandardCharsets.UTF_8));
  }

  /** Where the {@code type} of a problem leads. */
  private void problem(Exchange exchange) {
    String wire = exchange.variable("code");
    for (ErrorCode code : ErrorCode.values()) {
      if (code.wire().equals(wire)) {
        exchange.sendJson(
            200,
            Views.bytes(json -> {
              json.writeStartObject();
              json.writeStringField("code", code.wire());
              json.writeStringField("title", Problem.title(code));
              json.writeNumberField("status", code.status());
              json.writeBooleanField("retryable", code.retryable());
              json.writeEndObject();
            }));
        return;
      }
    }
    throw PerdureException.notFound("problem", Text.shown(wire));
  }

  private void models(Exchange exchange) {
    exchange.knownQuery();
    exchange.sendJson(
        200,
        Views.bytes(json -> {
          json.writeStartObject();
          json.writeStringField("default", parts.providers().defaultModel());
          names(json, "providers", parts.providers().names());
          names(json, "offered", parts.providers().offered());
          files(json);
          json.writeEndObject();
        }));
  }

  /** What a message may have of files, so that a page can say so before anything is sent. */
  private void files(JsonGenerator json) throws IOException {
    json.writeObjectFieldStart("files");
    json.writeNumberField("maxBytes", parts.files().limits().bytes());
    json.writeNumberField("maxBytesTogether", Files.CALL_BYTES);
    json.writeNumberField("maxCount", Parts.MAX_FILES);
    json.writeObjectFieldStart("takes");
    for (String model : parts.providers().offered()) {
      Target target = parts.providers().resolve(model);
      names(
          json,
          model,
          Files.MEDIA.stream()
              .filter(type -> target.provider().takes(target.model(), type))
              .toList());
    }
    json.writeEndObject();
    json.writeEndObject();
  }

  private static void names(JsonGenerator json, String field, Iterable<String> names)
      throws IOException {
    json.writeArrayFieldStart(field);
    for (String name : names) {
      json.writeString(name);
    }
    json.writeEndArray();
  }

  private void token(Exchange exchange) throws IOException {
    exchange.knownQuery();
    @Nullable StreamTokens tokens = parts.streamTokens();
    Fields fields = Fields.of(exchange.body(), "path");
    @Nullable String path = fields.text("path", PATH_CHARS).orElse(null);
    if (tokens == null) {
      throw new PerdureException(
          ErrorCode.CONFLICT,
          "This server asks for no credential, so streams need no token. Open them without one.");
    }
    StreamTokens.Issued issued = tokens.issue(exchange.caller(), path);
    exchange.sendJson(
        201,
        Views.bytes(json -> {
          json.writeStartObject();
          json.writeStringField("token", issued.token());
          json.writeNumberField("expiresAt", issued.expiresAt().toEpochMilli());
          json.writeEndObject();
        }));
  }

  private void openApiJson(Exchange exchange) {
    exchange.send(200, Exchange.JSON, openApi.json());
  }

  private void openApiYaml(Exchange exchange) {
    exchange.send(200, "application/yaml", openApi.yaml());
  }
}

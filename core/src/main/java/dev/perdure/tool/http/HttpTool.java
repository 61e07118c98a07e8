package dev.perdure.tool.http;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.provider.http.HttpCall;
import dev.perdure.provider.http.Transport;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.ToolException;
import dev.perdure.tool.http.AddressPolicy.ForbiddenAddressException;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A tool that is one operation of an HTTP API. The arguments fill the places of its URL; the others
 * are its parameters, or with a method that has a body the members of a JSON object there. The
 * call's key is sent as {@code Idempotency-Key}. Only a GET is redirected, and its secrets go to no
 * other origin. Thread-safe.
 */
public final class HttpTool implements Tool {
  private static final Duration CONNECT = Duration.ofSeconds(10);
  private static final int MAX_REDIRECTS = 3;
  private static final int ERROR_BYTES = 4 * 1024;
  private static final int ERROR_CHARS = 500;

  private final Spec spec;
  private final Method method;
  private final UrlTemplate url;
  private final SecretHeaders headers;
  private final int maxBytes;
  private final Transport transport;

  /** What may be done to a resource. */
  public enum Method {
    GET,
    POST,
    PUT,
    PATCH,
    DELETE;

    boolean hasBody() {
      return this == POST || this == PUT || this == PATCH;
    }
  }

  /**
   * @param url with a place such as {@code {id}} for each argument that belongs into it
   * @param maxBytes of an answer
   * @param transport with an {@link AddressPolicy}, and a connection for each call
   * @throws IllegalArgumentException if the URL is none, or needs what the schema does not
   */
  public HttpTool(
      Spec spec,
      Method method,
      String url,
      SecretHeaders headers,
      int maxBytes,
      Transport transport) {
    this.spec = spec;
    this.method = method;
    this.url = new UrlTemplate(url);
    this.headers = headers;
    this.maxBytes = maxBytes;
    this.transport = transport;
    for (String place : this.url.places()) {
      boolean required = false;
      for (JsonNode name : spec.schema().path("required")) {
        required |= name.asText().equals(place);
      }
      if (!required) {
        throw new IllegalArgumentException(
            "The URL needs '" + place + "', which the schema does not list under 'required'.");
      }
    }
  }

  @Override
  public Spec spec() {
    return spec;
  }

  @Override
  public JsonNode run(Input input) throws ToolException, InterruptedException {
    SecretHeaders.Filled filled;
    try {
      filled = headers.fill();
    } catch (IOException e) {
      throw new ToolException("'" + spec.name() + "' cannot be called: " + e.getMessage());
    }
    URI at = url.fill(input.arguments(), !method.hasBody());
    URI first = at;
    for (int hops = 0; ; hops++) {
      boolean home = origin(at).equals(origin(first));
      try (HttpCall call = new HttpCall(transport, at)) {
        Optional<URI> next = ask(call, at, input, filled, home);
        if (next.isEmpty()) {
          return answer(call, filled);
        }
        at = next.get();
      }
      if (hops == MAX_REDIRECTS) {
        throw new ToolException(
            "'" + spec.name() + "' was redirected more than " + MAX_REDIRECTS + " times.");
      }
    }
  }

  /** Sends the request; empty if its answer is there to be read, else where to go instead. */
  private Optional<URI> ask(
      HttpCall call, URI at, Input input, SecretHeaders.Filled filled, boolean home)
      throws ToolException, InterruptedException {
    Map<String, String> lines = new LinkedHashMap<>();
    lines.put("Accept", "application/json, text/*;q=0.9");
    lines.put("Idempotency-Key", input.key());
    byte @Nullable [] body = null;
    if (method.hasBody()) {
      lines.put("Content-Type", "application/json");
      body = body(input.arguments());
    }
    if (home) {
      lines.putAll(filled.headers());
    }
    Duration connect = CONNECT.compareTo(spec.limit()) < 0 ? CONNECT : spec.limit();
    int status;
    try {
      status = call.send(method.name(), lines, body, connect, spec.limit());
    } catch (IOException e) {
      throw broken(call, e);
    }
    if (status >= 300 && status < 400) {
      return Optional.of(redirected(call, at, status));
    }
    if (status >= 400) {
      throw refused(call, status, filled);
    }
    return Optional.empty();
  }

  private byte[] body(JsonNode arguments) {
    ObjectNode rest = JsonNodeFactory.instance.objectNode();
    arguments
        .properties()
        .forEach(argument -> {
          if (!url.places().contains(argument.getKey())) {
            rest.set(argument.getKey(), argument.getValue());
          }
        });
    return Json.text(rest).getBytes(StandardCharsets.UTF_8);
  }

  private URI redirected(HttpCall call, URI at, int status) throws ToolException {
    @Nullable String location = call.header("location");
    if (method != Method.GET || location == null) {
      throw new ToolException(
          "'"
              + spec.name()
              + "' answered with status "
              + status
              + (method == Method.GET ? " to nowhere." : ", which only a GET follows."));
    }
    try {
      URI next = at.resolve(location);
      boolean legal =
          next.getHost() != null
              && next.getRawUserInfo() == null
              && ("https".equals(next.getScheme())
                  || ("http".equals(next.getScheme()) && "http".equals(at.getScheme())));
      if (legal) {
        return next;
      }
    } catch (IllegalArgumentException e) {
      // Said below.
    }
    throw new ToolException("'" + spec.name() + "' was redirected to where no tool may go.");
  }

  private static String origin(URI uri) {
    return uri.getScheme() + "://" + uri.getHost() + ":" + uri.getPort();
  }

  private JsonNode answer(HttpCall call, SecretHeaders.Filled filled)
      throws ToolException, InterruptedException {
    String type = String.valueOf(call.header("content-type")).toLowerCase(Locale.ROOT);
    String text;
    try {
      text = filled.maskIn(new String(call.body(maxBytes), StandardCharsets.UTF_8));
    } catch (HttpCall.TooLargeException e) {
      String what = "The answer of '" + spec.name() + "' has more than " + maxBytes + " bytes";
      if (spec.effect() == Effect.READ) {
        throw new ToolException(what + ". Ask for less.");
      }
      return text("Done. " + what + " and is left out.");
    } catch (IOException e) {
      throw broken(call, e);
    }
    if (text.isBlank()) {
      return text("Done.");
    }
    if (type.contains("json")) {
      try {
        return Json.clean(Json.MAPPER.readTree(text));
      } catch (JsonProcessingException | IllegalArgumentException e) {
        return JsonNodeFactory.instance
            .objectNode()
            .put("note", "The answer calls itself JSON and is none.")
            .put("text", text);
      }
    }
    return text(text);
  }

  private static JsonNode text(String text) {
    return JsonNodeFactory.instance.textNode(text);
  }

  /** A refusal is known to have had no effect; of a server that failed nobody knows. */
  private ToolException refused(HttpCall call, int status, SecretHeaders.Filled filled) {
    String said = "";
    try {
      said = new String(call.body(ERROR_BYTES), StandardCharsets.UTF_8).strip();
      said = filled.maskIn(said);
      said = ": " + (said.length() <= ERROR_CHARS ? said : said.substring(0, ERROR_CHARS) + "…");
    } catch (IOException e) {
      // The status has said what matters.
    }
    String text = "'" + spec.name() + "' answered with status " + status + said;
    return status >= 500 ? ToolException.unknown(text) : new ToolException(text);
  }

  private ToolException broken(HttpCall call, IOException e) throws InterruptedException {
    if (Thread.interrupted()) {
      throw new InterruptedException();
    }
    String who = "'" + spec.name() + "'";
    if (call.sent()) {
      return ToolException.unknown(
          who
              + (call.expired()
                  ? " did not answer within " + spec.limit().toMillis() + " ms."
                  : " broke off without a whole answer."));
    }
    return new ToolException(
        e instanceof ForbiddenAddressException
            ? who + " may not be called: " + e.getMessage()
            : who + " cannot be reached.");
  }
}

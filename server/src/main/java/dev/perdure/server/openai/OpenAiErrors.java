package dev.perdure.server.openai;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.server.http.Exchange;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import org.jspecify.annotations.Nullable;

/**
 * Refusals as the OpenAI clients read them: {@code {"error":{message,type,param,code}}}, and a
 * header that keeps them from repeating what cannot succeed. Stateless.
 */
final class OpenAiErrors {
  private static final HeaderName SHOULD_RETRY = HeaderNames.create("x-should-retry");

  private static final String NEEDS_APPROVAL =
      "A call of a tool waits for somebody's approval, which chat completions cannot ask for. The"
          + " reply goes on once it is given; its response is at the path in 'Location'.";

  private OpenAiErrors() {}

  static void send(Exchange exchange, Refusal refusal) {
    send(exchange, refusal.status, false, refusal.code, refusal.param, refusal.text);
  }

  static void send(Exchange exchange, ErrorCode code, String detail) {
    String wire =
        switch (code) {
          case UNAUTHENTICATED -> "invalid_api_key";
          case UNKNOWN_MODEL -> "model_not_found";
          case TOO_MANY_TURNS, TOO_MANY_STREAMS -> "rate_limit_exceeded";
          default -> code.wire();
        };
    String param = code == ErrorCode.UNKNOWN_MODEL ? "model" : null;
    send(exchange, code.status(), code.retryable(), wire, param, detail);
  }

  private static void send(
      Exchange exchange,
      int status,
      boolean retryable,
      String code,
      @Nullable String param,
      String text) {
    if (!retryable) {
      exchange.header(SHOULD_RETRY, "false");
    }
    ObjectNode json = Json.MAPPER.createObjectNode();
    json.putObject("error")
        .put("message", text)
        .put("type", type(status))
        .put("param", param)
        .put("code", code);
    exchange.sendJson(status, Json.text(json).getBytes(UTF_8));
  }

  private static String type(int status) {
    if (status == 429) {
      return "rate_limit_error";
    }
    return status >= 500 ? "server_error" : "invalid_request_error";
  }

  /** The error of a response that failed or was cancelled. */
  static ObjectNode of(JsonNode response) {
    ObjectNode error = Json.MAPPER.createObjectNode();
    if (CompletionStream.needsApproval(response)) {
      error.put("message", NEEDS_APPROVAL).put("type", "invalid_request_error").putNull("param");
      return error.put("code", "approval_required");
    }
    boolean cancelled = response.path("status").asText().equals("cancelled");
    String message =
        cancelled ? "The reply was cancelled." : response.path("error").path("message").asText();
    String code = cancelled ? "cancelled" : response.path("error").path("code").asText();
    error.put("message", message).put("type", "server_error").putNull("param");
    return error.put("code", code);
  }
}

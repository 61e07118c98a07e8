package dev.perdure.tool.mcp;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** The JSON-RPC 2.0 of MCP. Stateless. */
final class McpMessages {
  private static final int INTERNAL_ERROR = -32603;
  private static final int ERROR_CHARS = 500;

  private McpMessages() {}

  static ObjectNode request(long id, String method, ObjectNode params) {
    ObjectNode out = notification(method, params);
    out.put("id", id);
    return out;
  }

  static ObjectNode notification(String method, ObjectNode params) {
    ObjectNode out = Json.MAPPER.createObjectNode();
    out.put("jsonrpc", "2.0");
    out.put("method", method);
    if (!params.isEmpty()) {
      out.set("params", params);
    }
    return out;
  }

  /** What is answered to a request of the server: it gets a pong, and nothing else. */
  static @Nullable ObjectNode reply(JsonNode message) {
    if (!message.hasNonNull("id") || !message.hasNonNull("method")) {
      return null;
    }
    ObjectNode out = Json.MAPPER.createObjectNode();
    out.put("jsonrpc", "2.0");
    out.set("id", message.path("id"));
    if (message.path("method").asText().equals("ping")) {
      out.putObject("result");
    } else {
      out.putObject("error").put("code", -32601).put("message", "This client only uses tools.");
    }
    return out;
  }

  static boolean answers(JsonNode message, long id) {
    return !message.has("method")
        && message.path("id").isNumber()
        && message.path("id").asLong() == id;
  }

  /** The message; null for what is none. */
  static @Nullable JsonNode read(byte[] bytes, int length) {
    try {
      JsonNode message = Json.MAPPER.readTree(bytes, 0, length);
      return message != null && message.isObject() ? message : null;
    } catch (JsonProcessingException e) {
      return null;
    } catch (java.io.IOException e) {
      throw new IllegalStateException("Reading from memory failed", e);
    }
  }

  static byte[] bytes(ObjectNode message) {
    return Json.text(message).getBytes(StandardCharsets.UTF_8);
  }

  /** The result of an answer, or the error that it is. */
  static JsonNode result(JsonNode answer) throws McpException {
    JsonNode error = answer.path("error");
    if (error.isMissingNode() || error.isNull()) {
      return answer.path("result");
    }
    int code = error.path("code").asInt();
    String text = error.path("message").asText("It does not say why.");
    throw new McpException(
        code == INTERNAL_ERROR ? McpException.Kind.UNKNOWN : McpException.Kind.REFUSED,
        shortened(text) + " (" + code + ")");
  }

  static String shortened(String text) {
    return text.length() <= ERROR_CHARS ? text : text.substring(0, ERROR_CHARS) + "…";
  }
}

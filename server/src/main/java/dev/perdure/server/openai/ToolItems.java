package dev.perdure.server.openai;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.chat.Message.ToolUse;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.TurnEvent.ToolCalled;
import dev.perdure.protocol.TurnEvent.ToolReturned;
import dev.perdure.protocol.TurnEvent.ToolWaiting;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Calls of tools as items of a response: {@code function_call} where the client is to give the
 * result, {@code mcp_approval_request} where somebody must agree, and {@code mcp_call} for one that
 * the server has made. Used by one thread.
 */
final class ToolItems {
  static final String SERVER_LABEL = "perdure";

  private final Map<String, ToolCalled> asked = new HashMap<>();
  private final Set<String> ofClient = new HashSet<>();
  private final Set<String> approved = new HashSet<>();

  void called(ToolCalled event) {
    asked.put(event.call(), event);
  }

  /** The item of a call that waits for somebody; none if it is only for a time. */
  Optional<ObjectNode> waiting(ToolWaiting event) {
    if (!asked.containsKey(event.call())) {
      return Optional.empty();
    }
    return switch (event.waitsFor()) {
      case CLIENT, INPUT -> {
        ofClient.add(event.call());
        ObjectNode item = item(event.call(), "fc_", "function_call");
        yield Optional.of(item.put("call_id", event.call()).put("status", "completed"));
      }
      case APPROVAL, ATTENTION -> {
        approved.add(event.call());
        ObjectNode item = item(event.call(), "mcpr_", "mcp_approval_request");
        yield Optional.of(item.put("server_label", SERVER_LABEL));
      }
      case TIME -> Optional.empty();
    };
  }

  /** The item of a call that the server has made; none for one of the client's. */
  Optional<ObjectNode> returned(ToolReturned event) {
    if (!asked.containsKey(event.call()) || ofClient.contains(event.call())) {
      return Optional.empty();
    }
    ObjectNode item = item(event.call(), "mcp_", "mcp_call").put("server_label", SERVER_LABEL);
    if (approved.contains(event.call())) {
      item.put("approval_request_id", id(event.call(), "mcpr_"));
    } else {
      item.putNull("approval_request_id");
    }
    if (event.error() == null) {
      item.put("output", output(event.output() == null ? "null" : event.output()));
      return Optional.of(item.putNull("error").put("status", "completed"));
    }
    item.putNull("output").put("error", event.error().text());
    return Optional.of(item.put("status", "failed"));
  }

  /** The item of a call of a stored reply. */
  static ObjectNode stored(ToolUse use) {
    ObjectNode item = Json.MAPPER.createObjectNode();
    item.put("id", id(use.call(), "mcp_")).put("type", "mcp_call").put("name", use.tool());
    item.put("arguments", Json.text(use.input())).put("server_label", SERVER_LABEL);
    item.putNull("approval_request_id");
    item.put("output", use.output() == null ? null : output(Json.text(use.output())));
    item.put("error", use.error() == null ? null : use.error().text());
    return item.put("status", use.output() == null ? "failed" : "completed");
  }

  /** Text as it is, anything else as JSON. */
  private static String output(String json) {
    JsonNode output = Json.trusted(json);
    return output.isTextual() ? output.textValue() : json;
  }

  private ObjectNode item(String call, String prefix, String type) {
    ToolCalled event = requireNonNull(asked.get(call));
    ObjectNode item = Json.MAPPER.createObjectNode();
    item.put("id", id(call, prefix)).put("type", type);
    return item.put("name", event.tool()).put("arguments", event.input());
  }

  private static String id(String call, String prefix) {
    return prefix + call.substring(call.indexOf('_') + 1);
  }

  /** The call that an approval was asked for under this id. */
  static String callOf(String approvalRequest) {
    return "call_" + approvalRequest.substring(approvalRequest.indexOf('_') + 1);
  }

  /** An item as it is when it begins. */
  static ObjectNode begun(ObjectNode whole) {
    ObjectNode begun = whole.deepCopy();
    if (begun.has("status")) {
      begun.put("status", "in_progress");
    }
    if (begun.has("output")) {
      begun.putNull("output").putNull("error");
    }
    if (begun.path("type").asText().equals("function_call")) {
      begun.put("arguments", "");
    }
    return begun;
  }

  /** What is told between the beginning and the end of an item: the type, and further members. */
  static List<Told> between(ObjectNode whole) {
    var arguments = Map.entry("arguments", whole.path("arguments").asText());
    return switch (whole.path("type").asText()) {
      case "function_call" ->
          List.of(
              new Told(
                  "response.function_call_arguments.delta",
                  List.of(Map.entry("delta", arguments.getValue()))),
              new Told(
                  "response.function_call_arguments.done",
                  List.of(Map.entry("name", whole.path("name").asText()), arguments)));
      case "mcp_call" ->
          List.of(
              new Told("response.mcp_call.in_progress", List.of()),
              new Told("response.mcp_call_arguments.done", List.of(arguments)),
              new Told("response.mcp_call." + whole.path("status").asText(), List.of()));
      default -> List.of();
    };
  }

  /**
   * One event about an item.
   *
   * @param more members beyond those of every event about an item
   */
  record Told(String type, List<Map.Entry<String, String>> more) {}
}

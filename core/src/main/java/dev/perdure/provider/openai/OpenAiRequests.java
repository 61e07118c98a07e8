package dev.perdure.provider.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.provider.ModelRequest.ModelStep;
import dev.perdure.provider.ModelRequest.Role;
import dev.perdure.provider.ModelRequest.ToolUse;
import dev.perdure.provider.ProviderSettings;
import java.util.Locale;
import java.util.Map;

/** What the requests of OpenAI's two wires have in common. Stateless. */
final class OpenAiRequests {
  static final String RESPONSES = "openai-responses";

  private OpenAiRequests() {}

  /** The path after the base URL; a base URL that is a bare host means version 1. */
  static String path(ProviderSettings settings, String path) {
    String base = settings.baseUrl().getRawPath();
    return base == null || base.isEmpty() || base.equals("/") ? "/v1" + path : path;
  }

  static Map<String, String> headers(ProviderSettings settings) {
    return settings.apiKey() == null
        ? Map.of()
        : Map.of("Authorization", "Bearer " + settings.apiKey().reveal());
  }

  static String role(Role role) {
    return role.name().toLowerCase(Locale.ROOT);
  }

  /** What the assistant said in a step, and the results, as messages of chat completions. */
  static void chatStep(ArrayNode messages, ModelStep step) {
    ObjectNode said = messages.addObject().put("role", "assistant").put("content", step.text());
    ArrayNode calls = said.putArray("tool_calls");
    for (ToolUse use : step.uses()) {
      calls
          .addObject()
          .put("id", use.id())
          .put("type", "function")
          .putObject("function")
          .put("name", use.tool())
          .put("arguments", arguments(use));
    }
    for (ToolUse use : step.uses()) {
      messages
          .addObject()
          .put("role", "tool")
          .put("tool_call_id", use.id())
          .put("content", use.result());
    }
  }

  /** The same as items of Responses. */
  static void responsesStep(ArrayNode input, ModelStep step) {
    JsonNode carried =
        step.carried() == null
            ? JsonNodeFactory.instance.objectNode()
            : Json.trusted(step.carried());
    if (carried.path("wire").asText().equals(RESPONSES)) {
      carried.path("items").forEach(input::add);
    } else {
      if (!step.text().isEmpty()) {
        input.addObject().put("role", "assistant").put("content", step.text());
      }
      for (ToolUse use : step.uses()) {
        input
            .addObject()
            .put("type", "function_call")
            .put("call_id", use.id())
            .put("name", use.tool())
            .put("arguments", arguments(use));
      }
    }
    for (ToolUse use : step.uses()) {
      input
          .addObject()
          .put("type", "function_call_output")
          .put("call_id", use.id())
          .put("output", use.result());
    }
  }

  /** Some servers refuse a history whose arguments are not an object; the result says so too. */
  private static String arguments(ToolUse use) {
    return use.input().startsWith("{") ? use.input() : "{}";
  }
}

package dev.perdure.provider.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.provider.ModelRequest.ModelFile;
import dev.perdure.provider.ModelRequest.ModelMessage;
import dev.perdure.provider.ModelRequest.ModelStep;
import dev.perdure.provider.ModelRequest.OutputSpec;
import dev.perdure.provider.ModelRequest.Role;
import dev.perdure.provider.ModelRequest.ToolUse;
import dev.perdure.provider.ProviderSettings;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/** What the requests of OpenAI's two wires have in common. Stateless. */
final class OpenAiRequests {
  static final String RESPONSES = "openai-responses";
  static final String OPENAI_HOST = "api.openai.com";

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

  /** Models that read text only, by OpenAI's names; of others nothing is known. */
  private static final Pattern TEXT_ONLY =
      Pattern.compile(
          "(.*/)?(gpt-3\\.5.*|gpt-4(-0.*|-32k.*)?|o1-(mini|preview).*|o3-mini.*|gpt-oss.*"
              + "|deepseek-(chat|reasoner).*)");

  private static final Set<String> IMAGES =
      Set.of("image/png", "image/jpeg", "image/gif", "image/webp");

  private static final String PDF = "application/pdf";

  /** Other servers of this wire take images at best. */
  static boolean takes(ProviderSettings settings, String model, String mediaType) {
    boolean vendors = OPENAI_HOST.equalsIgnoreCase(settings.baseUrl().getHost());
    return !TEXT_ONLY.matcher(model).matches()
        && (IMAGES.contains(mediaType) || (vendors && mediaType.equals(PDF)));
  }

  /** A message of chat completions: a text, or parts where there are files. */
  static void chatMessage(ArrayNode messages, ModelMessage message) {
    ObjectNode out = messages.addObject().put("role", role(message.role()));
    if (message.files().isEmpty()) {
      out.put("content", message.text());
      return;
    }
    ArrayNode content = out.putArray("content");
    for (ModelFile file : message.files()) {
      if (file.isImage()) {
        content
            .addObject()
            .put("type", "image_url")
            .putObject("image_url")
            .put("url", file.dataUrl());
      } else {
        content
            .addObject()
            .put("type", "file")
            .putObject("file")
            .put("filename", file.name())
            .put("file_data", file.dataUrl());
      }
    }
    if (!message.text().isEmpty()) {
      content.addObject().put("type", "text").put("text", message.text());
    }
  }

  /** The same as an item of Responses. */
  static void responsesMessage(ArrayNode input, ModelMessage message) {
    ObjectNode out = input.addObject().put("role", role(message.role()));
    if (message.files().isEmpty()) {
      out.put("content", message.text());
      return;
    }
    ArrayNode content = out.putArray("content");
    for (ModelFile file : message.files()) {
      if (file.isImage()) {
        content.addObject().put("type", "input_image").put("image_url", file.dataUrl());
      } else {
        content
            .addObject()
            .put("type", "input_file")
            .put("filename", file.name())
            .put("file_data", file.dataUrl());
      }
    }
    if (!message.text().isEmpty()) {
      content.addObject().put("type", "input_text").put("text", message.text());
    }
  }

  /** What both wires say of the form of a reply. */
  static void form(ObjectNode at, OutputSpec output) {
    at.put("name", output.name()).put("strict", output.strict()).set("schema", output.schema());
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

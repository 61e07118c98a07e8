package dev.perdure.provider.anthropic;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.provider.ModelEvent;
import dev.perdure.provider.ModelRequest.ModelFile;
import dev.perdure.provider.ModelRequest.ModelMessage;
import dev.perdure.provider.ModelRequest.ModelStep;
import dev.perdure.provider.ModelRequest.Role;
import dev.perdure.provider.ModelRequest.ToolUse;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The content blocks of an answer with tools, both ways: gathered as they come, and sent back with
 * the results. Thinking goes back with its signature, or the next call is refused. For one thread.
 */
final class AnthropicBlocks {
  static final String WIRE = "anthropic";

  private static final class Block {
    String type = "";
    final StringBuilder text = new StringBuilder();
    final StringBuilder signature = new StringBuilder();
  }

  private final TreeMap<Long, Block> blocks = new TreeMap<>();

  void piece(long index, String type, String text, String signature) {
    Block block = blocks.computeIfAbsent(index, i -> new Block());
    block.type = type.isEmpty() ? block.type : type;
    block.text.append(text);
    block.signature.append(signature);
  }

  /** Whether there is something that only the blocks themselves can carry. */
  boolean signed() {
    return blocks.values().stream().anyMatch(block -> !block.signature.isEmpty());
  }

  /** The blocks as they must come back. */
  JsonNode carried(List<ModelEvent.ToolCall> calls) {
    ObjectNode out = JsonNodeFactory.instance.objectNode().put("wire", WIRE);
    ArrayNode content = out.putArray("content");
    Iterator<ModelEvent.ToolCall> next = calls.iterator();
    for (Map.Entry<Long, Block> entry : blocks.entrySet()) {
      Block block = entry.getValue();
      switch (block.type) {
        case "thinking" ->
            content
                .addObject()
                .put("type", "thinking")
                .put("thinking", block.text.toString())
                .put("signature", block.signature.toString());
        case "redacted_thinking" ->
            content
                .addObject()
                .put("type", "redacted_thinking")
                .put("data", block.signature.toString());
        case "text" -> text(content, block.text.toString());
        case "tool_use" -> {
          if (next.hasNext()) {
            // The id is left out: who sends the result knows it.
            ModelEvent.ToolCall call = next.next();
            content
                .addObject()
                .put("type", "tool_use")
                .put("name", call.tool())
                .set("input", input(call.input()));
          }
        }
        default -> {}
      }
    }
    return out;
  }

  /** Appends a message: a text, or blocks where there are files. */
  static void message(ArrayNode messages, ModelMessage message) {
    ObjectNode out =
        messages.addObject().put("role", message.role() == Role.USER ? "user" : "assistant");
    if (message.files().isEmpty()) {
      out.put("content", message.text());
      return;
    }
    ArrayNode content = out.putArray("content");
    for (ModelFile file : message.files()) {
      ObjectNode block = content.addObject();
      block.put("type", file.isImage() ? "image" : "document");
      block
          .putObject("source")
          .put("type", "base64")
          .put("media_type", file.mediaType())
          .put("data", file.base64());
      if (!file.isImage()) {
        block.put("title", file.name());
      }
    }
    text(content, message.text());
  }

  /** Appends what the assistant said in each step, and the results. */
  static void append(ArrayNode messages, List<ModelStep> steps) {
    for (ModelStep step : steps) {
      messages.addObject().put("role", "assistant").set("content", content(step));
      ArrayNode results = messages.addObject().put("role", "user").putArray("content");
      for (ToolUse use : step.uses()) {
        ObjectNode result =
            results
                .addObject()
                .put("type", "tool_result")
                .put("tool_use_id", use.id())
                .put("content", use.result());
        if (use.failed()) {
          result.put("is_error", true);
        }
      }
    }
  }

  private static ArrayNode content(ModelStep step) {
    ArrayNode content = JsonNodeFactory.instance.arrayNode();
    JsonNode carried =
        step.carried() == null
            ? JsonNodeFactory.instance.objectNode()
            : Json.trusted(step.carried());
    if (carried.path("wire").asText().equals(WIRE)) {
      Iterator<ToolUse> uses = step.uses().iterator();
      for (JsonNode block : carried.path("content")) {
        boolean call = block.path("type").asText().equals("tool_use");
        content.add(call && uses.hasNext() ? use(uses.next()) : block);
      }
      return content;
    }
    text(content, step.text());
    step.uses().forEach(use -> content.add(use(use)));
    return content;
  }

  private static ObjectNode use(ToolUse use) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("type", "tool_use")
        .put("id", use.id())
        .put("name", use.tool())
        .set("input", input(use.input()));
  }

  /** The wire takes objects only; the result says what was wrong with anything else. */
  private static JsonNode input(String json) {
    JsonNode input = Json.trusted(json);
    return input.isObject() ? input : JsonNodeFactory.instance.objectNode();
  }

  /** Blocks without anything to read are refused. */
  private static void text(ArrayNode content, String text) {
    if (!text.isBlank()) {
      content.addObject().put("type", "text").put("text", text);
    }
  }
}

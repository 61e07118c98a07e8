package dev.perdure.server.openai;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.chat.Message;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.protocol.TurnError;
import org.jspecify.annotations.Nullable;

/** Parts of a response that say the same whatever its state. Stateless. */
final class Shapes {
  private Shapes() {}

  static ObjectNode content(PartKind kind, String text) {
    ObjectNode content = Json.MAPPER.createObjectNode();
    switch (kind) {
      case TEXT -> {
        content.put("type", "output_text").put("text", text);
        content.putArray("annotations");
        content.putArray("logprobs");
      }
      case REASONING -> content.put("type", "reasoning_text").put("text", text);
    }
    return content;
  }

  /** A stored message as an item. */
  static ObjectNode message(Message message) {
    ObjectNode item = Json.MAPPER.createObjectNode();
    String status =
        switch (message.status()) {
          case COMPLETE -> "completed";
          case PENDING, STREAMING -> "in_progress";
          case FAILED, CANCELLED -> "incomplete";
        };
    item.put("id", message.id()).put("type", "message").put("status", status);
    item.put("role", message.role().wire());
    if (message.role() == Message.Role.USER) {
      given(message, item.putArray("content"));
    } else {
      ObjectNode text = content(PartKind.TEXT, message.text());
      text.set("annotations", Annotations.of(message.sources(), message.text()));
      item.putArray("content").add(text);
    }
    return item;
  }

  /** What the user has sent: texts, and files where they stood among them. */
  private static void given(Message message, ArrayNode content) {
    int after = 0;
    for (Message.Part part : message.parts()) {
      files(message, after++, content);
      content.addObject().put("type", "input_text").put("text", part.text());
    }
    files(message, after, content);
  }

  private static void files(Message message, int after, ArrayNode content) {
    for (Message.Attachment file : message.files()) {
      if (file.after() == after) {
        boolean image = file.mediaType().startsWith("image/");
        ObjectNode part = content.addObject().put("type", image ? "input_image" : "input_file");
        part.put("file_id", file.file());
        if (image) {
          part.put("detail", "auto").putNull("image_url");
        } else {
          part.put("filename", file.name());
        }
      }
    }
  }

  /** What has gone wrong, or is missing; nulls where nothing has or is. */
  static void fault(
      ObjectNode json, String status, @Nullable TurnError error, @Nullable FinishReason finish) {
    if (error == null) {
      json.putNull("error");
    } else {
      String code = error.code().equals("rate_limited") ? "rate_limit_exceeded" : "server_error";
      json.putObject("error").put("code", code).put("message", error.text());
    }
    if (status.equals("incomplete")) {
      String reason = finish == FinishReason.LENGTH ? "max_output_tokens" : "content_filter";
      json.putObject("incomplete_details").put("reason", reason);
    } else {
      json.putNull("incomplete_details");
    }
  }

  /** The members that repeat the request, or what is usual where Perdure knows no such thing. */
  static void asked(ObjectNode json, ResponseNote note) {
    json.put("max_output_tokens", note.maxOutputTokens());
    json.put("temperature", note.temperature()).put("top_p", note.topP());
    json.put("background", note.background()).put("store", true);
    json.set("metadata", note.metadata());
    if (note.conversation() != null) {
      json.putObject("conversation").put("id", note.conversation());
    }
    json.putNull("max_tool_calls").set("tools", note.tools());
    json.put("tool_choice", note.noTools() ? "none" : "auto").put("parallel_tool_calls", true);
    json.putObject("text").set("format", OutputForm.shown(note.output()));
    json.putNull("reasoning").put("truncation", "disabled").put("service_tier", "default");
    json.put("presence_penalty", 0.0).put("frequency_penalty", 0.0).put("top_logprobs", 0);
    json.putNull("safety_identifier").putNull("prompt_cache_key").putNull("user");
  }

  static void usage(ObjectNode json, TokenUsage usage) {
    json.put("input_tokens", usage.input());
    json.putObject("input_tokens_details")
        .put("cached_tokens", usage.cached())
        .put("cache_write_tokens", 0);
    json.put("output_tokens", usage.output());
    json.putObject("output_tokens_details").put("reasoning_tokens", usage.reasoning());
    json.put("total_tokens", usage.input() + usage.output());
  }
}

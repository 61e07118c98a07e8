package dev.perdure.provider.fake;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.provider.demo.DemoScript;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Anthropic Messages; reasoning tokens are part of the output tokens and not told apart. */
final class FakeAnthropicWire extends FakeWire {
  private final JsonNode body;
  private final long id;
  private @Nullable PartKind kind;
  private int block = -1;
  private int calls;

  FakeAnthropicWire(JsonNode body, long id) {
    this.body = body;
    this.id = id;
  }

  @Override
  String name() {
    return "anthropic";
  }

  @Override
  String model() {
    return body.path("model").asText("");
  }

  @Override
  JsonNode history() {
    return body.path("messages");
  }

  @Override
  String prompt() {
    return lastOfUser(body.path("messages"), "content");
  }

  @Override
  String begin(TokenUsage usage) {
    return event(
        "message_start",
        "\"message\":{\"id\":\"msg_"
            + id
            + "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
            + quoted(model())
            + ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":"
            + "{\"input_tokens\":"
            + (usage.input() - usage.cached())
            + ",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":"
            + usage.cached()
            + ",\"output_tokens\":1}}");
  }

  @Override
  String delta(PartKind ofKind, String text) {
    StringBuilder frames = new StringBuilder();
    if (ofKind != kind) {
      frames.append(endBlock());
      kind = ofKind;
      block++;
      String empty =
          kind == PartKind.TEXT
              ? "{\"type\":\"text\",\"text\":\"\"}"
              : "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}";
      frames.append(
          event("content_block_start", "\"index\":" + block + ",\"content_block\":" + empty));
      if (block == 0) {
        frames.append("event: ping\ndata: {\"type\": \"ping\"}\n\n");
      }
    }
    String delta =
        kind == PartKind.TEXT
            ? "{\"type\":\"text_delta\",\"text\":" + quoted(text) + "}"
            : "{\"type\":\"thinking_delta\",\"thinking\":" + quoted(text) + "}";
    return frames.append(blockDelta(delta)).toString();
  }

  @Override
  String call(String tool, String input, boolean signed) {
    String ended = endBlock();
    kind = null;
    block++;
    int half = input.length() / 2;
    return ended
        + event(
            "content_block_start",
            "\"index\":"
                + block
                + ",\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_"
                + calls++
                + "\",\"name\":"
                + quoted(tool)
                + ",\"input\":{}}")
        + piece(input.substring(0, half))
        + piece(input.substring(half))
        + event("content_block_stop", "\"index\":" + block);
  }

  private String piece(String json) {
    return blockDelta("{\"type\":\"input_json_delta\",\"partial_json\":" + quoted(json) + "}");
  }

  @Override
  DemoScript.Rounds rounds() {
    JsonNode messages = body.path("messages");
    int count = 0;
    List<String> results = new ArrayList<>();
    for (int i = lastUser(messages, "content") + 1; i < messages.size(); i++) {
      if (messages.path(i).path("role").asText().equals("user")) {
        count++;
        results.clear();
        for (JsonNode result : messages.path(i).path("content")) {
          results.add(text(result.path("content")));
        }
      }
    }
    return new DemoScript.Rounds(count, results);
  }

  @Override
  boolean signatureCarried() {
    JsonNode messages = body.path("messages");
    JsonNode first = messages.path(messages.size() - 2).path("content").path(0);
    return first.path("type").asText().equals("thinking")
        && first.path("signature").asText().equals(SIGNATURE)
        && !first.path("thinking").asText().isEmpty();
  }

  @Override
  String end(TokenUsage usage, FinishReason reason) {
    String stop =
        switch (reason) {
          case STOP, OTHER -> "end_turn";
          case LENGTH -> "max_tokens";
          case CONTENT_FILTER -> "refusal";
          case TOOL_CALLS -> "tool_use";
        };
    return endBlock()
        + event(
            "message_delta",
            "\"delta\":{\"stop_reason\":\""
                + stop
                + "\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":"
                + usage.output()
                + "}")
        + "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
  }

  @Override
  String error(int status, @Nullable Duration retryAfter) {
    return "{\"type\":\"error\",\"error\":{\"type\":\""
        + type(status)
        + "\",\"message\":\"The fake provider fails with "
        + status
        + ".\"},\"request_id\":\"req_"
        + id
        + "\"}";
  }

  @Override
  String streamError(int status) {
    return "event: error\ndata: " + error(status, null) + "\n\n";
  }

  @Override
  String garbage() {
    return "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"inde\n\n";
  }

  private String endBlock() {
    if (kind == null) {
      return "";
    }
    String signature =
        kind == PartKind.REASONING
            ? blockDelta("{\"type\":\"signature_delta\",\"signature\":\"" + SIGNATURE + "\"}")
            : "";
    return signature + event("content_block_stop", "\"index\":" + block);
  }

  private String blockDelta(String delta) {
    return event("content_block_delta", "\"index\":" + block + ",\"delta\":" + delta);
  }

  private static String event(String type, String fields) {
    return "event: " + type + "\ndata: {\"type\":\"" + type + "\"," + fields + "}\n\n";
  }

  private static String type(int status) {
    return switch (status) {
      case 401 -> "authentication_error";
      case 403 -> "permission_error";
      case 404 -> "not_found_error";
      case 413 -> "request_too_large";
      case 429 -> "rate_limit_error";
      case 503, 529 -> "overloaded_error";
      default -> status < 500 ? "invalid_request_error" : "api_error";
    };
  }
}

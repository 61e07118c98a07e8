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

/** OpenAI chat completions. */
final class FakeChatWire extends FakeWire {
  private final JsonNode body;
  private final String start;
  private boolean first = true;
  private int calls;

  FakeChatWire(JsonNode body, long id) {
    this.body = body;
    this.start =
        "data: {\"id\":\"chatcmpl-"
            + id
            + "\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":"
            + quoted(model())
            + ",";
  }

  @Override
  String name() {
    return "openai";
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
    return "";
  }

  @Override
  String delta(PartKind kind, String text) {
    String role = first ? "\"role\":\"assistant\"," : "";
    first = false;
    String field = kind == PartKind.TEXT ? "content" : "reasoning_content";
    return start
        + "\"choices\":[{\"index\":0,\"delta\":{"
        + role
        + "\""
        + field
        + "\":"
        + quoted(text)
        + "},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
  }

  /** Arguments come in two pieces, as they do from a model. */
  @Override
  String call(String tool, String input, boolean signed) {
    int half = input.length() / 2;
    int index = calls++;
    return calls(
            "{\"index\":"
                + index
                + ",\"id\":\"call_"
                + index
                + "\",\"type\":\"function\",\"function\":{\"name\":"
                + quoted(tool)
                + ",\"arguments\":\"\"}}")
        + piece(index, input.substring(0, half))
        + piece(index, input.substring(half));
  }

  private String piece(int index, String arguments) {
    return calls(
        "{\"index\":" + index + ",\"function\":{\"arguments\":" + quoted(arguments) + "}}");
  }

  private String calls(String call) {
    return start
        + "\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":["
        + call
        + "]},\"logprobs\":null,\"finish_reason\":null}]}\n\n";
  }

  @Override
  DemoScript.Rounds rounds() {
    JsonNode messages = body.path("messages");
    int count = 0;
    List<String> results = new ArrayList<>();
    for (int i = lastUser(messages, "content") + 1; i < messages.size(); i++) {
      if (messages.path(i).has("tool_calls")) {
        count++;
        results.clear();
      } else if (messages.path(i).path("role").asText().equals("tool")) {
        results.add(text(messages.path(i).path("content")));
      }
    }
    return new DemoScript.Rounds(count, results);
  }

  /** This wire has no signatures. */
  @Override
  boolean signatureCarried() {
    return true;
  }

  @Override
  String end(TokenUsage usage, FinishReason reason) {
    String finish =
        start
            + "\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\""
            + reason.wire()
            + "\"}]}\n\n";
    if (!body.path("stream_options").path("include_usage").asBoolean()) {
      return finish + "data: [DONE]\n\n";
    }
    return finish
        + start
        + "\"choices\":[],\"usage\":{\"prompt_tokens\":"
        + usage.input()
        + ",\"completion_tokens\":"
        + usage.output()
        + ",\"total_tokens\":"
        + (usage.input() + usage.output())
        + ",\"prompt_tokens_details\":{\"cached_tokens\":"
        + usage.cached()
        + "},\"completion_tokens_details\":{\"reasoning_tokens\":"
        + usage.reasoning()
        + "}}}\n\ndata: [DONE]\n\n";
  }

  @Override
  String error(int status, @Nullable Duration retryAfter) {
    return errorBody(status);
  }

  @Override
  String streamError(int status) {
    return "data: " + errorBody(status) + "\n\n";
  }

  @Override
  String garbage() {
    return start + "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"bro\n\n";
  }

  /** The body of both of OpenAI's wires. */
  static String errorBody(int status) {
    return "{\"error\":{\"message\":\"The fake provider fails with "
        + status
        + ".\",\"type\":\""
        + type(status)
        + "\",\"param\":null,\"code\":\""
        + code(status)
        + "\"}}";
  }

  static String code(int status) {
    return switch (status) {
      case 401 -> "invalid_api_key";
      case 429 -> "rate_limit_exceeded";
      case 503, 529 -> "overloaded";
      default -> status < 500 ? "invalid_request" : "server_error";
    };
  }

  private static String type(int status) {
    return switch (status) {
      case 401, 403 -> "authentication_error";
      case 429 -> "requests";
      default -> status < 500 ? "invalid_request_error" : "server_error";
    };
  }
}

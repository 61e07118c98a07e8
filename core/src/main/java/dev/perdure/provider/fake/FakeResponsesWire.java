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

/** OpenAI Responses; the whole reply comes once more in the last event. */
final class FakeResponsesWire extends FakeWire {
  private final JsonNode body;
  private final long id;
  private final StringBuilder said = new StringBuilder();
  private @Nullable PartKind kind;
  private int item = -1;
  private int sequence;

  FakeResponsesWire(JsonNode body, long id) {
    this.body = body;
    this.id = id;
  }

  @Override
  String name() {
    return "openai-responses";
  }

  @Override
  String model() {
    return body.path("model").asText("");
  }

  @Override
  JsonNode history() {
    return body.path("input");
  }

  @Override
  String prompt() {
    JsonNode input = body.path("input");
    return input.isTextual() ? input.asText() : lastOfUser(input, "content");
  }

  @Override
  String begin(TokenUsage usage) {
    return event("response.created", "\"response\":" + response("in_progress", "null", "null"))
        + event("response.in_progress", "\"response\":" + response("in_progress", "null", "null"));
  }

  @Override
  String delta(PartKind ofKind, String text) {
    StringBuilder frames = new StringBuilder();
    if (ofKind != kind) {
      frames.append(endItem());
      kind = ofKind;
      item++;
      frames.append(
          event(
              "response.output_item.added",
              "\"output_index\":" + item + ",\"item\":" + item("in_progress", "")));
      if (kind == PartKind.TEXT) {
        frames.append(event("response.content_part.added", place() + ",\"part\":" + part("")));
      }
    }
    if (kind == PartKind.TEXT) {
      said.append(text);
    }
    String type =
        kind == PartKind.TEXT
            ? "response.output_text.delta"
            : "response.reasoning_summary_text.delta";
    return frames.append(event(type, place() + ",\"delta\":" + quoted(text))).toString();
  }

  @Override
  String call(String tool, String input, boolean signed) {
    String ended = endItem();
    kind = null;
    item++;
    int half = input.length() / 2;
    return ended
        + event(
            "response.output_item.added",
            "\"output_index\":" + item + ",\"item\":" + functionCall(tool, "", "in_progress"))
        + piece(input.substring(0, half))
        + piece(input.substring(half))
        + event(
            "response.output_item.done",
            "\"output_index\":" + item + ",\"item\":" + functionCall(tool, input, "completed"));
  }

  private String functionCall(String tool, String input, String status) {
    return "{\"id\":\"fc_"
        + item
        + "\",\"type\":\"function_call\",\"status\":\""
        + status
        + "\",\"call_id\":\"call_"
        + item
        + "\",\"name\":"
        + quoted(tool)
        + ",\"arguments\":"
        + quoted(input)
        + "}";
  }

  private String piece(String arguments) {
    return event(
        "response.function_call_arguments.delta",
        "\"item_id\":\"fc_"
            + item
            + "\",\"output_index\":"
            + item
            + ",\"delta\":"
            + quoted(arguments));
  }

  @Override
  DemoScript.Rounds rounds() {
    JsonNode input = body.path("input");
    int count = 0;
    List<String> results = new ArrayList<>();
    boolean before = false;
    for (int i = lastUser(input, "content") + 1; i < input.size(); i++) {
      boolean result = input.path(i).path("type").asText().equals("function_call_output");
      if (result && !before) {
        count++;
        results.clear();
      }
      if (result) {
        results.add(input.path(i).path("output").asText());
      }
      before = result;
    }
    return new DemoScript.Rounds(count, results);
  }

  @Override
  boolean signatureCarried() {
    boolean carried = !encrypts();
    for (JsonNode one : body.path("input")) {
      carried |=
          one.path("type").asText().equals("reasoning")
              && one.path("encrypted_content").asText().equals(SIGNATURE);
    }
    return carried;
  }

  private boolean encrypts() {
    return body.path("include").path(0).asText().equals("reasoning.encrypted_content");
  }

  @Override
  String end(TokenUsage usage, FinishReason reason) {
    String ended = endItem();
    String counted =
        "{\"input_tokens\":"
            + usage.input()
            + ",\"input_tokens_details\":{\"cached_tokens\":"
            + usage.cached()
            + "},\"output_tokens\":"
            + usage.output()
            + ",\"output_tokens_details\":{\"reasoning_tokens\":"
            + usage.reasoning()
            + "},\"total_tokens\":"
            + (usage.input() + usage.output())
            + "}";
    return ended
        + switch (reason) {
          case STOP, TOOL_CALLS, OTHER ->
              event("response.completed", "\"response\":" + response("completed", counted, "null"));
          case LENGTH -> incomplete(counted, "max_output_tokens");
          case CONTENT_FILTER -> incomplete(counted, "content_filter");
        };
  }

  @Override
  String error(int status, @Nullable Duration retryAfter) {
    return FakeChatWire.errorBody(status);
  }

  @Override
  String streamError(int status) {
    return event(
        "error",
        "\"code\":\""
            + FakeChatWire.code(status)
            + "\",\"message\":\"The fake provider fails with "
            + status
            + ".\",\"param\":null");
  }

  @Override
  String garbage() {
    return "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.del\n\n";
  }

  private String incomplete(String usage, String reason) {
    return event(
        "response.incomplete",
        "\"response\":" + response("incomplete", usage, "{\"reason\":\"" + reason + "\"}"));
  }

  private String endItem() {
    if (kind == null) {
      return "";
    }
    String done = "";
    if (kind == PartKind.TEXT) {
      done =
          event("response.output_text.done", place() + ",\"text\":" + quoted(said.toString()))
              + event("response.content_part.done", place() + ",\"part\":" + part(said.toString()));
    }
    return done
        + event(
            "response.output_item.done",
            "\"output_index\":" + item + ",\"item\":" + item("completed", said.toString()));
  }

  private String place() {
    return "\"item_id\":\"item_"
        + id
        + "_"
        + item
        + "\",\"output_index\":"
        + item
        + (kind == PartKind.TEXT ? ",\"content_index\":0" : ",\"summary_index\":0");
  }

  private String item(String status, String text) {
    if (kind == PartKind.REASONING) {
      String encrypted = encrypts() ? ",\"encrypted_content\":\"" + SIGNATURE + "\"" : "";
      return "{\"id\":\"item_"
          + id
          + "_"
          + item
          + "\",\"type\":\"reasoning\",\"summary\":[]"
          + encrypted
          + "}";
    }
    return "{\"id\":\"item_"
        + id
        + "_"
        + item
        + "\",\"type\":\"message\",\"status\":\""
        + status
        + "\",\"role\":\"assistant\",\"content\":["
        + (text.isEmpty() ? "" : part(text))
        + "]}";
  }

  private static String part(String text) {
    return "{\"type\":\"output_text\",\"text\":" + quoted(text) + ",\"annotations\":[]}";
  }

  private String response(String status, String usage, String incomplete) {
    return "{\"id\":\"resp_"
        + id
        + "\",\"object\":\"response\",\"created_at\":1700000000,\"status\":\""
        + status
        + "\",\"error\":null,\"incomplete_details\":"
        + incomplete
        + ",\"model\":"
        + quoted(model())
        + ",\"output\":["
        + (said.isEmpty() ? "" : item("completed", said.toString()))
        + "],\"usage\":"
        + usage
        + "}";
  }

  private String event(String type, String fields) {
    return "event: "
        + type
        + "\ndata: {\"type\":\""
        + type
        + "\",\"sequence_number\":"
        + sequence++
        + ","
        + fields
        + "}\n\n";
  }
}

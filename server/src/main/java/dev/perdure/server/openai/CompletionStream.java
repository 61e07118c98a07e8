package dev.perdure.server.openai;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.LineBuffer;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.server.http.Projection;
import org.jspecify.annotations.Nullable;

/**
 * The first lane of a turn as chunks of a chat completion. Used by one thread.
 *
 * <p>This protocol can neither take back what was said nor go on with a stream that broke: an
 * attempt that voids text which was shown cuts the connection, as a vendor's own failure would.
 */
final class CompletionStream implements Projection {
  private final ResponseStream state;
  private final long from;
  private final boolean usageChunk;
  private boolean shown;
  private int textPart = -1;
  private int step = -1;

  /**
   * @param from the sequence number of the wait behind which the completion begins; -1 for the
   *     first one of its turn
   */
  CompletionStream(ResponseNote note, long from, boolean usageChunk) {
    this.state = new ResponseStream(note, from, Long.MAX_VALUE);
    this.from = from;
    this.usageChunk = usageChunk;
  }

  @Override
  public Then apply(long seq, TurnEvent event, Out out) {
    Then then = state.apply(seq, event, Out.NOWHERE);
    if (seq == Math.max(from, 0)) {
      chunk("{\"role\":\"assistant\",\"content\":\"\"}", null, out);
    }
    if (then == Then.END) {
      finish(out);
    }
    return seq <= from || then == Then.END ? then : text(event, out);
  }

  private Then text(TurnEvent event, Out out) {
    switch (event) {
      case AttemptStarted e -> {
        if (e.lane() == 0 && shown && e.step() <= step) {
          return Then.CUT;
        }
        step = e.lane() == 0 ? e.step() : step;
      }
      case PartStarted e ->
          textPart = e.lane() == 0 && e.kind() == PartKind.TEXT ? e.part() : textPart;
      case PartDelta e -> {
        if (e.lane() == 0 && e.part() == textPart) {
          shown = true;
          LineBuffer delta = new LineBuffer().raw("{\"content\":").quoted(e.text()).raw('}');
          chunk(new String(delta.take(), UTF_8), null, out);
        }
      }
      case TurnEvent.TurnEnded e -> finish(out);
      case TurnEvent.TurnAccepted e -> {}
      case TurnEvent.TurnScheduled e -> {}
      case TurnEvent.TurnStarted e -> {}
      case TurnEvent.PartEnded e -> {}
      case TurnEvent.SourceUsed e -> {}
      case TurnEvent.ToolCalled e -> {}
      case TurnEvent.StepEnded e -> {}
      case TurnEvent.ToolWaiting e -> {}
      case TurnEvent.ToolDecided e -> {}
      case TurnEvent.ToolReturned e -> {}
      case TurnEvent.ToolUndo e -> {}
      case TurnEvent.ContextCompacted e -> {}
      case TurnEvent.TurnWaiting e -> {}
      case TurnEvent.TurnResumed e -> {}
      case TurnEvent.UsageReported e -> {}
      case TurnEvent.Notice e -> {}
      case TurnEvent.LaneEnded e -> {}
      case TurnEvent.Unknown e -> {}
    }
    return Then.GO_ON;
  }

  private void finish(Out out) {
    ObjectNode response = state.response();
    switch (needsApproval(response) ? "" : response.path("status").textValue()) {
      case "completed", "incomplete" -> {
        ArrayNode calls = calls(response);
        if (!calls.isEmpty()) {
          for (int i = 0; i < calls.size(); i++) {
            ((ObjectNode) calls.get(i)).put("index", i);
          }
          chunk("{\"tool_calls\":" + Json.text(calls) + "}", null, out);
        }
        ArrayNode pages = Annotations.ofCompletion(response);
        if (!pages.isEmpty()) {
          chunk("{\"annotations\":" + Json.text(pages) + "}", null, out);
        }
        chunk("{}", finishReason(response), out);
        if (usageChunk) {
          ObjectNode last = head(response, "chat.completion.chunk");
          last.putArray("choices");
          last.set("usage", usage(response));
          out.data(bytes(last));
        }
      }
      default -> {
        ObjectNode error = Json.MAPPER.createObjectNode();
        error.set("error", OpenAiErrors.of(response));
        out.data(bytes(error));
      }
    }
    out.done();
  }

  private void chunk(String delta, @Nullable String finishReason, Out out) {
    LineBuffer json = new LineBuffer();
    json.raw("{\"id\":").quoted(completionId(state.id()));
    json.raw(",\"object\":\"chat.completion.chunk\",\"created\":");
    json.number(state.createdAt());
    json.raw(",\"model\":").quoted(state.model());
    json.raw(",\"choices\":[{\"index\":0,\"delta\":").json(delta).raw(",\"finish_reason\":");
    if (finishReason == null) {
      json.raw("null");
    } else {
      json.quoted(finishReason);
    }
    // A client that asked for the usage knows by the null that it is still to come.
    out.data(json.raw(usageChunk ? "}],\"usage\":null}" : "}]}").take());
  }

  /** The whole completion, once the turn is over. */
  static ObjectNode whole(ResponseStream state) {
    ObjectNode response = state.response();
    ObjectNode json = head(response, "chat.completion");
    ObjectNode choice = json.putArray("choices").addObject();
    choice.put("index", 0).put("finish_reason", finishReason(response)).putNull("logprobs");
    ArrayNode calls = calls(response);
    String text = text(response);
    ObjectNode message = choice.putObject("message").put("role", "assistant").putNull("refusal");
    message.put("content", text.isEmpty() && !calls.isEmpty() ? null : text);
    if (!calls.isEmpty()) {
      message.set("tool_calls", calls);
    }
    ArrayNode pages = Annotations.ofCompletion(response);
    if (!pages.isEmpty()) {
      message.set("annotations", pages);
    }
    json.set("usage", usage(response));
    return json;
  }

  /** The text of the reply. */
  private static String text(ObjectNode response) {
    StringBuilder whole = new StringBuilder();
    for (JsonNode item : response.path("output")) {
      if (item.path("type").asText().equals("message")) {
        item.path("content").forEach(content -> whole.append(content.path("text").textValue()));
      }
    }
    return whole.toString();
  }

  /** The calls of tools whose results the client is to send. */
  private static ArrayNode calls(ObjectNode response) {
    ArrayNode calls = Json.MAPPER.createArrayNode();
    for (JsonNode item : response.path("output")) {
      if (item.path("type").asText().equals("function_call")) {
        ObjectNode call = calls.addObject();
        call.put("id", item.path("call_id").textValue()).put("type", "function");
        call.putObject("function")
            .put("name", item.path("name").textValue())
            .put("arguments", item.path("arguments").textValue());
      }
    }
    return calls;
  }

  /** Whether somebody must agree to a call, which is more than this protocol can say. */
  static boolean needsApproval(JsonNode response) {
    for (JsonNode item : response.path("output")) {
      if (item.path("type").asText().equals("mcp_approval_request")) {
        return true;
      }
    }
    return false;
  }

  private static ObjectNode head(ObjectNode response, String object) {
    ObjectNode json = Json.MAPPER.createObjectNode();
    json.put("id", completionId(response.path("id").textValue())).put("object", object);
    json.put("created", response.path("created_at").longValue());
    return json.put("model", response.path("model").textValue());
  }

  private static String completionId(String id) {
    return "chatcmpl-" + id.substring(id.indexOf('_') + 1);
  }

  private static String finishReason(ObjectNode response) {
    return switch (response.path("incomplete_details").path("reason").asText()) {
      case "max_output_tokens" -> "length";
      case "content_filter" -> "content_filter";
      default -> calls(response).isEmpty() ? "stop" : "tool_calls";
    };
  }

  private static ObjectNode usage(ObjectNode response) {
    JsonNode counted = response.path("usage");
    ObjectNode usage = Json.MAPPER.createObjectNode();
    usage.put("prompt_tokens", counted.path("input_tokens").asLong());
    usage.put("completion_tokens", counted.path("output_tokens").asLong());
    usage.put("total_tokens", counted.path("total_tokens").asLong());
    usage
        .putObject("prompt_tokens_details")
        .put("cached_tokens", counted.at("/input_tokens_details/cached_tokens").asLong());
    usage
        .putObject("completion_tokens_details")
        .put("reasoning_tokens", counted.at("/output_tokens_details/reasoning_tokens").asLong());
    return usage;
  }

  private static byte[] bytes(ObjectNode json) {
    return Json.text(json).getBytes(UTF_8);
  }
}

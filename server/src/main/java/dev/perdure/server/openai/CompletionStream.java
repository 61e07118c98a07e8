package dev.perdure.server.openai;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.LineBuffer;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.server.http.FrameBuffer;
import dev.perdure.server.http.Projection;
import org.jspecify.annotations.Nullable;

/**
 * The first lane of a turn as chunks of a chat completion. Used by one thread.
 *
 * <p>This protocol can neither take back what was said nor go on with a stream that broke: an
 * attempt that voids text which was shown cuts the connection, as a vendor's own failure would.
 */
final class CompletionStream implements Projection {
  private static final byte[] DONE = "[DONE]".getBytes(US_ASCII);

  private final ResponseStream state;
  private final boolean usageChunk;
  private final FrameBuffer unused = new FrameBuffer();
  private boolean shown;
  private int textPart = -1;
  private int step = -1;

  CompletionStream(ResponseNote note, boolean usageChunk) {
    this.state = new ResponseStream(note, Long.MAX_VALUE);
    this.usageChunk = usageChunk;
  }

  @Override
  public boolean apply(long seq, TurnEvent event, FrameBuffer out) {
    boolean _ = state.apply(seq, event, unused);
    switch (event) {
      case TurnEvent.TurnAccepted e ->
          chunk("{\"role\":\"assistant\",\"content\":\"\"}", null, out);
      case AttemptStarted e -> {
        if (e.lane() == 0 && shown && e.step() <= step) {
          return false;
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
      case TurnEvent.TurnStarted e -> {}
      case TurnEvent.PartEnded e -> {}
      case TurnEvent.ToolCalled e -> {}
      case TurnEvent.StepEnded e -> {}
      case TurnEvent.ToolWaiting e -> {}
      case TurnEvent.ToolDecided e -> {}
      case TurnEvent.ToolReturned e -> {}
      case TurnEvent.ToolUndo e -> {}
      case TurnEvent.TurnWaiting e -> {}
      case TurnEvent.TurnResumed e -> {}
      case TurnEvent.UsageReported e -> {}
      case TurnEvent.Notice e -> {}
      case TurnEvent.LaneEnded e -> {}
      case TurnEvent.Unknown e -> {}
    }
    return true;
  }

  private void finish(FrameBuffer out) {
    ObjectNode response = state.response();
    switch (response.path("status").textValue()) {
      case "completed", "incomplete" -> {
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
    out.data(DONE);
  }

  private void chunk(String delta, @Nullable String finishReason, FrameBuffer out) {
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
    out.data(json.raw("}]}").take());
  }

  /** The whole completion, once the turn is over. */
  static ObjectNode whole(ResponseStream state) {
    ObjectNode response = state.response();
    ObjectNode json = head(response, "chat.completion");
    ObjectNode choice = json.putArray("choices").addObject();
    choice.put("index", 0).put("finish_reason", finishReason(response)).putNull("logprobs");
    choice
        .putObject("message")
        .put("role", "assistant")
        .put("content", state.outputText())
        .putNull("refusal");
    json.set("usage", usage(response));
    return json;
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
      default -> "stop";
    };
  }

  private static ObjectNode usage(ObjectNode response) {
    ObjectNode usage = Json.MAPPER.createObjectNode();
    usage.put("prompt_tokens", response.path("usage").path("input_tokens").asLong());
    usage.put("completion_tokens", response.path("usage").path("output_tokens").asLong());
    return usage.put("total_tokens", response.path("usage").path("total_tokens").asLong());
  }

  private static byte[] bytes(ObjectNode json) {
    return Json.text(json).getBytes(UTF_8);
  }
}

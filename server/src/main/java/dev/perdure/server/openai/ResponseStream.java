package dev.perdure.server.openai;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.LineBuffer;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.ContextCompacted;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.PartEnded;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.protocol.TurnEvent.SourceUsed;
import dev.perdure.protocol.TurnEvent.StepEnded;
import dev.perdure.protocol.TurnEvent.ToolCalled;
import dev.perdure.protocol.TurnEvent.ToolDecided;
import dev.perdure.protocol.TurnEvent.ToolReturned;
import dev.perdure.protocol.TurnEvent.ToolUndo;
import dev.perdure.protocol.TurnEvent.ToolWaiting;
import dev.perdure.protocol.TurnEvent.TurnAccepted;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEvent.TurnResumed;
import dev.perdure.protocol.TurnEvent.TurnScheduled;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import dev.perdure.protocol.TurnEvent.TurnWaiting;
import dev.perdure.protocol.TurnEvent.Unknown;
import dev.perdure.protocol.TurnEvent.UsageReported;
import dev.perdure.protocol.TurnState;
import dev.perdure.server.http.KnownLog;
import dev.perdure.server.http.Projection;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The first lane of a turn as the events of the Responses API, numbered densely from 0, and the
 * response that they amount to. Used by one thread.
 *
 * <pre>
 *   turn.accepted                 response.created, response.queued in the background
 *   turn.started, the first       response.in_progress
 *   part.started                  output_item.added where an item begins, content_part.added
 *   part.delta                    output_text.delta, reasoning_text.delta
 *   part.ended                    output_text.done or reasoning_text.done, content_part.done;
 *                                 output_text.annotation.added before them, for each source so far
 *   attempt.started that voids    output_item.done of the open item: incomplete, without content
 *   tool.waiting, tool.returned   an item of its own, whole at once; see ToolItems
 *   turn.waiting for somebody     response.completed: the client speaks next
 *   turn.ended                    output_item.done, then response.completed, .incomplete, .failed;
 *                                 nothing of a cancelled one, as the API has no event for it
 * </pre>
 *
 * <p>A turn that waits for somebody is a response up to there, and another one from there on:
 * {@code resp_X} up to the first wait, {@code resp_X_N} behind the wait of the sequence number N.
 *
 * <p>Items of an attempt that failed keep their place, and the next attempt's items come behind
 * them, so no number is ever given twice; the finished response lists only what counts.
 */
final class ResponseStream implements Projection {
  private static final int LANE = 0;
  private static final long MILLIS = 1000;

  private final ResponseNote note;
  private final long from;
  private final long startingAfter;
  private final ToolItems tools = new ToolItems();
  private final Annotations annotations = new Annotations();
  private final ArrayNode output = Json.MAPPER.createArrayNode();
  private String turn = "";
  private String id = "";
  private @Nullable String previous;
  private boolean over;
  private long pauseMillis;
  private String model = "";
  private String messageId = "";
  private String status = "in_progress";
  private long createdAt;
  private @Nullable Long completedAt;
  private @Nullable TurnError error;
  private @Nullable FinishReason finish;
  private @Nullable LaneEnded end;
  private TokenUsage usage = TokenUsage.ZERO;
  private boolean started;
  private boolean counted;
  private long sequence;

  private int step = -1;
  private int kept;
  private int nextIndex;
  private @Nullable ObjectNode item;
  private int itemIndex;
  private int part = -1;
  private final StringBuilder text = new StringBuilder();

  /**
   * @param from the sequence number of the wait behind which the response begins; -1 for the first
   *     response of its turn
   * @param startingAfter only events with a greater number are written; -1 for all
   */
  ResponseStream(ResponseNote note, long from, long startingAfter) {
    this.note = note;
    this.from = from;
    this.startingAfter = startingAfter;
    this.previous = note.previous();
  }

  static String responseId(String turn, long from) {
    return "resp_" + turn.substring(turn.indexOf('_') + 1) + (from < 0 ? "" : "_" + from);
  }

  @Override
  public Then apply(long seq, TurnEvent event, Out out) {
    if (over) {
      return Then.END;
    }
    annotations.hear(event);
    if (seq <= from) {
      annotations.passOver(event);
      before(seq, event, out);
      return Then.GO_ON;
    }
    switch (event) {
      case TurnAccepted e -> accepted(e, out);
      case TurnScheduled e -> {}
      case TurnStarted e -> started(out);
      case AttemptStarted e -> {
        if (e.lane() == LANE) {
          begin(e, out);
        }
      }
      case PartStarted e -> {
        if (e.lane() == LANE) {
          beginPart(e, out);
        }
      }
      case PartDelta e -> {
        if (e.lane() == LANE && e.part() == part) {
          delta(e.text(), out);
        }
      }
      case PartEnded e -> {
        if (e.lane() == LANE && e.part() == part) {
          endPart(out);
        }
      }
      case UsageReported e -> {
        if (e.lane() == LANE) {
          usage = usage.plus(e.usage());
          counted = true;
        }
      }
      case LaneEnded e -> end = e.lane() == LANE ? e : end;
      case TurnEnded e -> finish(e, out);
      case ToolCalled e -> called(e);
      case StepEnded e -> {
        if (e.lane() == LANE) {
          closeItem("completed", out);
        }
      }
      case ToolWaiting e -> tools.waiting(e).ifPresent(item -> tool(item, out));
      case ToolReturned e -> tools.returned(e).ifPresent(item -> tool(item, out));
      case TurnWaiting e -> {
        waiting(e, out);
        return over ? Then.END : Then.GO_ON;
      }
      case TurnResumed _ -> pauseMillis = 0;
      case SourceUsed _, ToolDecided _, ToolUndo _, ContextCompacted _, Notice _, Unknown _ -> {}
    }
    return Then.GO_ON;
  }

  private void waiting(TurnWaiting event, Out out) {
    Long until = event.untilMillis();
    pauseMillis = until == null ? Long.MAX_VALUE : until - event.atMillis();
    over = KnownLog.forSomebody(event.waitsFor());
    if (over) {
      finish(end == null ? LaneState.COMPLETED : end.state(), null, event.atMillis(), out);
    }
  }

  /** What is to be known of the responses of the turn before this one. */
  private void before(long seq, TurnEvent event, Out out) {
    if (event instanceof TurnAccepted e) {
      names(e);
    } else if (event instanceof AttemptStarted e && e.lane() == LANE) {
      model = e.model();
      step = e.step();
      end = null;
    } else if (event instanceof LaneEnded e && e.lane() == LANE) {
      end = e;
    } else if (event instanceof ToolCalled e) {
      called(e);
    } else if (event instanceof ToolWaiting e) {
      Optional<ObjectNode> _ = tools.waiting(e);
    } else if (event instanceof TurnWaiting e && KnownLog.forSomebody(e.waitsFor())) {
      previous = id;
      id = responseId(turn, seq);
      if (seq == from) {
        created(e.atMillis(), out);
      }
    }
  }

  private void called(ToolCalled event) {
    if (event.lane() == LANE) {
      tools.called(event);
    }
  }

  private void names(TurnAccepted event) {
    turn = event.turn();
    id = responseId(turn, -1);
    model = event.lanes().getFirst().model();
    messageId = event.lanes().getFirst().message();
  }

  private void accepted(TurnAccepted event, Out out) {
    names(event);
    created(event.atMillis(), out);
  }

  private void created(long atMillis, Out out) {
    createdAt = atMillis / MILLIS;
    status = note.background() ? "queued" : "in_progress";
    lifecycle("response.created", out);
    if (note.background()) {
      lifecycle("response.queued", out);
    }
  }

  private void started(Out out) {
    if (!started) {
      started = true;
      status = "in_progress";
      lifecycle("response.in_progress", out);
    }
  }

  private void begin(AttemptStarted event, Out out) {
    model = event.model();
    end = null;
    if (event.step() > step) {
      closeItem("completed", out);
      kept = output.size();
    } else {
      part = -1;
      text.setLength(0);
      if (item != null) {
        item.putArray("content");
        closeItem("incomplete", out);
      }
      // A retry of a whole lane begins at its first step again.
      kept = event.step() < step ? 0 : kept;
      while (output.size() > kept) {
        output.remove(output.size() - 1);
      }
    }
    step = event.step();
  }

  private void beginPart(PartStarted event, Out out) {
    String type = event.kind() == PartKind.TEXT ? "message" : "reasoning";
    if (item != null && !item.path("type").textValue().equals(type)) {
      closeItem("completed", out);
    }
    if (item == null) {
      openItem(type, out);
    }
    part = event.part();
    text.setLength(0);
    LineBuffer json = event("response.content_part.added");
    place(json, true).raw(",\"part\":").json(Json.text(Shapes.content(event.kind(), "")));
    write("response.content_part.added", json, out);
  }

  private void openItem(String type, Out out) {
    ObjectNode fresh = Json.MAPPER.createObjectNode();
    itemIndex = nextIndex++;
    boolean message = type.equals("message");
    String base = messageId.substring(messageId.indexOf('_') + 1);
    String part = from < 0 ? "" : "_" + from;
    String number = from < 0 && itemIndex == 0 ? "" : "_" + itemIndex;
    fresh.put("id", (message ? "msg_" : "rs_") + base + part + number);
    fresh.put("type", type).put("status", "in_progress");
    if (message) {
      fresh.put("role", "assistant");
    } else {
      fresh.putArray("summary");
    }
    fresh.putArray("content");
    item = fresh;
    output.add(fresh);
    item("response.output_item.added", out);
  }

  private void delta(String more, Out out) {
    text.append(more);
    String type = isMessage() ? "response.output_text.delta" : "response.reasoning_text.delta";
    LineBuffer json = place(event(type), true).raw(",\"delta\":").quoted(more);
    if (isMessage()) {
      json.raw(",\"logprobs\":[]");
    }
    write(type, json, out);
  }

  private void endPart(Out out) {
    String whole = text.toString();
    ObjectNode content = Shapes.content(isMessage() ? PartKind.TEXT : PartKind.REASONING, whole);
    if (isMessage()) {
      content.set("annotations", annotate(whole, out));
    }
    String type = isMessage() ? "response.output_text.done" : "response.reasoning_text.done";
    LineBuffer json = place(event(type), true).raw(",\"text\":").quoted(whole);
    if (isMessage()) {
      json.raw(",\"logprobs\":[]");
    }
    write(type, json, out);
    json = place(event("response.content_part.done"), true).raw(",\"part\":");
    write("response.content_part.done", raw(json, content), out);
    contents().add(content);
    part = -1;
    text.setLength(0);
  }

  private ArrayNode annotate(String whole, Out out) {
    String type = "response.output_text.annotation.added";
    ArrayNode all = annotations.take(whole);
    for (int i = 0; i < all.size(); i++) {
      LineBuffer json = place(event(type), true).raw(",\"annotation_index\":").number(i);
      write(type, raw(json.raw(",\"annotation\":"), (ObjectNode) all.get(i)), out);
    }
    return all;
  }

  private boolean isMessage() {
    return item != null && item.path("type").textValue().equals("message");
  }

  private ArrayNode contents() {
    return item == null ? Json.MAPPER.createArrayNode() : (ArrayNode) item.get("content");
  }

  private void closeItem(String how, Out out) {
    if (item != null) {
      if (part >= 0) {
        endPart(out);
      }
      item.put("status", how);
      item("response.output_item.done", out);
      item = null;
    }
  }

  /** An item of a call, told from its beginning to its end. */
  private void tool(ObjectNode whole, Out out) {
    closeItem("completed", out);
    itemIndex = nextIndex++;
    item = ToolItems.begun(whole);
    item("response.output_item.added", out);
    for (ToolItems.Told told : ToolItems.between(whole)) {
      LineBuffer json = event(told.type()).raw(",\"item_id\":");
      json.quoted(whole.path("id").textValue()).raw(",\"output_index\":").number(itemIndex);
      told.more()
          .forEach(more -> json.raw(",\"").raw(more.getKey()).raw("\":").quoted(more.getValue()));
      write(told.type(), json, out);
    }
    item = whole;
    output.add(whole);
    item("response.output_item.done", out);
    item = null;
  }

  private void finish(TurnEnded event, Out out) {
    LaneState otherwise =
        event.state() == TurnState.CANCELLED ? LaneState.CANCELLED : LaneState.FAILED;
    finish(end == null ? otherwise : end.state(), event.error(), event.atMillis(), out);
  }

  private void finish(LaneState state, @Nullable TurnError otherwise, long atMillis, Out out) {
    completedAt = atMillis / MILLIS;
    finish = end == null ? null : end.finish();
    switch (state) {
      case COMPLETED -> {
        boolean whole = finish != FinishReason.LENGTH && finish != FinishReason.CONTENT_FILTER;
        closeItem(whole ? "completed" : "incomplete", out);
        status = whole ? "completed" : "incomplete";
        lifecycle("response." + status, out);
      }
      case CANCELLED -> {
        closeItem("incomplete", out);
        status = "cancelled";
      }
      case FAILED, PENDING, STREAMING, WAITING -> {
        error = end != null && end.error() != null ? end.error() : otherwise;
        closeItem("incomplete", out);
        status = "failed";
        lifecycle("response.failed", out);
      }
    }
  }

  /** Whether the response is whole because somebody else is to speak. */
  boolean over() {
    return over;
  }

  /** How long the turn waits, or has waited for somebody; zero if it does not. */
  long pauseMillis() {
    return pauseMillis;
  }

  String id() {
    return id;
  }

  String model() {
    return model;
  }

  long createdAt() {
    return createdAt;
  }

  ObjectNode response() {
    ObjectNode json = Json.MAPPER.createObjectNode();
    json.put("id", id).put("object", "response").put("created_at", createdAt);
    json.put("status", status).put("completed_at", status.equals("completed") ? completedAt : null);
    Shapes.fault(json, status, error, finish);
    json.set("output", output());
    json.put("model", model).put("previous_response_id", previous);
    json.put("instructions", note.instructions());
    Shapes.asked(json, note);
    if (counted && completedAt != null) {
      Shapes.usage(json.putObject("usage"), usage);
    } else {
      json.putNull("usage");
    }
    return json;
  }

  /** The items as they stand, with the text so far of the one that is being written. */
  private ArrayNode output() {
    ArrayNode now = output.deepCopy();
    if (part >= 0 && item != null) {
      ObjectNode open = (ObjectNode) now.get(now.size() - 1);
      PartKind kind = isMessage() ? PartKind.TEXT : PartKind.REASONING;
      ((ArrayNode) open.get("content")).add(Shapes.content(kind, text.toString()));
    }
    return now;
  }

  private LineBuffer event(String type) {
    return new LineBuffer()
        .raw("{\"type\":\"")
        .raw(type)
        .raw("\",\"sequence_number\":")
        .number(sequence);
  }

  /** Where in the output: the open item, and its part if so said. */
  private LineBuffer place(LineBuffer json, boolean withPart) {
    if (item != null && withPart) {
      json.raw(",\"item_id\":").quoted(item.path("id").textValue());
    }
    json.raw(",\"output_index\":").number(itemIndex);
    return withPart ? json.raw(",\"content_index\":").number(contents().size()) : json;
  }

  private void item(String type, Out out) {
    ObjectNode now = item == null ? Json.MAPPER.createObjectNode() : item;
    write(type, raw(place(event(type), false).raw(",\"item\":"), now), out);
  }

  private void lifecycle(String type, Out out) {
    write(type, raw(event(type).raw(",\"response\":"), response()), out);
  }

  private static LineBuffer raw(LineBuffer json, ObjectNode value) {
    return json.json(Json.text(value));
  }

  private void write(String type, LineBuffer json, Out out) {
    if (sequence++ > startingAfter) {
      out.passing(type, json.raw('}').take());
    }
  }
}

package dev.perdure.protocol;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.ContextCompacted;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnEvent.LaneRef;
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
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An event as one line of JSON, without the line feed:
 *
 * <pre>{"seq":7,"type":"part.delta","lane":0,"attempt":1,"part":0,"text":"Hel"}</pre>
 *
 * The line is stored, sent and cached as these bytes; it holds no raw CR or LF, because JSON
 * escapes them. Members that are null are left out. Stateless and thread-safe.
 */
public final class TurnEventCodec {
  private TurnEventCodec() {}

  /** A decoded line. */
  public record Line(long seq, TurnEvent event) {}

  /** The line of JSON, in UTF-8, without the line feed. */
  public static byte[] encode(long seq, TurnEvent event) {
    LineBuffer out = new LineBuffer();
    write(out, seq, event);
    return out.take();
  }

  /** Appends the line of JSON, without the line feed. */
  public static void write(LineBuffer out, long seq, TurnEvent event) {
    out.raw("{\"seq\":").number(seq).raw(",\"type\":\"").raw(type(event)).raw('"');
    writeBody(out, event);
    out.raw('}');
  }

  /** The value of {@code type} on the wire. */
  public static String type(TurnEvent event) {
    return switch (event) {
      case TurnAccepted e -> "turn.accepted";
      case TurnScheduled e -> "turn.scheduled";
      case TurnStarted e -> "turn.started";
      case AttemptStarted e -> "attempt.started";
      case PartStarted e -> "part.started";
      case PartDelta e -> "part.delta";
      case PartEnded e -> "part.ended";
      case SourceUsed e -> "source";
      case ToolCalled e -> "tool.called";
      case StepEnded e -> "step.ended";
      case ToolWaiting e -> "tool.waiting";
      case ToolDecided e -> "tool.decided";
      case ToolReturned e -> "tool.returned";
      case ToolUndo e -> "tool.undo";
      case TurnWaiting e -> "turn.waiting";
      case TurnResumed e -> "turn.resumed";
      case ContextCompacted e -> "context.compacted";
      case UsageReported e -> "usage";
      case Notice e -> "notice";
      case LaneEnded e -> "lane.ended";
      case TurnEnded e -> "turn.ended";
      case Unknown e -> e.type();
    };
  }

  private static void writeBody(LineBuffer out, TurnEvent event) {
    switch (event) {
      case TurnAccepted e -> writeAccepted(out, e);
      case TurnScheduled e ->
          out.raw(",\"notBefore\":")
              .number(e.notBeforeMillis())
              .raw(",\"at\":")
              .number(e.atMillis());
      case TurnStarted e ->
          out.raw(",\"epoch\":").number(e.epoch()).raw(",\"at\":").number(e.atMillis());
      case AttemptStarted e -> {
        out.raw(",\"lane\":").number(e.lane()).raw(",\"step\":").number(e.step());
        out.raw(",\"attempt\":").number(e.attempt()).raw(",\"model\":").quoted(e.model());
        if (e.reason() != null) {
          out.raw(",\"reason\":").quoted(e.reason());
        }
      }
      case PartStarted e ->
          writePlace(out, e.lane(), e.attempt(), e.part())
              .raw(",\"kind\":")
              .quoted(e.kind().wire());
      case PartDelta e ->
          writePlace(out, e.lane(), e.attempt(), e.part()).raw(",\"text\":").quoted(e.text());
      case PartEnded e -> writePlace(out, e.lane(), e.attempt(), e.part());
      case SourceUsed e -> writeSource(out, e);
      case ToolCalled e -> writeCalled(out, e);
      case StepEnded e -> writeStep(out, e);
      case ToolWaiting e -> writeWaiting(out, e);
      case ToolDecided e -> writeDecided(out, e);
      case ToolReturned e -> writeReturned(out, e);
      case ToolUndo e -> writeCall(out, e.lane(), e.call());
      case TurnWaiting e -> writeTurnWaiting(out, e);
      case TurnResumed e -> out.raw(",\"at\":").number(e.atMillis());
      case ContextCompacted e -> writeCompacted(out, e);
      case UsageReported e -> {
        out.raw(",\"lane\":").number(e.lane()).raw(",\"attempt\":").number(e.attempt());
        writeUsage(out, e.usage());
      }
      case Notice e -> {
        if (e.lane() != null) {
          out.raw(",\"lane\":").number(e.lane());
        }
        out.raw(",\"code\":").quoted(e.code()).raw(",\"text\":").quoted(e.text());
      }
      case LaneEnded e -> {
        out.raw(",\"lane\":").number(e.lane()).raw(",\"state\":").quoted(e.state().wire());
        if (e.finish() != null) {
          out.raw(",\"finish\":").quoted(e.finish().wire());
        }
        writeError(out, e.error());
      }
      case TurnEnded e -> {
        out.raw(",\"state\":").quoted(e.state().wire());
        writeError(out, e.error());
        out.raw(",\"digest\":").quoted(e.digest()).raw(",\"at\":").number(e.atMillis());
      }
      case Unknown e ->
          throw new IllegalArgumentException("An unknown event is never written: " + e.type());
    }
  }

  private static void writeAccepted(LineBuffer out, TurnAccepted event) {
    out.raw(",\"turn\":").quoted(event.turn()).raw(",\"session\":").quoted(event.session());
    out.raw(",\"userMessage\":").quoted(event.userMessage()).raw(",\"lanes\":[");
    char before = ' ';
    for (LaneRef lane : event.lanes()) {
      if (before == ',') {
        out.raw(',');
      }
      before = ',';
      out.raw("{\"lane\":").number(lane.lane()).raw(",\"message\":").quoted(lane.message());
      out.raw(",\"model\":").quoted(lane.model()).raw('}');
    }
    out.raw("],\"at\":").number(event.atMillis());
  }

  private static void writeCompacted(LineBuffer out, ContextCompacted e) {
    out.raw(",\"lane\":").number(e.lane()).raw(",\"summary\":").quoted(e.summary());
    out.raw(",\"model\":").quoted(e.model()).raw(",\"upTo\":").quoted(e.upTo());
    out.raw(",\"messages\":").number(e.messages());
  }

  private static void writeSource(LineBuffer out, SourceUsed e) {
    Source source = e.source();
    out.raw(",\"lane\":").number(e.lane()).raw(",\"attempt\":").number(e.attempt());
    out.raw(",\"source\":").number(e.number()).raw(",\"kind\":").quoted(source.kind());
    out.raw(",\"title\":").quoted(source.title());
    if (source.url() != null) {
      out.raw(",\"url\":").quoted(source.url());
      return;
    }
    out.raw(",\"document\":").quoted(String.valueOf(source.document()));
    out.raw(",\"mediaType\":").quoted(String.valueOf(source.mediaType())).raw(",\"pieces\":[");
    for (int i = 0; i < source.pieces().size(); i++) {
      out.raw(i == 0 ? "" : ",").number(source.pieces().get(i));
    }
    out.raw("]");
  }

  private static void writeStep(LineBuffer out, StepEnded e) {
    out.raw(",\"lane\":").number(e.lane()).raw(",\"step\":").number(e.step());
    out.raw(",\"attempt\":").number(e.attempt());
    out.raw(",\"finish\":").quoted(e.finish().wire());
    if (e.carried() != null) {
      out.raw(",\"carried\":").json(e.carried());
    }
  }

  private static void writeDecided(LineBuffer out, ToolDecided e) {
    writeCall(out, e.lane(), e.call()).raw(",\"decision\":").quoted(e.decision().wire());
    if (e.reason() != null) {
      out.raw(",\"reason\":").quoted(e.reason());
    }
  }

  private static void writeReturned(LineBuffer out, ToolReturned e) {
    writeCall(out, e.lane(), e.call());
    if (e.output() != null) {
      out.raw(",\"output\":").json(e.output());
    }
    writeError(out, e.error());
  }

  private static LineBuffer writeCall(LineBuffer out, int lane, String call) {
    return out.raw(",\"lane\":").number(lane).raw(",\"call\":").quoted(call);
  }

  private static void writeCalled(LineBuffer out, ToolCalled e) {
    out.raw(",\"lane\":").number(e.lane()).raw(",\"attempt\":").number(e.attempt());
    out.raw(",\"call\":").quoted(e.call()).raw(",\"tool\":").quoted(e.tool());
    out.raw(",\"input\":").json(e.input());
    if (e.ref() != null) {
      out.raw(",\"ref\":").quoted(e.ref());
    }
    if (e.replaces() != null) {
      out.raw(",\"replaces\":").quoted(e.replaces());
    }
  }

  private static void writeWaiting(LineBuffer out, ToolWaiting e) {
    writeCall(out, e.lane(), e.call()).raw(",\"for\":").quoted(e.waitsFor().wire());
    if (e.inputHash() != null) {
      out.raw(",\"inputHash\":").quoted(e.inputHash());
    }
    if (e.untilMillis() != null) {
      out.raw(",\"until\":").number(e.untilMillis());
    }
  }

  private static void writeTurnWaiting(LineBuffer out, TurnWaiting e) {
    out.raw(",\"for\":[");
    for (int i = 0; i < e.waitsFor().size(); i++) {
      out.raw(i == 0 ? "" : ",").quoted(e.waitsFor().get(i).wire());
    }
    out.raw("]");
    if (e.untilMillis() != null) {
      out.raw(",\"until\":").number(e.untilMillis());
    }
    out.raw(",\"at\":").number(e.atMillis());
  }

  private static LineBuffer writePlace(LineBuffer out, int lane, int attempt, int part) {
    return out.raw(",\"lane\":")
        .number(lane)
        .raw(",\"attempt\":")
        .number(attempt)
        .raw(",\"part\":")
        .number(part);
  }

  private static void writeUsage(LineBuffer out, TokenUsage usage) {
    out.raw(",\"input\":").number(usage.input()).raw(",\"output\":").number(usage.output());
    out.raw(",\"reasoning\":").number(usage.reasoning());
    out.raw(",\"cached\":").number(usage.cached());
  }

  private static void writeError(LineBuffer out, @Nullable TurnError error) {
    if (error != null) {
      out.raw(",\"error\":{\"code\":").quoted(error.code());
      out.raw(",\"text\":").quoted(error.text());
      out.raw(",\"retryable\":").raw(error.retryable() ? "true}" : "false}");
    }
  }

  /**
   * Reads a line that Perdure wrote.
   *
   * @throws PerdureException {@code INTERNAL} if it is not one: the log is damaged
   */
  public static Line decode(byte[] bytes, int from, int length) {
    @Nullable Line delta = DeltaLine.read(bytes, from, from + length);
    if (delta != null) {
      return delta;
    }
    try {
      JsonNode json = Json.MAPPER.readTree(bytes, from, length);
      return new Line(json.required("seq").longValue(), event(json));
    } catch (IOException | IllegalArgumentException e) {
      throw new PerdureException(
          ErrorCode.INTERNAL, "A line of the log cannot be read; the database is damaged.", e);
    }
  }

  private static TurnEvent event(JsonNode json) {
    String type = json.required("type").textValue();
    return switch (type) {
      case "turn.accepted" ->
          new TurnAccepted(
              text(json, "turn"),
              text(json, "session"),
              text(json, "userMessage"),
              lanes(json.required("lanes")),
              json.required("at").longValue());
      case "turn.started" ->
          new TurnStarted(json.required("epoch").longValue(), json.required("at").longValue());
      case "attempt.started" ->
          new AttemptStarted(
              number(json, "lane"),
              number(json, "step"),
              number(json, "attempt"),
              text(json, "model"),
              textOrNull(json, "reason"));
      case "part.started" ->
          new PartStarted(
              number(json, "lane"),
              number(json, "attempt"),
              number(json, "part"),
              PartKind.of(text(json, "kind")));
      case "part.delta" ->
          new PartDelta(
              number(json, "lane"),
              number(json, "attempt"),
              number(json, "part"),
              text(json, "text"));
      case "part.ended" ->
          new PartEnded(number(json, "lane"), number(json, "attempt"), number(json, "part"));
      case "usage" -> new UsageReported(number(json, "lane"), number(json, "attempt"), usage(json));
      case "turn.scheduled", "turn.waiting", "turn.resumed" -> waitOf(type, json);
      case "notice" ->
          new Notice(
              text(json, "code"),
              text(json, "text"),
              json.has("lane") ? Integer.valueOf(number(json, "lane")) : null);
      case "lane.ended" -> {
        String finish = textOrNull(json, "finish");
        yield new LaneEnded(
            number(json, "lane"),
            LaneState.of(text(json, "state")),
            finish == null ? null : FinishReason.of(finish),
            error(json));
      }
      case "turn.ended" ->
          new TurnEnded(
              TurnState.of(text(json, "state")),
              error(json),
              text(json, "digest"),
              json.required("at").longValue());
      default ->
          type.equals("step.ended") || type.startsWith("tool.")
              ? toolEvent(type, json)
              : contextEvent(type, json);
    };
  }

  private static TurnEvent contextEvent(String type, JsonNode json) {
    if (type.equals("source")) {
      return source(type, json);
    }
    return type.equals("context.compacted")
        ? new ContextCompacted(
            number(json, "lane"),
            text(json, "summary"),
            text(json, "model"),
            text(json, "upTo"),
            number(json, "messages"))
        : new Unknown(type);
  }

  /** A kind of a newer version is passed over, as its own type would be. */
  private static TurnEvent source(String type, JsonNode json) {
    String kind = text(json, "kind");
    boolean document = kind.equals(Source.DOCUMENT);
    if (!document && !kind.equals(Source.URL)) {
      return new Unknown(type);
    }
    List<Integer> pieces = new ArrayList<>();
    json.path("pieces").forEach(piece -> pieces.add(piece.intValue()));
    return new SourceUsed(
        number(json, "lane"),
        number(json, "attempt"),
        number(json, "source"),
        new Source(
            text(json, "title"),
            document ? null : text(json, "url"),
            document ? text(json, "document") : null,
            document ? text(json, "mediaType") : null,
            pieces));
  }

  private static TurnEvent waitOf(String type, JsonNode json) {
    long at = json.required("at").longValue();
    if (type.equals("turn.scheduled")) {
      return new TurnScheduled(json.required("notBefore").longValue(), at);
    }
    if (type.equals("turn.resumed")) {
      return new TurnResumed(at);
    }
    List<WaitFor> waitsFor = new ArrayList<>();
    json.required("for").forEach(one -> waitsFor.add(WaitFor.of(one.textValue())));
    return new TurnWaiting(waitsFor, timeOrNull(json, "until"), at);
  }

  private static TurnEvent toolEvent(String type, JsonNode json) {
    // The fold knows no lane -1.
    int lane = json.path("lane").asInt(-1);
    return switch (type) {
      case "step.ended" ->
          new StepEnded(
              lane,
              number(json, "step"),
              number(json, "attempt"),
              FinishReason.of(text(json, "finish")),
              json.has("carried") ? Json.text(json.get("carried")) : null);
      case "tool.called" ->
          new ToolCalled(
              lane,
              number(json, "attempt"),
              text(json, "call"),
              text(json, "tool"),
              Json.text(json.required("input")),
              textOrNull(json, "ref"),
              textOrNull(json, "replaces"));
      case "tool.waiting" ->
          new ToolWaiting(
              lane,
              text(json, "call"),
              WaitFor.of(text(json, "for")),
              textOrNull(json, "inputHash"),
              timeOrNull(json, "until"));
      case "tool.decided" ->
          new ToolDecided(
              lane,
              text(json, "call"),
              Decision.of(text(json, "decision")),
              textOrNull(json, "reason"));
      case "tool.returned" ->
          new ToolReturned(
              lane,
              text(json, "call"),
              json.has("output") ? Json.text(json.get("output")) : null,
              error(json));
      case "tool.undo" -> new ToolUndo(lane, text(json, "call"));
      default -> new Unknown(type);
    };
  }

  private static @Nullable Long timeOrNull(JsonNode json, String name) {
    return json.has(name) ? Long.valueOf(json.get(name).longValue()) : null;
  }

  private static List<LaneRef> lanes(JsonNode array) {
    List<LaneRef> lanes = new ArrayList<>();
    for (JsonNode lane : array) {
      lanes.add(new LaneRef(number(lane, "lane"), text(lane, "message"), text(lane, "model")));
    }
    return lanes;
  }

  /** Reads the four counts from members of an object. */
  private static TokenUsage usage(JsonNode json) {
    return new TokenUsage(
        json.required("input").longValue(),
        json.required("output").longValue(),
        json.required("reasoning").longValue(),
        json.required("cached").longValue());
  }

  private static @Nullable TurnError error(JsonNode json) {
    JsonNode error = json.get("error");
    return error == null ? null : errorOf(error);
  }

  private static TurnError errorOf(JsonNode error) {
    return new TurnError(
        text(error, "code"), text(error, "text"), error.required("retryable").booleanValue());
  }

  private static String text(JsonNode json, String name) {
    return json.required(name).textValue();
  }

  private static @Nullable String textOrNull(JsonNode json, String name) {
    JsonNode value = json.get(name);
    return value == null ? null : value.textValue();
  }

  private static int number(JsonNode json, String name) {
    return json.required(name).intValue();
  }
}

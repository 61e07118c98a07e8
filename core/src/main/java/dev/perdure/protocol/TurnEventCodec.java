package dev.perdure.protocol;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.ByteArrayBuilder;
import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnEvent.LaneRef;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.PartEnded;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.protocol.TurnEvent.TurnAccepted;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEvent.TurnStarted;
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
    try (ByteArrayBuilder out = new ByteArrayBuilder(160);
        JsonGenerator json = Json.MAPPER.getFactory().createGenerator(out)) {
      json.writeStartObject();
      json.writeNumberField("seq", seq);
      json.writeStringField("type", type(event));
      writeBody(json, event);
      json.writeEndObject();
      json.flush();
      return out.toByteArray();
    } catch (IOException e) {
      throw new IllegalStateException("An event that cannot be encoded: " + type(event), e);
    }
  }

  /** The value of {@code type} on the wire. */
  public static String type(TurnEvent event) {
    return switch (event) {
      case TurnAccepted e -> "turn.accepted";
      case TurnStarted e -> "turn.started";
      case AttemptStarted e -> "attempt.started";
      case PartStarted e -> "part.started";
      case PartDelta e -> "part.delta";
      case PartEnded e -> "part.ended";
      case UsageReported e -> "usage";
      case Notice e -> "notice";
      case LaneEnded e -> "lane.ended";
      case TurnEnded e -> "turn.ended";
      case Unknown e -> e.type();
    };
  }

  private static void writeBody(JsonGenerator json, TurnEvent event) throws IOException {
    switch (event) {
      case TurnAccepted e -> writeAccepted(json, e);
      case TurnStarted e -> {
        json.writeNumberField("epoch", e.epoch());
        json.writeNumberField("at", e.atMillis());
      }
      case AttemptStarted e -> {
        json.writeNumberField("lane", e.lane());
        json.writeNumberField("step", e.step());
        json.writeNumberField("attempt", e.attempt());
        json.writeStringField("model", e.model());
        writeIfPresent(json, "reason", e.reason());
      }
      case PartStarted e -> {
        writePlace(json, e.lane(), e.attempt(), e.part());
        json.writeStringField("kind", e.kind().wire());
      }
      case PartDelta e -> {
        writePlace(json, e.lane(), e.attempt(), e.part());
        json.writeStringField("text", e.text());
      }
      case PartEnded e -> writePlace(json, e.lane(), e.attempt(), e.part());
      case UsageReported e -> {
        json.writeNumberField("lane", e.lane());
        json.writeNumberField("attempt", e.attempt());
        writeUsage(json, e.usage());
      }
      case Notice e -> {
        if (e.lane() != null) {
          json.writeNumberField("lane", e.lane());
        }
        json.writeStringField("code", e.code());
        json.writeStringField("text", e.text());
      }
      case LaneEnded e -> {
        json.writeNumberField("lane", e.lane());
        json.writeStringField("state", e.state().wire());
        writeIfPresent(json, "finish", e.finish() == null ? null : e.finish().wire());
        writeError(json, e.error());
      }
      case TurnEnded e -> {
        json.writeStringField("state", e.state().wire());
        writeError(json, e.error());
        json.writeStringField("digest", e.digest());
        json.writeNumberField("at", e.atMillis());
      }
      case Unknown e ->
          throw new IllegalArgumentException("An unknown event is never written: " + e.type());
    }
  }

  private static void writeAccepted(JsonGenerator json, TurnAccepted event) throws IOException {
    json.writeStringField("turn", event.turn());
    json.writeStringField("session", event.session());
    json.writeStringField("userMessage", event.userMessage());
    json.writeArrayFieldStart("lanes");
    for (LaneRef lane : event.lanes()) {
      json.writeStartObject();
      json.writeNumberField("lane", lane.lane());
      json.writeStringField("message", lane.message());
      json.writeStringField("model", lane.model());
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeNumberField("at", event.atMillis());
  }

  private static void writePlace(JsonGenerator json, int lane, int attempt, int part)
      throws IOException {
    json.writeNumberField("lane", lane);
    json.writeNumberField("attempt", attempt);
    json.writeNumberField("part", part);
  }

  /** Writes the four counts as members of the open object. */
  static void writeUsage(JsonGenerator json, TokenUsage usage) throws IOException {
    json.writeNumberField("input", usage.input());
    json.writeNumberField("output", usage.output());
    json.writeNumberField("reasoning", usage.reasoning());
    json.writeNumberField("cached", usage.cached());
  }

  static void writeError(JsonGenerator json, @Nullable TurnError error) throws IOException {
    if (error != null) {
      json.writeObjectFieldStart("error");
      json.writeStringField("code", error.code());
      json.writeStringField("text", error.text());
      json.writeBooleanField("retryable", error.retryable());
      json.writeEndObject();
    }
  }

  static void writeIfPresent(JsonGenerator json, String name, @Nullable String value)
      throws IOException {
    if (value != null) {
      json.writeStringField(name, value);
    }
  }

  /**
   * Reads a line that Perdure wrote.
   *
   * @throws PerdureException {@code INTERNAL} if it is not one: the log is damaged
   */
  public static Line decode(byte[] bytes, int from, int length) {
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
      default -> new Unknown(type);
    };
  }

  private static List<LaneRef> lanes(JsonNode array) {
    List<LaneRef> lanes = new ArrayList<>();
    for (JsonNode lane : array) {
      lanes.add(new LaneRef(number(lane, "lane"), text(lane, "message"), text(lane, "model")));
    }
    return lanes;
  }

  /** Reads the four counts from members of an object. */
  static TokenUsage usage(JsonNode json) {
    return new TokenUsage(
        json.required("input").longValue(),
        json.required("output").longValue(),
        json.required("reasoning").longValue(),
        json.required("cached").longValue());
  }

  static @Nullable TurnError error(JsonNode json) {
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

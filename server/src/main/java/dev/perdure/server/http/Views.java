package dev.perdure.server.http;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.util.ByteArrayBuilder;
import dev.perdure.chat.Message;
import dev.perdure.chat.Message.Part;
import dev.perdure.chat.Preferences;
import dev.perdure.chat.Session;
import dev.perdure.chat.Turn;
import dev.perdure.chat.Turn.Lane;
import dev.perdure.chat.TurnRequest.Output;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.protocol.TurnFold.PartSnapshot;
import dev.perdure.protocol.TurnFold.StepSnapshot;
import dev.perdure.protocol.TurnFold.TurnSnapshot;
import dev.perdure.protocol.TurnState;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What this door shows of the core's records, as JSON. Times are milliseconds since 1970, as in the
 * log; members that are null are left out. Stateless and thread-safe.
 */
final class Views {
  private static final int BUFFER_BYTES = 512;

  private Views() {}

  /** Writes one JSON value. */
  @FunctionalInterface
  interface View {
    void write(JsonGenerator json) throws IOException;
  }

  static byte[] bytes(View view) {
    try (ByteArrayBuilder out = new ByteArrayBuilder(BUFFER_BYTES);
        JsonGenerator json = Json.MAPPER.getFactory().createGenerator(out)) {
      view.write(json);
      json.flush();
      return out.toByteArray();
    } catch (IOException e) {
      throw new IllegalStateException("A view that cannot be written", e);
    }
  }

  /** A page: its items, and where the next one begins. */
  static <T> byte[] page(List<T> items, @Nullable String next, Function<T, View> view) {
    return bytes(json -> {
      json.writeStartObject();
      json.writeArrayFieldStart("items");
      for (T item : items) {
        view.apply(item).write(json);
      }
      json.writeEndArray();
      text(json, "next", next);
      json.writeEndObject();
    });
  }

  static View session(Session session) {
    return json -> {
      json.writeStartObject();
      json.writeStringField("id", session.id());
      text(json, "title", session.settings().title());
      text(json, "instructions", session.settings().instructions());
      texts(json, "metadata", session.settings().metadata());
      List<String> tools = session.settings().tools();
      if (tools != null) {
        json.writeArrayFieldStart("tools");
        for (String tool : tools) {
          json.writeString(tool);
        }
        json.writeEndArray();
      }
      Output output = session.settings().output();
      if (output != null) {
        json.writeObjectFieldStart("output");
        json.writeStringField("name", output.name());
        json.writeFieldName("schema");
        json.writeTree(output.schema());
        json.writeEndObject();
      }
      ToolViews.limits(json, session.settings().toolLimits());
      json.writeNumberField("createdAt", session.createdAtMillis());
      json.writeNumberField("updatedAt", session.updatedAtMillis());
      json.writeEndObject();
    };
  }

  static View preferences(Preferences preferences) {
    return json -> {
      json.writeStartObject();
      text(json, "instructions", preferences.instructions());
      texts(json, "facts", preferences.facts());
      if (preferences.updatedAtMillis() != null) {
        json.writeNumberField("updatedAt", preferences.updatedAtMillis());
      }
      json.writeEndObject();
    };
  }

  private static void texts(JsonGenerator json, String name, Map<String, String> texts)
      throws IOException {
    if (!texts.isEmpty()) {
      json.writeObjectFieldStart(name);
      for (Map.Entry<String, String> entry : texts.entrySet()) {
        json.writeStringField(entry.getKey(), entry.getValue());
      }
      json.writeEndObject();
    }
  }

  static View message(Message message) {
    return json -> {
      json.writeStartObject();
      json.writeStringField("id", message.id());
      json.writeStringField("session", message.session());
      json.writeStringField("turn", message.turn());
      text(json, "parent", message.parent());
      json.writeStringField("role", message.role().wire());
      json.writeNumberField("position", message.position());
      json.writeStringField("status", message.status().wire());
      text(json, "model", message.model());
      json.writeArrayFieldStart("parts");
      for (int i = 0; i <= message.parts().size(); i++) {
        files(json, message.files(), i);
        if (i < message.parts().size()) {
          Part part = message.parts().get(i);
          json.writeStartObject();
          json.writeStringField("type", part.kind().wire());
          json.writeStringField("text", part.text());
          json.writeEndObject();
        }
      }
      SourceViews.parts(json, message.sources());
      json.writeEndArray();
      if (message.output() != null) {
        json.writeFieldName("output");
        json.writeTree(message.output());
      }
      ToolViews.uses(json, message.tools());
      attempts(json, message.attempts());
      text(json, "finish", message.finish() == null ? null : message.finish().wire());
      if (message.usage() != null) {
        usage(json, message.usage());
      }
      error(json, message.error());
      json.writeNumberField("createdAt", message.createdAtMillis());
      json.writeNumberField("updatedAt", message.updatedAtMillis());
      json.writeEndObject();
    };
  }

  /** The files in front of a part. */
  static void files(JsonGenerator json, List<Message.Attachment> files, int part)
      throws IOException {
    for (Message.Attachment file : files) {
      if (file.after() == part) {
        json.writeStartObject();
        json.writeStringField("type", "file");
        json.writeStringField("file", file.file());
        json.writeStringField("name", file.name());
        json.writeStringField("mediaType", file.mediaType());
        json.writeNumberField("size", file.size());
        json.writeEndObject();
      }
    }
  }

  /** A turn as its row says: what an accepting or cancelling request is answered with. */
  static View turn(Turn turn) {
    return turn(turn, json -> {});
  }

  /**
   * The same, with further members.
   *
   * @param more writes them
   */
  static View turn(Turn turn, View more) {
    return json -> {
      json.writeStartObject();
      head(json, turn, turn.state(), turn.error());
      more.write(json);
      json.writeArrayFieldStart("lanes");
      for (Lane lane : turn.lanes()) {
        json.writeStartObject();
        json.writeNumberField("lane", lane.lane());
        json.writeStringField("message", lane.message());
        json.writeStringField("model", lane.model());
        json.writeStringField("state", lane.state().wire());
        json.writeEndObject();
      }
      json.writeEndArray();
      links(json, turn);
      json.writeEndObject();
    };
  }

  /** A turn with what its lanes have written so far. */
  static View status(Turn turn, TurnSnapshot fold) {
    return json -> {
      json.writeStartObject();
      // The row was read before the log, so the log may know more, and never less.
      boolean over = fold.state().terminal();
      head(json, turn, over ? fold.state() : turn.state(), over ? fold.error() : turn.error());
      json.writeNumberField("seq", fold.seq());
      json.writeArrayFieldStart("lanes");
      for (LaneSnapshot lane : fold.lanes()) {
        json.writeStartObject();
        laneHead(json, lane);
        json.writeStringField("text", lane.text());
        String reasoning =
            lane.parts().stream()
                .filter(part -> part.kind() == PartKind.REASONING)
                .map(PartSnapshot::text)
                .collect(Collectors.joining());
        text(json, "reasoning", reasoning.isEmpty() ? null : reasoning);
        SourceViews.lane(json, lane);
        ToolViews.calls(json, lane);
        laneTail(json, lane);
        json.writeEndObject();
      }
      json.writeEndArray();
      links(json, turn);
      json.writeEndObject();
    };
  }

  /** The data of a {@code snapshot} frame: names as in the events that it stands for. */
  static View snapshot(TurnSnapshot fold) {
    return json -> {
      json.writeStartObject();
      json.writeStringField("turn", fold.turn());
      json.writeStringField("session", fold.session());
      json.writeStringField("userMessage", fold.userMessage());
      json.writeNumberField("seq", fold.seq());
      json.writeNumberField("epoch", fold.epoch());
      json.writeStringField("state", fold.state().wire());
      error(json, fold.error());
      json.writeArrayFieldStart("lanes");
      for (LaneSnapshot lane : fold.lanes()) {
        json.writeStartObject();
        laneHead(json, lane);
        json.writeArrayFieldStart("parts");
        for (StepSnapshot step : lane.steps()) {
          for (PartSnapshot part : step.parts()) {
            json.writeStartObject();
            json.writeNumberField("part", part.part());
            json.writeNumberField("step", step.step());
            json.writeStringField("kind", part.kind().wire());
            json.writeStringField("text", part.text());
            json.writeBooleanField("ended", part.ended());
            json.writeEndObject();
          }
        }
        json.writeEndArray();
        SourceViews.lane(json, lane);
        ToolViews.calls(json, lane);
        laneTail(json, lane);
        json.writeEndObject();
      }
      json.writeEndArray();
      json.writeEndObject();
    };
  }

  private static void head(
      JsonGenerator json, Turn turn, TurnState state, @Nullable TurnError error)
      throws IOException {
    json.writeStringField("turn", turn.id());
    json.writeStringField("session", turn.session());
    json.writeStringField("userMessage", turn.userMessage());
    json.writeStringField("state", state.wire());
    if (turn.position() >= 0) {
      json.writeNumberField("position", turn.position());
    }
    WaitViews.turn(json, turn);
    json.writeNumberField("createdAt", turn.createdAtMillis());
    if (turn.startedAtMillis() != null) {
      json.writeNumberField("startedAt", turn.startedAtMillis());
    }
    if (turn.endedAtMillis() != null) {
      json.writeNumberField("endedAt", turn.endedAtMillis());
    }
    text(json, "cancelledBy", turn.cancelledBy());
    error(json, error);
    if (turn.logExpired()) {
      json.writeBooleanField("logExpired", true);
    }
  }

  private static void links(JsonGenerator json, Turn turn) throws IOException {
    String self = "/v1/turns/" + turn.id();
    String session = "/v1/sessions/" + turn.session();
    json.writeObjectFieldStart("links");
    json.writeStringField("self", self);
    json.writeStringField("events", self + "/events");
    json.writeStringField("cancel", self + "/cancel");
    json.writeStringField("session", session);
    json.writeStringField("messages", session + "/messages");
    json.writeEndObject();
  }

  private static void laneHead(JsonGenerator json, LaneSnapshot lane) throws IOException {
    json.writeNumberField("lane", lane.lane());
    json.writeStringField("message", lane.message());
    json.writeStringField("model", lane.model());
    json.writeStringField("state", lane.state().wire());
    json.writeNumberField("attempt", lane.attempt());
    attempts(json, lane.again());
  }

  private static void attempts(JsonGenerator json, List<AttemptStarted> again) throws IOException {
    if (!again.isEmpty()) {
      json.writeArrayFieldStart("attempts");
      for (AttemptStarted attempt : again) {
        json.writeStartObject();
        json.writeNumberField("attempt", attempt.attempt());
        json.writeNumberField("step", attempt.step());
        json.writeStringField("model", attempt.model());
        text(json, "reason", attempt.reason());
        json.writeEndObject();
      }
      json.writeEndArray();
    }
  }

  private static void laneTail(JsonGenerator json, LaneSnapshot lane) throws IOException {
    usage(json, lane.usage());
    text(json, "finish", lane.finish() == null ? null : lane.finish().wire());
    error(json, lane.error());
  }

  private static void usage(JsonGenerator json, TokenUsage usage) throws IOException {
    json.writeObjectFieldStart("usage");
    json.writeNumberField("input", usage.input());
    json.writeNumberField("output", usage.output());
    json.writeNumberField("reasoning", usage.reasoning());
    json.writeNumberField("cached", usage.cached());
    json.writeEndObject();
  }

  static void error(JsonGenerator json, @Nullable TurnError error) throws IOException {
    if (error != null) {
      json.writeObjectFieldStart("error");
      json.writeStringField("code", error.code());
      json.writeStringField("text", error.text());
      json.writeBooleanField("retryable", error.retryable());
      json.writeEndObject();
    }
  }

  static void text(JsonGenerator json, String name, @Nullable String value) throws IOException {
    if (value != null) {
      json.writeStringField(name, value);
    }
  }
}

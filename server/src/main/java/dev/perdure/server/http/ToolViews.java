package dev.perdure.server.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.perdure.chat.Compensations;
import dev.perdure.chat.Message;
import dev.perdure.chat.ToolCallRow;
import dev.perdure.chat.ToolLimits;
import dev.perdure.protocol.TurnEvent.ToolReturned;
import dev.perdure.protocol.TurnEvent.ToolWaiting;
import dev.perdure.protocol.TurnFold.CallSnapshot;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.protocol.TurnFold.StepSnapshot;
import dev.perdure.tool.Tool;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Calls of tools as the API shows them. Stateless. */
final class ToolViews {
  private ToolViews() {}

  /** The member {@code calls} of a lane; none for a lane without any. */
  static void calls(JsonGenerator json, LaneSnapshot lane) throws IOException {
    if (lane.calls().isEmpty()) {
      return;
    }
    json.writeArrayFieldStart("calls");
    for (StepSnapshot step : lane.steps()) {
      for (CallSnapshot call : step.calls()) {
        call(json, step, call);
      }
    }
    json.writeEndArray();
  }

  private static void call(JsonGenerator json, StepSnapshot step, CallSnapshot call)
      throws IOException {
    json.writeStartObject();
    json.writeStringField("call", call.asked().call());
    json.writeNumberField("step", step.step());
    json.writeStringField("tool", call.asked().tool());
    raw(json, "input", call.asked().input());
    @Nullable ToolWaiting waiting = call.waiting();
    if (waiting != null) {
      json.writeObjectFieldStart("waiting");
      json.writeStringField("for", waiting.waitsFor().wire());
      Views.text(json, "inputHash", waiting.inputHash());
      if (waiting.untilMillis() != null) {
        json.writeNumberField("until", waiting.untilMillis());
      }
      json.writeEndObject();
    }
    @Nullable ToolReturned returned = call.returned();
    if (returned != null) {
      raw(json, "output", returned.output());
      Views.error(json, returned.error());
    }
    json.writeEndObject();
  }

  /** The member {@code tools} of a stored message; none for a message without any. */
  static void uses(JsonGenerator json, List<Message.ToolUse> uses) throws IOException {
    if (uses.isEmpty()) {
      return;
    }
    json.writeArrayFieldStart("tools");
    for (Message.ToolUse use : uses) {
      json.writeStartObject();
      json.writeStringField("call", use.call());
      json.writeStringField("tool", use.tool());
      raw(json, "input", use.input().toString());
      raw(json, "output", use.output() == null ? null : use.output().toString());
      Views.error(json, use.error());
      json.writeNumberField("after", use.after());
      json.writeEndObject();
    }
    json.writeEndArray();
  }

  /** A tool that a caller's turns may use. */
  static Views.View tool(Tool tool) {
    Tool.Spec spec = tool.spec();
    return json -> {
      json.writeStartObject();
      json.writeStringField("name", spec.name());
      json.writeStringField("description", spec.description());
      raw(json, "schema", spec.schema().toString());
      json.writeStringField("effect", spec.effect().wire());
      json.writeStringField(
          "approval",
          spec.approval().equals(Tool.Approval.NEVER)
              ? "never"
              : spec.approval().equals(Tool.Approval.ALWAYS) ? "always" : "sometimes");
      json.writeNumberField("timeout", spec.limit().toMillis());
      json.writeEndObject();
    };
  }

  /** One row of the ledger. */
  static Views.View row(ToolCallRow row, Compensations.@Nullable Undo undo) {
    return json -> {
      json.writeStartObject();
      json.writeStringField("call", row.id());
      json.writeNumberField("lane", row.lane());
      json.writeNumberField("step", row.step());
      json.writeStringField("tool", row.tool());
      json.writeStringField("effect", row.effect());
      json.writeStringField("inputHash", row.inputHash());
      json.writeStringField("state", row.state().wire());
      json.writeNumberField("runs", row.runs());
      Views.text(json, "replaces", row.replaces());
      raw(json, "input", row.input());
      raw(json, "output", row.output());
      Views.error(json, row.error());
      Views.text(json, "reason", row.reason());
      time(json, "expiresAt", row.expiresAtMillis());
      time(json, "decidedAt", row.decidedAtMillis());
      json.writeNumberField("createdAt", row.createdAtMillis());
      json.writeNumberField("updatedAt", row.updatedAtMillis());
      if (undo != null) {
        undo(json, undo);
      }
      json.writeEndObject();
    };
  }

  private static void undo(JsonGenerator json, Compensations.Undo undo) throws IOException {
    json.writeObjectFieldStart("undo");
    json.writeStringField("state", undo.state());
    json.writeNumberField("tries", undo.tries());
    raw(json, "output", undo.result());
    Views.error(json, undo.error());
    json.writeNumberField("updatedAt", undo.updatedAtMillis());
    json.writeEndObject();
  }

  /** The member {@code toolLimits}; none where nothing is limited. */
  static void limits(JsonGenerator json, ToolLimits limits) throws IOException {
    if (limits.equals(ToolLimits.NONE)) {
      return;
    }
    json.writeObjectFieldStart("toolLimits");
    if (limits.steps() != null) {
      json.writeNumberField("steps", limits.steps());
    }
    if (limits.calls() != null) {
      json.writeNumberField("calls", limits.calls());
    }
    time(json, "tokens", limits.tokens());
    json.writeEndObject();
  }

  private static void time(JsonGenerator json, String name, @Nullable Long millis)
      throws IOException {
    if (millis != null) {
      json.writeNumberField(name, millis);
    }
  }

  private static void raw(JsonGenerator json, String name, @Nullable String value)
      throws IOException {
    if (value != null) {
      json.writeFieldName(name);
      json.writeRawValue(value);
    }
  }
}

package dev.perdure.server.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.perdure.chat.LaterTurns.Later;
import dev.perdure.chat.Message.Part;
import dev.perdure.chat.NewTurn.FileAt;
import dev.perdure.chat.Turn;
import dev.perdure.protocol.TurnState;
import dev.perdure.schedule.Schedule;
import dev.perdure.schedule.Schedule.Settings;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Turns for later and schedules as the API shows them. Stateless. */
final class WaitViews {
  private WaitViews() {}

  /** What of a turn is about waiting. */
  static void turn(JsonGenerator json, Turn turn) throws IOException {
    if (turn.state() == TurnState.SCHEDULED) {
      time(json, "notBefore", turn.wakeAtMillis());
    }
    Turn.@Nullable Answered answered = turn.answered();
    if (answered != null) {
      json.writeObjectFieldStart("answered");
      json.writeStringField("call", answered.call());
      json.writeStringField("message", answered.message());
      json.writeEndObject();
    }
  }

  /** A turn for later, with what it will say. */
  static Views.View later(Later later) {
    return Views.turn(
        later.turn(),
        json -> parts(json, later.parts(), part -> Views.files(json, later.files(), part)));
  }

  /** Writes the files in front of a part. */
  @FunctionalInterface
  private interface FilesAt {
    void write(int part) throws IOException;
  }

  private static void parts(JsonGenerator json, List<Part> parts, FilesAt files)
      throws IOException {
    json.writeArrayFieldStart("parts");
    for (int i = 0; i <= parts.size(); i++) {
      files.write(i);
      if (i < parts.size()) {
        json.writeStartObject();
        json.writeStringField("type", parts.get(i).kind().wire());
        json.writeStringField("text", parts.get(i).text());
        json.writeEndObject();
      }
    }
    json.writeEndArray();
  }

  /** The files of a schedule, of which only their ids are kept. */
  private static void named(JsonGenerator json, List<FileAt> files, int part) throws IOException {
    for (FileAt file : files) {
      if (file.after() == part) {
        json.writeStartObject();
        json.writeStringField("type", "file");
        json.writeStringField("file", file.file());
        json.writeEndObject();
      }
    }
  }

  static Views.View schedule(Schedule schedule, List<Instant> upcoming) {
    return json -> {
      Settings settings = schedule.settings();
      json.writeStartObject();
      json.writeStringField("id", schedule.id());
      json.writeStringField("session", schedule.session());
      Views.text(json, "name", settings.name());
      parts(json, settings.said().parts(), part -> named(json, settings.said().files(), part));
      json.writeArrayFieldStart("models");
      for (String model : settings.said().request().models()) {
        json.writeString(model);
      }
      json.writeEndArray();
      json.writeStringField("cron", settings.cron());
      json.writeStringField("zone", settings.zone());
      time(json, "startsAt", settings.startsAtMillis());
      time(json, "endsAt", settings.endsAtMillis());
      time(json, "maxRuns", settings.maxRuns());
      json.writeStringField("missed", settings.missed().wire());
      json.writeStringField(
          "state", settings.paused() ? "paused" : schedule.over() ? "ended" : "active");
      json.writeNumberField("runs", schedule.runs());
      time(json, "nextAt", schedule.nextAtMillis());
      if (!upcoming.isEmpty()) {
        json.writeArrayFieldStart("upcoming");
        for (Instant at : upcoming) {
          json.writeNumber(at.toEpochMilli());
        }
        json.writeEndArray();
      }
      time(json, "lastAt", schedule.lastAtMillis());
      Views.text(json, "lastTurn", schedule.lastTurn());
      Views.text(json, "trouble", schedule.trouble());
      json.writeNumberField("createdAt", schedule.createdAtMillis());
      json.writeNumberField("updatedAt", schedule.updatedAtMillis());
      json.writeEndObject();
    };
  }

  private static void time(JsonGenerator json, String name, @Nullable Long value)
      throws IOException {
    if (value != null) {
      json.writeNumberField(name, value);
    }
  }
}

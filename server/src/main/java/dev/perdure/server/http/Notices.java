package dev.perdure.server.http;

import dev.perdure.chat.Turn;
import dev.perdure.log.Follower.Condition;
import org.jspecify.annotations.Nullable;

/**
 * What a stream says about the moment, in frames {@code event: notice} without an id: they are in
 * no log, count for no cursor and are over when the next one, or an event, comes. Stateless.
 *
 * <pre>
 *   {"code":"degraded"|"recovered","text":...}
 *   {"code":"persistence","text":...,"turn":...,"session":...,"messages":[...]}
 * </pre>
 */
final class Notices {
  static final String EVENT = "notice";

  private static final byte[] DEGRADED =
      simple(
          "degraded",
          "The server waits for its database. Replies go on and are delivered when it is back.");
  private static final byte[] RECOVERED = simple("recovered", "Events are delivered again.");

  private Notices() {}

  /** What to say of a condition; of an unsaved turn it names the messages that may be lost. */
  static void put(FrameBuffer frames, Condition condition, @Nullable Turn turn) {
    frames.passing(
        EVENT,
        switch (condition) {
          case WELL -> RECOVERED;
          case DEGRADED -> DEGRADED;
          case UNSAVED -> turn == null ? DEGRADED : persistence(turn);
        });
  }

  private static byte[] simple(String code, String text) {
    return Views.bytes(json -> {
      json.writeStartObject();
      json.writeStringField("code", code);
      json.writeStringField("text", text);
      json.writeEndObject();
    });
  }

  private static byte[] persistence(Turn turn) {
    return Views.bytes(json -> {
      json.writeStartObject();
      json.writeStringField("code", "persistence");
      json.writeStringField(
          "text",
          "The reply is finished but cannot be stored now; the server goes on trying. If it does"
              + " not come, send the message again.");
      json.writeStringField("turn", turn.id());
      json.writeStringField("session", turn.session());
      json.writeArrayFieldStart("messages");
      for (Turn.Lane lane : turn.lanes()) {
        json.writeString(lane.message());
      }
      json.writeEndArray();
      json.writeEndObject();
    });
  }
}

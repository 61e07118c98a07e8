package dev.perdure.chat;

import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnState;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One user message and everything done to answer it, as its row says.
 *
 * @param position order within the session, from 0; negative for one that is no part of the
 *     conversation, as it is scheduled or was cancelled before its time
 * @param epoch the number of times it was claimed; the fence of its writers
 * @param cancelledBy the reason of a durable intent to cancel; null without one
 * @param logExpired whether retention has deleted the log, so that only the messages are left
 * @param wakeAtMillis when a turn that is scheduled is queued; when one that waits is looked at
 *     again, null for never
 * @param answered the question of this turn that a message has just answered; null otherwise
 * @param toolOrder the names of its tools, the most wanted first; null as long as all are told
 */
public record Turn(
    String id,
    String session,
    String userMessage,
    TurnState state,
    long position,
    long epoch,
    TurnRequest request,
    @Nullable String cancelledBy,
    @Nullable TurnError error,
    List<Lane> lanes,
    long createdAtMillis,
    @Nullable Long startedAtMillis,
    @Nullable Long endedAtMillis,
    boolean logExpired,
    @Nullable Long wakeAtMillis,
    @Nullable Answered answered,
    @Nullable List<String> toolOrder) {

  public Turn {
    lanes = List.copyOf(lanes);
  }

  /** The same turn, with the question that a message has answered. */
  Turn withAnswered(Answered question) {
    return new Turn(
        id,
        session,
        userMessage,
        state,
        position,
        epoch,
        request,
        cancelledBy,
        error,
        lanes,
        createdAtMillis,
        startedAtMillis,
        endedAtMillis,
        logExpired,
        wakeAtMillis,
        question,
        toolOrder);
  }

  /**
   * A question that a message of its session has answered.
   *
   * @param call the call that asked
   * @param message the message, which is stored
   */
  public record Answered(String call, String message) {}

  /** One model's reply inside a turn. */
  public record Lane(int lane, String message, String model, LaneState state) {}
}

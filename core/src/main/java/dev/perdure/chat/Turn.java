package dev.perdure.chat;

import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnState;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One user message and everything done to answer it, as its row says.
 *
 * @param position order within the session, from 0
 * @param epoch the number of times it was claimed; the fence of its writers
 * @param cancelledBy the reason of a durable intent to cancel; null without one
 * @param logExpired whether retention has deleted the log, so that only the messages are left
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
    boolean logExpired) {

  public Turn {
    lanes = List.copyOf(lanes);
  }

  /** One model's reply inside a turn. */
  public record Lane(int lane, String message, String model, LaneState state) {}
}

package dev.perdure.protocol;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One entry of a turn's log. The grammar is in {@code protocol/PROTOCOL.md}; {@link TurnEventCodec}
 * gives each event its one line of JSON, which is stored, sent and cached as the same bytes.
 *
 * <p>Content events carry their lane and attempt. All are immutable.
 */
public sealed interface TurnEvent {

  /** Sequence number 0 of every log, written in the transaction that accepts the message. */
  record TurnAccepted(
      String turn, String session, String userMessage, List<LaneRef> lanes, long atMillis)
      implements TurnEvent {
    public TurnAccepted {
      lanes = List.copyOf(lanes);
    }
  }

  /** The lanes of a turn as accepted: where each reply will be stored and which model gives it. */
  record LaneRef(int lane, String message, String model) {}

  /** A node has claimed the turn; the epoch is one higher than at any claim before. */
  record TurnStarted(long epoch, long atMillis) implements TurnEvent {}

  /**
   * A try of a step begins. With {@code attempt > 1} it voids what this step of this lane had
   * streamed, and nothing else. It is written with the attempt's first content, so that a failed
   * attempt's text stays until there is something better.
   */
  record AttemptStarted(int lane, int step, int attempt, String model, @Nullable String reason)
      implements TurnEvent {}

  /** A part of the lane's message begins; {@code part} counts from 0 within the attempt. */
  record PartStarted(int lane, int attempt, int part, PartKind kind) implements TurnEvent {}

  record PartDelta(int lane, int attempt, int part, String text) implements TurnEvent {}

  record PartEnded(int lane, int attempt, int part) implements TurnEvent {}

  /** What one attempt used; several attempts of a lane add up. */
  record UsageReported(int lane, int attempt, TokenUsage usage) implements TurnEvent {}

  /**
   * Something that a client may show and no client must: a retry that is about to come, a degraded
   * service. {@code lane} is null where it concerns the whole turn.
   */
  record Notice(String code, String text, @Nullable Integer lane) implements TurnEvent {}

  /** A lane has ended; only an {@link AttemptStarted} by a retry of the lane opens it again. */
  record LaneEnded(
      int lane, LaneState state, @Nullable FinishReason finish, @Nullable TurnError error)
      implements TurnEvent {}

  /**
   * The last event of a log. {@code digest} is the lower-case hex SHA-256 of all lines before this
   * one, each with its line feed.
   */
  record TurnEnded(TurnState state, @Nullable TurnError error, String digest, long atMillis)
      implements TurnEvent {}

  /** An event of a newer version: kept in the log and passed on as it is, ignored by folds. */
  record Unknown(String type) implements TurnEvent {}
}

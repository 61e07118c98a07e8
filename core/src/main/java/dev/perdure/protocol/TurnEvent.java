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

  /**
   * The turn is to begin at a time to come. Each further one moves it.
   *
   * @param notBeforeMillis when it is queued
   */
  record TurnScheduled(long notBeforeMillis, long atMillis) implements TurnEvent {}

  /** A node has claimed the turn; the epoch is one higher than at any claim before. */
  record TurnStarted(long epoch, long atMillis) implements TurnEvent {}

  /**
   * A try of a step begins; attempts are counted through the lane. It voids what this step of this
   * lane, and later ones, had streamed, and nothing else. It is written with the attempt's first
   * content, so that a failed attempt's text stays until there is something better.
   */
  record AttemptStarted(int lane, int step, int attempt, String model, @Nullable String reason)
      implements TurnEvent {}

  /**
   * A part of the lane's message begins. {@code part} counts from 0 through the lane; a new attempt
   * of a step begins behind the parts of the steps before.
   */
  record PartStarted(int lane, int attempt, int part, PartKind kind) implements TurnEvent {}

  record PartDelta(int lane, int attempt, int part, String text) implements TurnEvent {}

  record PartEnded(int lane, int attempt, int part) implements TurnEvent {}

  /**
   * Something that the attempt rests on. Told once for each document or page in a lane, not before
   * the attempt has given something itself, and void with it.
   *
   * @param number counts from 0 through the lane; a new attempt of a step begins behind those of
   *     the steps before
   */
  record SourceUsed(int lane, int attempt, int number, Source source) implements TurnEvent {}

  /**
   * The model asks for a tool. Nothing is run before the {@link StepEnded} that follows.
   *
   * @param call the id of the call, which is also the key that makes it idempotent
   * @param input the arguments as compact JSON; a JSON string if the model's are not an object
   * @param ref the provider's own id of the call; null if it has none
   * @param replaces the call in whose place somebody has put this one, with other arguments; null
   *     if the model itself has asked for it
   */
  record ToolCalled(
      int lane,
      int attempt,
      String call,
      String tool,
      String input,
      @Nullable String ref,
      @Nullable String replaces)
      implements TurnEvent {
    public ToolCalled(
        int lane, int attempt, String call, String tool, String input, @Nullable String ref) {
      this(lane, attempt, call, tool, input, ref, null);
    }
  }

  /**
   * A step in which tools were called is complete: its model is never asked again.
   *
   * @param carried JSON that the provider wants back with the next call, such as signatures of its
   *     reasoning; null for nothing. Clients pass over it
   */
  record StepEnded(int lane, int step, int attempt, FinishReason finish, @Nullable String carried)
      implements TurnEvent {}

  /**
   * A call waits for somebody.
   *
   * @param inputHash for an approval, what it is bound to: the lower-case hex SHA-256 of the input
   * @param untilMillis when it expires; null for never
   */
  record ToolWaiting(
      int lane,
      String call,
      WaitFor waitsFor,
      @Nullable String inputHash,
      @Nullable Long untilMillis)
      implements TurnEvent {}

  /** Somebody, or the time, has decided about a call that waited for it. */
  record ToolDecided(int lane, String call, Decision decision, @Nullable String reason)
      implements TurnEvent {}

  /**
   * A call has come to its end, and the model is told.
   *
   * @param output compact JSON; null if it failed
   */
  record ToolReturned(int lane, String call, @Nullable String output, @Nullable TurnError error)
      implements TurnEvent {}

  /**
   * The effect of a call does not stand, as its reply did not come to a good end: it will be
   * undone. What comes of that is in the ledger, because it may take longer than the turn.
   */
  record ToolUndo(int lane, String call) implements TurnEvent {}

  /**
   * All that is left to do waits for others: nobody runs the turn until then.
   *
   * @param untilMillis when it goes on by itself; null for never
   */
  record TurnWaiting(List<WaitFor> waitsFor, @Nullable Long untilMillis, long atMillis)
      implements TurnEvent {
    public TurnWaiting {
      waitsFor = List.copyOf(waitsFor);
    }
  }

  /** A turn that waited is at work again. */
  record TurnResumed(long atMillis) implements TurnEvent {}

  /**
   * A model has summed up older messages, for this reply and later ones. Its text is with the
   * session. Its tokens are in the {@link UsageReported} before it.
   *
   * @param model that has written it
   * @param upTo the newest message that it covers
   * @param messages how many it covers
   */
  record ContextCompacted(int lane, String summary, String model, String upTo, int messages)
      implements TurnEvent {}

  /** What one attempt used, or a summary made for it; all of a lane add up. */
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

package dev.perdure.chat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.Message.Part;
import dev.perdure.chat.Message.Status;
import dev.perdure.db.Tx;
import dev.perdure.log.LogBlock;
import dev.perdure.log.LogContent;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.Source;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnEvent.SourceUsed;
import dev.perdure.protocol.TurnEvent.ToolReturned;
import dev.perdure.protocol.TurnEvent.ToolUndo;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEventCodec;
import dev.perdure.protocol.TurnFold.CallSnapshot;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.protocol.TurnFold.StepSnapshot;
import dev.perdure.protocol.TurnFold.TurnSnapshot;
import dev.perdure.protocol.TurnOutcome;
import dev.perdure.protocol.TurnState;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How a turn's rows come to rest. What is stored is what the fold of the log says, so that the
 * message of a reply is the text that its followers saw.
 */
public final class Endings {
  private Endings() {}

  /**
   * Ends a running turn for the holder of its epoch: the row, its lanes and messages.
   *
   * @return false if another node holds the turn by now; nothing is changed then
   */
  public static boolean endHeld(Tx tx, TurnSnapshot end, String nodeId) throws SQLException {
    // The session first, as everybody does who locks both, or the two would deadlock.
    touchSession(tx, end);
    int rows =
        tx.update(
            """
            UPDATE turn SET state = ?, node_id = NULL, error = ?, ended_at = {now}
             WHERE id = ? AND epoch = ? AND node_id = ? AND state IN ('running', 'waiting')\
            """,
            end.state().wire(),
            Rows.jsonOrNull(end.error()),
            end.turn(),
            end.epoch(),
            nodeId);
    if (rows == 0) {
      return false;
    }
    settleLanes(tx, end);
    return true;
  }

  /**
   * Fails a running turn whose log or request cannot be read any more. Nothing can be written
   * behind what is damaged, so it ends in its rows only, and its log counts as expired.
   *
   * @return false if another node holds the turn by now; nothing is changed then
   */
  public static boolean abandon(Tx tx, String turn, long epoch, String nodeId, TurnError error)
      throws SQLException {
    String json = Rows.json(error);
    int rows =
        tx.update(
            """
            UPDATE turn SET state = 'failed', node_id = NULL, error = ?, ended_at = {now},
                   log_expired = 1
             WHERE id = ? AND epoch = ? AND node_id = ? AND state IN ('running', 'waiting')\
            """,
            json,
            turn,
            epoch,
            nodeId);
    if (rows == 0) {
      return false;
    }
    tx.update(
        """
        UPDATE lane SET state = 'failed', retry_asked = 0
         WHERE turn_id = ? AND state NOT IN ('completed', 'failed', 'cancelled')\
        """,
        turn);
    ToolCalls.abandon(tx, turn);
    Compensations.oweAll(tx, turn);
    tx.update(
        """
        UPDATE message SET status = 'failed', error = ?, updated_at = {now}
         WHERE turn_id = ? AND role = 'assistant' AND status IN ('pending', 'streaming')\
        """,
        json,
        turn);
    return true;
  }

  /**
   * Stores a lane that has ended while others of its turn go on. In the transaction that stores its
   * {@code lane.ended}: a wish for a retry that is still in the row is then one that has not been
   * fulfilled.
   */
  public static void settleLane(Tx tx, TurnSnapshot turn, int lane) throws SQLException {
    for (LaneSnapshot snapshot : turn.lanes()) {
      if (snapshot.lane() == lane) {
        settle(tx, turn.turn(), snapshot);
      }
    }
  }

  /**
   * Ends a turn that nobody runs, whose row the caller holds locked in a state that is queued or
   * waiting: lanes that are open end as cancelled, with the text that an earlier epoch may have
   * written, and the turn ends as its lanes make it.
   *
   * @return the block to publish after the commit
   */
  static LogBlock endUnheld(Tx tx, TurnLog log, String turn, TurnState from) throws SQLException {
    LogContent content = log.readAll(tx, turn);
    long first = content.fold().seq() + 1;
    List<TurnEvent> events = new ArrayList<>();
    for (LaneSnapshot open : content.fold().snapshot().lanes()) {
      if (!open.state().terminal()) {
        append(content, events, new LaneEnded(open.lane(), LaneState.CANCELLED, null, null));
      }
    }
    List<ToolUndo> owed = Compensations.owed(tx, content.fold().snapshot());
    for (ToolUndo undo : owed) {
      append(content, events, undo);
    }
    TurnState state = from.to(TurnOutcome.state(content.fold().snapshot()));
    @Nullable TurnError error = TurnOutcome.error(content.fold().snapshot());
    byte[] digest = content.digest().digest();
    TurnEvent ended = new TurnEnded(state, error, HexFormat.of().formatHex(digest), tx.now());
    content.fold().apply(content.fold().seq() + 1, ended);
    events.add(ended);
    LogBlock block = log.insert(tx, turn, first, events);
    tx.update(
        """
        UPDATE turn SET state = ?, error = ?, ended_at = {now}, wake_at = NULL
         WHERE id = ? AND state = ?\
        """,
        state.wire(),
        Rows.jsonOrNull(error),
        turn,
        from.wire());
    TurnSnapshot end = content.fold().snapshot();
    settleLanes(tx, end);
    Compensations.owe(tx, owed);
    touchSession(tx, end);
    return block;
  }

  private static void append(LogContent content, List<TurnEvent> events, TurnEvent event) {
    long seq = content.fold().seq() + 1;
    content.fold().apply(seq, event);
    content.digest().update(TurnEventCodec.encode(seq, event));
    content.digest().update((byte) '\n');
    events.add(event);
  }

  private static void settleLanes(Tx tx, TurnSnapshot end) throws SQLException {
    for (LaneSnapshot lane : end.lanes()) {
      settle(tx, end.turn(), lane);
    }
  }

  private static void touchSession(Tx tx, TurnSnapshot end) throws SQLException {
    tx.update("UPDATE session SET updated_at = {now} WHERE id = ?", end.session());
  }

  private static void settle(Tx tx, String turn, LaneSnapshot lane) throws SQLException {
    tx.update(
        "UPDATE lane SET state = ?, retry_asked = 0 WHERE turn_id = ? AND lane = ?",
        lane.state().wire(),
        turn,
        lane.lane());
    List<Part> parts =
        lane.parts().stream().map(part -> new Part(part.kind(), part.text())).toList();
    List<Source> sources = lane.sources().stream().map(SourceUsed::source).toList();
    @Nullable TurnError error = lane.error();
    tx.update(
        """
        UPDATE message SET status = ?, model = ?, parts = ?, finish = ?, usage = ?, error = ?,
               sources = ?, updated_at = {now}
         WHERE id = ?\
        """,
        status(lane.state()).wire(),
        lane.model(),
        Rows.json(parts),
        lane.finish() == null ? null : lane.finish().wire(),
        lane.usage().equals(TokenUsage.ZERO) ? null : Rows.json(lane.usage()),
        Rows.jsonOrNull(error),
        sources.isEmpty() ? null : Rows.json(sources),
        lane.message());
    if (lane.state() == LaneState.COMPLETED) {
      storeOutput(tx, lane);
    }
    if (!lane.again().isEmpty()) {
      tx.update(
          "UPDATE message SET attempts = ? WHERE id = ?", Rows.json(lane.again()), lane.message());
    }
    List<Message.ToolUse> tools = toolUses(lane);
    if (!tools.isEmpty()) {
      tx.update("UPDATE message SET tools = ? WHERE id = ?", Rows.json(tools), lane.message());
      ToolCalls.abandon(tx, turn, lane.lane());
    }
  }

  /** What the reply says, if its turn has asked for JSON; an object can only begin so. */
  private static void storeOutput(Tx tx, LaneSnapshot lane) throws SQLException {
    @Nullable JsonNode value =
        lane.steps().isEmpty() ? null : Structured.value(lane.steps().getLast().text());
    if (value != null) {
      tx.update(
          "UPDATE message SET output = ? WHERE id = ? AND output IS NOT NULL",
          Json.text(value),
          lane.message());
    }
  }

  private static List<Message.ToolUse> toolUses(LaneSnapshot lane) {
    List<Message.ToolUse> out = new ArrayList<>();
    int parts = 0;
    for (StepSnapshot step : lane.steps()) {
      parts += step.parts().size();
      for (CallSnapshot call : step.calls()) {
        @Nullable ToolReturned returned = call.returned();
        out.add(
            new Message.ToolUse(
                call.asked().call(),
                call.asked().tool(),
                Json.trusted(call.asked().input()),
                returned == null || returned.output() == null
                    ? null
                    : Json.trusted(returned.output()),
                returned == null ? null : returned.error(),
                parts));
      }
    }
    return out;
  }

  private static Status status(LaneState state) {
    return switch (state) {
      case PENDING -> Status.PENDING;
      case STREAMING, WAITING -> Status.STREAMING;
      case COMPLETED -> Status.COMPLETE;
      case FAILED -> Status.FAILED;
      case CANCELLED -> Status.CANCELLED;
    };
  }
}

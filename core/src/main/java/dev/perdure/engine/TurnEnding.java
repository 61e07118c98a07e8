package dev.perdure.engine;

import dev.perdure.chat.Compensations;
import dev.perdure.chat.Endings;
import dev.perdure.db.Tx;
import dev.perdure.log.TurnWriter;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.ToolUndo;
import dev.perdure.protocol.TurnFold.TurnSnapshot;
import dev.perdure.protocol.TurnOutcome;
import dev.perdure.protocol.TurnState;
import dev.perdure.testing.FaultPoints.Point;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The final transaction of a turn whose lanes have ended. Used by the turn's thread. */
final class TurnEnding {
  private final EngineParts parts;
  private final EngineMetrics metrics;
  private final Patience patience;

  TurnEnding(EngineParts parts, EngineMetrics metrics, Patience patience) {
    this.parts = parts;
    this.metrics = metrics;
    this.patience = patience;
  }

  /** Commits the one terminal state, and what the turn owes. */
  void end(TurnWriter writer) {
    TurnSnapshot now = writer.snapshot();
    TurnState state = TurnOutcome.state(now);
    @Nullable TurnError error = TurnOutcome.error(now);
    TurnState.RUNNING.to(state);
    parts.faults().at(Point.ENDING);
    @Nullable List<ToolUndo> owed = owed(now);
    if (owed == null) {
      return;
    }
    List<TurnEvent> last = new ArrayList<>(owed);
    @Nullable Boolean done =
        patience.until(() -> {
          writer.end(last, state, error, end -> tx -> endHeld(tx, end, owed));
          return true;
        });
    parts.faults().at(Point.ENDED);
    if (done != null) {
      metrics.ended(state);
    }
  }

  /** Null if the turn was let go. */
  private @Nullable List<ToolUndo> owed(TurnSnapshot now) {
    boolean clean =
        now.lanes().stream()
            .allMatch(lane -> lane.state() == LaneState.COMPLETED && lane.attempt() <= 1);
    // The way of most turns does not ask the database.
    return clean
        ? List.of()
        : patience.until(() -> parts.database().read(tx -> Compensations.owed(tx, now)));
  }

  private boolean endHeld(Tx tx, TurnSnapshot end, List<ToolUndo> owed) throws SQLException {
    boolean mine = Endings.endHeld(tx, end, parts.nodeId());
    if (mine) {
      Compensations.owe(tx, owed);
    }
    parts.faults().at(Point.ENDING_UNCOMMITTED);
    return mine;
  }
}

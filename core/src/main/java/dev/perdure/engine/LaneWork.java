package dev.perdure.engine;

import dev.perdure.chat.Caller;
import dev.perdure.chat.Endings;
import dev.perdure.chat.Turn;
import dev.perdure.db.Database;
import dev.perdure.engine.TurnQueue.Claim;
import dev.perdure.log.FencedException;
import dev.perdure.log.TurnWriter;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import org.jspecify.annotations.Nullable;

/**
 * One lane of a claimed turn, and what its steps are done with. Thread-safe.
 *
 * @param compactions lets one lane of the turn at a time sum up older messages
 */
record LaneWork(
    EngineParts parts,
    EngineMetrics metrics,
    TurnQueue queue,
    CallGates gates,
    Claim claim,
    Caller owner,
    Turn turn,
    int lane,
    TurnWriter writer,
    LaneControl control,
    Turnstile compactions) {

  /** What the lane has come to. */
  LaneSnapshot now() {
    return writer.lane(lane);
  }

  /**
   * Ends the lane. One that others of its turn may outlive is stored by the same commit, so that
   * listings show it, and so that no crash comes between its end and the wish that it fulfils. A
   * retry that has not come to its first word leaves the lane as it had ended before.
   */
  void end(LaneEnded event) {
    if (now().state().terminal()) {
      writer.append(kept(event), (tx, then) -> Endings.settleLane(tx, then, lane));
    } else if (turn.lanes().size() == 1) {
      writer.append(event);
    } else {
      writer.append(event, (tx, then) -> Endings.settleLane(tx, then, lane));
    }
  }

  private Notice kept(LaneEnded event) {
    @Nullable TurnError error = event.error();
    return new Notice(
        "kept",
        (error == null ? "The retry was cancelled." : "The retry failed: " + error.text())
            + " What was there before is kept.",
        lane);
  }

  /** Changes rows of the turn for the holder of its epoch; null if the lane must stop. */
  <T> @Nullable T held(Database.Work<T> change) {
    return patience()
        .until(() ->
            parts
                .database()
                .write(tx -> {
                  if (!queue.lockHeld(tx, claim)) {
                    throw new FencedException(turn.id(), claim.epoch());
                  }
                  return change.run(tx);
                }));
  }

  Patience patience() {
    return new Patience(turn.id(), control, parts.timers());
  }
}

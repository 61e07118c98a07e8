package dev.perdure.engine;

import dev.perdure.chat.Caller;
import dev.perdure.chat.Turn;
import dev.perdure.engine.TurnQueue.Claim;
import dev.perdure.log.TurnWriter;
import dev.perdure.protocol.TurnFold.LaneSnapshot;

/** One lane of a claimed turn, and what its steps are done with. Thread-safe. */
record LaneWork(
    EngineParts parts,
    EngineMetrics metrics,
    TurnQueue queue,
    Claim claim,
    Caller owner,
    Turn turn,
    int lane,
    TurnWriter writer,
    LaneControl control) {

  /** What the lane has come to. */
  LaneSnapshot now() {
    return writer.lane(lane);
  }

  Patience patience() {
    return new Patience(turn.id(), control, parts.timers());
  }
}

package dev.perdure.protocol;

import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.protocol.TurnFold.TurnSnapshot;
import org.jspecify.annotations.Nullable;

/** How a turn ends whose lanes have, whoever ends it. Stateless. */
public final class TurnOutcome {
  private TurnOutcome() {}

  /** A turn is completed if any lane is. */
  public static TurnState state(TurnSnapshot turn) {
    boolean failed = false;
    for (LaneSnapshot lane : turn.lanes()) {
      switch (lane.state()) {
        case COMPLETED -> {
          return TurnState.COMPLETED;
        }
        case FAILED -> failed = true;
        case CANCELLED -> {}
        case PENDING, STREAMING, WAITING ->
            throw new IllegalStateException(
                "Lane " + lane.lane() + " of " + turn.turn() + " is still " + lane.state());
      }
    }
    return failed ? TurnState.FAILED : TurnState.CANCELLED;
  }

  /** The error of the first lane that failed, if the turn did. */
  public static @Nullable TurnError error(TurnSnapshot turn) {
    if (state(turn) == TurnState.FAILED) {
      for (LaneSnapshot lane : turn.lanes()) {
        if (lane.state() == LaneState.FAILED) {
          return lane.error();
        }
      }
    }
    return null;
  }
}

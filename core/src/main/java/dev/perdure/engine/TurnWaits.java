package dev.perdure.engine;

import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.TurnEvent.ToolWaiting;
import dev.perdure.protocol.TurnFold.CallSnapshot;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.protocol.TurnFold.TurnSnapshot;
import dev.perdure.protocol.WaitFor;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a turn, or a lane of it, waits for.
 *
 * @param untilMillis the first time at which it goes on by itself; null for never
 */
record TurnWaits(Set<String> calls, List<WaitFor> kinds, @Nullable Long untilMillis) {

  /** Whether there is anything to wait for. */
  boolean any() {
    return !calls.isEmpty();
  }

  static TurnWaits of(LaneSnapshot lane) {
    return of(List.of(lane));
  }

  static TurnWaits of(TurnSnapshot turn) {
    return of(turn.lanes());
  }

  private static TurnWaits of(List<LaneSnapshot> lanes) {
    Set<String> calls = new HashSet<>();
    EnumSet<WaitFor> kinds = EnumSet.noneOf(WaitFor.class);
    @Nullable Long until = null;
    for (LaneSnapshot lane : lanes) {
      if (lane.state() != LaneState.WAITING) {
        continue;
      }
      for (CallSnapshot call : lane.calls()) {
        @Nullable ToolWaiting waiting = call.waiting();
        if (waiting != null) {
          calls.add(waiting.call());
          kinds.add(waiting.waitsFor());
          @Nullable Long end = waiting.untilMillis();
          until = end == null || (until != null && until < end) ? until : end;
        }
      }
    }
    return new TurnWaits(calls, List.copyOf(kinds), until);
  }
}

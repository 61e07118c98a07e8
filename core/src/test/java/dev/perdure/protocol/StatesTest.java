package dev.perdure.protocol;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.EnumSet;
import org.junit.jupiter.api.Test;

class StatesTest {

  @Test
  void every_pair_of_turn_states_is_either_legal_or_names_both() {
    int legal = 0;
    for (TurnState from : TurnState.values()) {
      for (TurnState to : TurnState.values()) {
        if (from.next().contains(to)) {
          legal++;
          assertThat(from.to(to)).isEqualTo(to);
        } else {
          assertThatThrownBy(() -> from.to(to))
              .hasMessageContaining(from.name())
              .hasMessageContaining(to.name());
        }
      }
    }
    // The table itself: 3 from queued, 5 from running, 4 from waiting.
    assertThat(legal).isEqualTo(12);
  }

  @Test
  void a_turn_that_has_ended_goes_nowhere() {
    EnumSet<TurnState> terminal = EnumSet.noneOf(TurnState.class);
    for (TurnState state : TurnState.values()) {
      if (state.terminal()) {
        terminal.add(state);
      }
    }
    assertThat(terminal)
        .containsExactlyInAnyOrder(TurnState.COMPLETED, TurnState.FAILED, TurnState.CANCELLED);
  }

  @Test
  void every_pair_of_lane_states_is_either_legal_or_names_both() {
    int legal = 0;
    for (LaneState from : LaneState.values()) {
      for (LaneState to : LaneState.values()) {
        if (from.next().contains(to)) {
          legal++;
          assertThat(from.to(to)).isEqualTo(to);
        } else {
          assertThatThrownBy(() -> from.to(to))
              .hasMessageContaining(from.name())
              .hasMessageContaining(to.name());
        }
      }
    }
    assertThat(legal).isEqualTo(15);
  }

  @Test
  void names_on_the_wire_are_read_back() {
    for (TurnState state : TurnState.values()) {
      assertThat(TurnState.of(state.wire())).isEqualTo(state);
    }
    for (LaneState state : LaneState.values()) {
      assertThat(LaneState.of(state.wire())).isEqualTo(state);
    }
    for (FinishReason reason : FinishReason.values()) {
      assertThat(FinishReason.of(reason.wire())).isEqualTo(reason);
    }
    for (PartKind kind : PartKind.values()) {
      assertThat(PartKind.of(kind.wire())).isEqualTo(kind);
    }
  }
}

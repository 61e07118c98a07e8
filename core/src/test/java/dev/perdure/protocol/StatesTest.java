package dev.perdure.protocol;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Test;

class StatesTest {

  private static final String[] NAMES_OF_TURN = {
    "QUEUED", "RUNNING", "WAITING", "COMPLETED", "FAILED", "CANCELLED", "SCHEDULED"
  };

  private static final String[] NAMES_OF_LANE = {
    "PENDING", "STREAMING", "WAITING", "COMPLETED", "FAILED", "CANCELLED"
  };

  /** From (rows) to (columns), both in the order of the enum; x is a legal change. */
  private static final String TURN_TABLE =
      """
      .x.xxxx
      x.xxxx.
      xx.xxx.
      .......
      .......
      .......
      xx..xx.
      """;

  private static final String LANE_TABLE =
      """
      .x..xx
      x.xxxx
      xx..xx
      x.....
      x.....
      x.....
      """;

  @Test
  void every_pair_of_turn_states_is_either_legal_or_names_both() {
    List<TurnState> states = List.of(TurnState.values());
    assertThat(states).extracting(Enum::name).containsExactly(NAMES_OF_TURN);
    List<String> table = TURN_TABLE.lines().toList();
    for (int row = 0; row < states.size(); row++) {
      for (int column = 0; column < states.size(); column++) {
        TurnState from = states.get(row);
        TurnState to = states.get(column);
        if (table.get(row).charAt(column) == 'x') {
          assertThat(from.to(to)).isEqualTo(to);
        } else {
          assertThatThrownBy(() -> from.to(to))
              .isInstanceOf(IllegalStateException.class)
              .hasMessageContaining(from.name())
              .hasMessageContaining(to.name());
        }
      }
    }
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
    List<LaneState> states = List.of(LaneState.values());
    assertThat(states).extracting(Enum::name).containsExactly(NAMES_OF_LANE);
    List<String> table = LANE_TABLE.lines().toList();
    for (int row = 0; row < states.size(); row++) {
      for (int column = 0; column < states.size(); column++) {
        LaneState from = states.get(row);
        LaneState to = states.get(column);
        if (table.get(row).charAt(column) == 'x') {
          assertThat(from.to(to)).isEqualTo(to);
        } else {
          assertThatThrownBy(() -> from.to(to))
              .isInstanceOf(IllegalStateException.class)
              .hasMessageContaining(from.name())
              .hasMessageContaining(to.name());
        }
      }
    }
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

package dev.perdure.protocol;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnEvent.LaneRef;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.PartEnded;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.protocol.TurnEvent.StepEnded;
import dev.perdure.protocol.TurnEvent.ToolCalled;
import dev.perdure.protocol.TurnEvent.ToolDecided;
import dev.perdure.protocol.TurnEvent.ToolReturned;
import dev.perdure.protocol.TurnEvent.ToolWaiting;
import dev.perdure.protocol.TurnEvent.TurnAccepted;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEvent.TurnResumed;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import dev.perdure.protocol.TurnEvent.TurnWaiting;
import dev.perdure.protocol.TurnEvent.Unknown;
import dev.perdure.protocol.TurnEvent.UsageReported;
import dev.perdure.protocol.TurnFold.CallSnapshot;
import dev.perdure.protocol.TurnFold.PartSnapshot;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class TurnFoldTest {
  private final TurnFold fold = new TurnFold();

  private void apply(TurnEvent... events) {
    for (TurnEvent event : events) {
      fold.apply(fold.seq() + 1, event);
    }
  }

  private void accept(int lanes) {
    List<LaneRef> refs =
        IntStream.range(0, lanes).mapToObj(i -> new LaneRef(i, "m" + i, "demo/demo")).toList();
    apply(new TurnAccepted("t", "s", "u", refs, 1), new TurnStarted(1, 1));
  }

  @Test
  void an_event_that_is_refused_leaves_its_place_to_the_next() {
    accept(1);
    apply(new AttemptStarted(0, 0, 1, "demo/demo", null));
    long before = fold.seq();
    assertThatThrownBy(() -> fold.apply(before + 1, new PartDelta(0, 1, 7, "of no part")))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(fold.seq()).isEqualTo(before);
    fold.apply(before + 1, new PartStarted(0, 1, 0, PartKind.TEXT));
    assertThat(fold.seq()).isEqualTo(before + 1);
  }

  @Test
  void deltas_of_a_part_become_its_text() {
    accept(1);
    apply(
        new AttemptStarted(0, 0, 1, "demo/demo", null),
        new PartStarted(0, 1, 0, PartKind.REASONING),
        new PartDelta(0, 1, 0, "hm"),
        new PartEnded(0, 1, 0),
        new PartStarted(0, 1, 1, PartKind.TEXT),
        new PartDelta(0, 1, 1, "Hel"),
        new PartDelta(0, 1, 1, "lo"));
    assertThat(fold.laneSnapshot(0).parts())
        .containsExactly(
            new PartSnapshot(0, PartKind.REASONING, "hm", true),
            new PartSnapshot(1, PartKind.TEXT, "Hello", false));
    assertThat(fold.laneSnapshot(0).text()).isEqualTo("Hello");
  }

  @Test
  void a_new_attempt_voids_the_text_of_its_lane_only_and_usage_adds_up() {
    accept(2);
    for (int lane = 0; lane < 2; lane++) {
      apply(
          new AttemptStarted(lane, 0, 1, "demo/demo", null),
          new PartStarted(lane, 1, 0, PartKind.TEXT),
          new PartDelta(lane, 1, 0, "old"),
          new UsageReported(lane, 1, new TokenUsage(1, 2, 0, 0)));
    }
    apply(
        new Notice("retrying", "again", 0),
        new AttemptStarted(0, 0, 2, "openai/x", "server"),
        new PartStarted(0, 2, 0, PartKind.TEXT),
        new PartDelta(0, 2, 0, "new"),
        new UsageReported(0, 2, new TokenUsage(10, 20, 0, 0)));
    assertThat(fold.laneSnapshot(0).text()).isEqualTo("new");
    assertThat(fold.laneSnapshot(0).model()).isEqualTo("openai/x");
    assertThat(fold.laneSnapshot(0).again())
        .containsExactly(new AttemptStarted(0, 0, 2, "openai/x", "server"));
    assertThat(fold.laneSnapshot(1).again()).isEmpty();
    assertThat(fold.laneSnapshot(0).usage()).isEqualTo(new TokenUsage(11, 22, 0, 0));
    assertThat(fold.laneSnapshot(1).text()).isEqualTo("old");
  }

  @Test
  void a_new_attempt_of_a_step_leaves_the_steps_before_it() {
    accept(1);
    ToolCalled call = new ToolCalled(0, 1, "c", "time", "{}", null);
    ToolReturned returned = new ToolReturned(0, "c", "\"noon\"", null);
    apply(
        new AttemptStarted(0, 0, 1, "demo/demo", null),
        new PartStarted(0, 1, 0, PartKind.TEXT),
        new PartDelta(0, 1, 0, "see: "),
        call,
        new StepEnded(0, 0, 1, FinishReason.TOOL_CALLS, "{}"),
        returned,
        new AttemptStarted(0, 1, 2, "demo/demo", null),
        new PartStarted(0, 2, 1, PartKind.TEXT),
        new PartDelta(0, 2, 1, "old"),
        new AttemptStarted(0, 1, 3, "demo/demo", "server"),
        new PartStarted(0, 3, 1, PartKind.TEXT),
        new PartDelta(0, 3, 1, "new"));
    assertThat(fold.laneSnapshot(0).text()).isEqualTo("see: new");
    assertThat(fold.laneSnapshot(0).calls())
        .containsExactly(new CallSnapshot(call, null, returned));
    apply(
        new LaneEnded(0, LaneState.COMPLETED, FinishReason.STOP, null),
        new AttemptStarted(0, 0, 4, "demo/demo", "retry"));
    assertThat(fold.laneSnapshot(0).steps()).hasSize(1);
    assertThat(fold.laneSnapshot(0).calls()).isEmpty();
  }

  @Test
  void a_call_that_waits_makes_its_lane_wait_until_it_is_decided() {
    accept(1);
    ToolWaiting waiting = new ToolWaiting(0, "c", WaitFor.APPROVAL, "h", 5L);
    apply(
        new AttemptStarted(0, 0, 1, "demo/demo", null),
        new ToolCalled(0, 1, "c", "pay", "{}", null),
        new ToolCalled(0, 1, "d", "pay", "{}", null),
        new StepEnded(0, 0, 1, FinishReason.TOOL_CALLS, null),
        waiting,
        new ToolWaiting(0, "d", WaitFor.CLIENT, null, null),
        new TurnWaiting(List.of(WaitFor.APPROVAL), 5L, 1));
    assertThat(fold.snapshot().state()).isEqualTo(TurnState.WAITING);
    assertThat(fold.laneSnapshot(0).calls().getFirst().waiting()).isEqualTo(waiting);
    apply(new TurnStarted(2, 3));
    assertThat(fold.snapshot().state()).isEqualTo(TurnState.WAITING);
    apply(new TurnResumed(4), new ToolDecided(0, "c", Decision.REFUSE, null));
    assertThat(fold.snapshot().state()).isEqualTo(TurnState.RUNNING);
    assertThat(fold.laneSnapshot(0).state()).isEqualTo(LaneState.WAITING);
    apply(new ToolReturned(0, "d", null, new TurnError("expired", "x", false)));
    assertThat(fold.laneSnapshot(0).state()).isEqualTo(LaneState.STREAMING);
  }

  @Test
  void a_notice_that_a_retry_comes_leaves_the_text_that_is_there() {
    accept(1);
    apply(
        new AttemptStarted(0, 0, 1, "demo/demo", null),
        new PartStarted(0, 1, 0, PartKind.TEXT),
        new PartDelta(0, 1, 0, "seen"),
        new Notice("retrying", "again", 0),
        new LaneEnded(0, LaneState.FAILED, null, new TurnError("server", "x", true)));
    assertThat(fold.laneSnapshot(0).text()).isEqualTo("seen");
    assertThat(fold.laneSnapshot(0).state()).isEqualTo(LaneState.FAILED);
  }

  @Test
  void the_end_and_events_of_newer_versions_are_taken() {
    accept(1);
    apply(
        new Unknown("tea.served"),
        new LaneEnded(0, LaneState.CANCELLED, null, null),
        new TurnEnded(TurnState.CANCELLED, null, "d", 2));
    assertThat(fold.snapshot().state()).isEqualTo(TurnState.CANCELLED);
    assertThat(fold.snapshot().seq()).isEqualTo(4);
    assertThat(fold.snapshot().epoch()).isEqualTo(1);
  }

  @Test
  void a_gap_is_refused() {
    accept(1);
    assertThatThrownBy(() -> fold.apply(7, new Unknown("x"))).hasMessageContaining("7");
    assertThatThrownBy(() -> fold.apply(1, new Unknown("x"))).hasMessageContaining("1");
  }

  @Test
  void illegal_changes_of_state_are_refused() {
    accept(1);
    LaneEnded completed = new LaneEnded(0, LaneState.COMPLETED, FinishReason.STOP, null);
    assertThatThrownBy(() -> apply(completed)).hasMessageContaining("PENDING to COMPLETED");
    apply(new AttemptStarted(0, 0, 1, "demo/demo", null), completed);
    assertThatThrownBy(() -> apply(completed)).hasMessageContaining("COMPLETED to COMPLETED");
    apply(new AttemptStarted(0, 0, 2, "demo/demo", "retry"));
    assertThat(fold.laneSnapshot(0).state()).isEqualTo(LaneState.STREAMING);
    apply(new TurnEnded(TurnState.COMPLETED, null, "d", 2));
    assertThatThrownBy(() -> apply(new TurnStarted(2, 3)))
        .hasMessageContaining("COMPLETED to RUNNING");
  }
}

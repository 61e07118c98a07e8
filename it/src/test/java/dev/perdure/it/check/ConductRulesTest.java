package dev.perdure.it.check;

import static dev.perdure.it.check.Scene.SENT;
import static dev.perdure.it.check.Scene.cancelled;
import static dev.perdure.it.check.Scene.looked;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.it.check.Observation.Posted;
import dev.perdure.it.check.Observation.Request;
import dev.perdure.it.check.Observation.Trespassed;
import dev.perdure.it.check.Stored.ProviderCall;
import dev.perdure.it.check.Stored.Trouble;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a server must not do: each history is good but for the one thing that its test names. */
class ConductRulesTest {
  private final Scene scene = new Scene();

  @Test
  void a_cancelled_turn_that_somebody_wished_to_stop_is_no_violation() {
    cancelledTurn();
    scene.seen.add(cancelled(SENT + 50, 202, "running"));
    assertThat(scene.broken()).isEmpty();
  }

  @Test
  void a_wish_whose_answer_was_lost_is_a_wish() {
    cancelledTurn();
    scene.seen.add(cancelled(SENT + 50, 0, "running"));
    assertThat(scene.broken()).isEmpty();
  }

  @Test
  void a_message_that_interrupts_is_a_wish() {
    cancelledTurn();
    Request next = new Request("k2", "m2", "/echo x\nm2", "x", List.of("openai/a"), "interrupt");
    scene.seen.add(new Posted(next, 0, SENT + 40, SENT + 50, 0, null, null));
    assertThat(scene.broken()).isEmpty();
  }

  @Test
  void a_turn_that_is_cancelled_without_a_wish_is_found() {
    cancelledTurn();
    assertThat(scene.broken()).containsExactly(Rule.CANCEL_IS_WISHED);
  }

  @Test
  void a_call_after_the_end_is_found() {
    scene.calls.add(new ProviderCall(2, "m1", "openai", SENT + 2_200, "completed"));
    assertThat(scene.broken()).containsExactly(Rule.RECORDED_IS_DONE);
  }

  @Test
  void a_call_that_a_frozen_node_had_on_its_way_at_the_end_is_no_violation() {
    scene.calls.add(new ProviderCall(2, "m1", "openai", SENT + 5_100, "aborted"));
    scene.troubles.add(new Trouble("SIGSTOP", SENT + 40, SENT + 5_000));
    assertThat(scene.broken()).isEmpty();
  }

  @Test
  void a_call_after_all_lanes_had_ended_is_found() {
    takenUpAtItsEnd();
    scene.calls.add(new ProviderCall(2, "m1", "openai", SENT + 90, "completed"));
    assertThat(scene.broken()).containsExactly(Rule.RECORDED_IS_DONE);
  }

  @Test
  void a_turn_that_is_taken_up_only_to_end_it_is_no_violation() {
    takenUpAtItsEnd();
    assertThat(scene.broken()).isEmpty();
  }

  @Test
  void a_call_that_stood_still_since_before_all_lanes_ended_is_no_violation() {
    takenUpAtItsEnd();
    scene.calls.add(new ProviderCall(2, "m1", "openai", SENT + 90, "aborted"));
    scene.troubles.add(new Trouble("SIGSTOP", SENT + 1, SENT + 85));
    assertThat(scene.broken()).isEmpty();
  }

  @Test
  void somebody_elses_turn_that_is_not_found_is_no_violation() {
    for (int status : new int[] {404, 0, 429, 503}) {
      scene.seen.add(new Trespassed("t9", 0, "GET /v1/turns/t9", status, "{}"));
    }
    String empty = "retry: 2000\n\nevent: notice\ndata: {\"code\":\"degraded\",\"text\":\"x\"}\n\n";
    scene.seen.add(new Trespassed("t9", 0, "GET /v1/turns/t9/events", 200, empty));
    assertThat(scene.broken()).isEmpty();
  }

  @Test
  void somebody_elses_turn_that_is_shown_is_found() {
    scene.seen.add(new Trespassed("t9", 0, "GET /v1/turns/t9", 200, "{}"));
    assertThat(scene.broken()).containsExactly(Rule.FOREIGN_IS_UNKNOWN);
  }

  @Test
  void somebody_elses_events_that_are_shown_are_found() {
    scene.seen.add(new Trespassed("t9", 0, "GET /v1/turns/t9/events", 200, "data: {}\n\n"));
    assertThat(scene.broken()).containsExactly(Rule.FOREIGN_IS_UNKNOWN);
  }

  @Test
  void somebody_elses_turn_that_is_told_from_an_unknown_one_is_found() {
    scene.seen.add(new Trespassed("t9", 0, "POST /v1/turns/t9/cancel", 403, "{}"));
    assertThat(scene.broken()).containsExactly(Rule.FOREIGN_IS_UNKNOWN);
  }

  @Test
  void an_answer_of_500_is_found() {
    scene.seen.add(looked(500, "{}"));
    assertThat(scene.broken()).containsExactly(Rule.NO_BUG);
  }

  @Test
  void an_error_in_a_log_of_a_server_is_found() {
    Checker checker = new Checker(List.of(), List.of(), Duration.ofSeconds(2));
    checker.bug("node 0", "ERROR Engine: a bug");
    assertThat(checker.violations()).extracting(Violation::rule).containsExactly(Rule.NO_BUG);
  }

  @Test
  void a_reply_that_failed_by_a_fault_of_the_server_is_found() {
    scene.state = "failed";
    scene.laneState = "failed";
    scene.messageStatus = "failed";
    String[] lines = scene.open();
    lines[7] =
        "{\"seq\":7,\"type\":\"lane.ended\",\"lane\":0,\"state\":\"failed\","
            + "\"error\":{\"code\":\"internal\",\"text\":\"x\",\"retryable\":true}}";
    scene.lines = Scene.sealedAs("failed", lines);
    scene.seen.subList(1, 3).clear();
    assertThat(scene.broken()).containsExactly(Rule.NO_BUG);
  }

  /** Makes the turn one that was cancelled in the middle. */
  private void cancelledTurn() {
    scene.state = "cancelled";
    scene.laneState = "cancelled";
    scene.messageStatus = "cancelled";
    scene.messageText = "Hello ";
    String[] lines = scene.open();
    scene.lines =
        Scene.sealedAs(
            "cancelled",
            lines[0],
            lines[1],
            lines[2],
            lines[3],
            lines[4],
            "{\"seq\":5,\"type\":\"lane.ended\",\"lane\":0,\"state\":\"cancelled\"}");
    scene.seen.subList(1, 3).clear();
  }

  /** Makes the turn one whose node died between the end of its lane and its own. */
  private void takenUpAtItsEnd() {
    String[] lines = java.util.Arrays.copyOf(scene.open(), 9);
    lines[8] = "{\"seq\":8,\"type\":\"turn.started\",\"epoch\":2,\"at\":" + (SENT + 80) + "}";
    scene.epoch = 2;
    scene.log(lines);
    scene.seen.subList(1, 3).clear();
  }
}

package dev.perdure.it.check;

import static dev.perdure.it.check.Scene.SENT;
import static dev.perdure.it.check.Scene.cancelled;
import static dev.perdure.it.check.Scene.looked;
import static dev.perdure.it.check.Scene.posted;
import static dev.perdure.it.check.Scene.stream;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.it.check.Observation.End;
import dev.perdure.it.check.Observation.Left;
import dev.perdure.it.check.Observation.Posted;
import dev.perdure.it.check.Observation.Request;
import dev.perdure.it.check.Observation.Streamed;
import dev.perdure.it.check.Stored.Message;
import dev.perdure.it.check.Stored.ProviderCall;
import dev.perdure.it.check.Stored.Trouble;
import dev.perdure.it.check.Stored.Turn;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Good histories pass; of bad ones each rule is seen to fire, and only it where that can be. */
class CheckerTest {
  private final Scene scene = new Scene();

  private static final String LATER =
      "{\"seq\":6,\"type\":\"part.delta\",\"lane\":0,\"attempt\":1,\"part\":0,\"text\":\"all\"}";

  @Test
  void a_good_history_has_no_violation() {
    scene.seen.add(posted(0, null));
    scene.seen.add(posted(202, "t1"));
    scene.seen.add(looked(200, status(4, "Hello ", "streaming")));
    scene.seen.add(looked(503, ""));
    scene.seen.add(
        stream("c2", 200, null, snapshot(4, "Hello "), scene.lines.subList(5, 9), End.TURN_ENDED));
    scene.seen.add(stream("c3", null, scene.lines.subList(0, 2), End.BROKEN));
    scene.seen.add(new Left("c3", "t1"));
    scene.seen.add(cancelled(SENT + 200, 200, "completed"));
    assertThat(scene.violations()).isEmpty();
  }

  @Test
  void a_violation_names_its_turn_and_shows_evidence() {
    scene.messageText = "Hello me";
    Violation violation = scene.violations().getFirst();
    assertThat(violation.subject()).isEqualTo("t1");
    assertThat(violation.toString()).contains("STORED_TEXT", "t1", "Hello me", "Hello you");
  }

  @Test
  void an_accepted_message_that_is_not_stored_is_found() {
    scene.stored = false;
    scene.seen.subList(1, 3).clear();
    assertThat(scene.broken()).containsExactly(Rule.ACCEPTED_IS_KEPT);
  }

  @Test
  void an_accepted_message_that_is_stored_otherwise_is_found() {
    scene.userText = "/echo Hello yo";
    assertThat(scene.broken()).contains(Rule.ACCEPTED_IS_KEPT);
  }

  @Test
  void a_turn_that_nobody_asked_for_is_found() {
    scene.seen.clear();
    assertThat(scene.broken()).containsExactly(Rule.ACCEPTED_IS_KEPT);
  }

  @Test
  void an_accepted_turn_that_is_not_found_by_a_reader_is_found() {
    scene.seen.add(looked(404, "{}"));
    assertThat(scene.broken()).containsExactly(Rule.ACCEPTED_IS_KEPT);
  }

  @Test
  void an_accepted_turn_that_is_not_found_by_a_stream_is_found() {
    scene.seen.add(stream("c2", 404, null, null, List.of(), End.REFUSED));
    scene.seen.add(new Left("c2", "t1"));
    assertThat(scene.broken()).containsExactly(Rule.ACCEPTED_IS_KEPT);
  }

  @Test
  void two_turns_of_one_key_are_found() {
    scene.seen.add(posted(202, "t2"));
    assertThat(scene.broken()).contains(Rule.ONE_KEY_ONE_TURN);
  }

  @Test
  void a_second_turn_of_a_key_whose_answer_was_lost_is_found() {
    scene.seen.add(posted(0, null));
    scene.moreTurns.add(scene.turn("t2", 1, scene.lines));
    assertThat(scene.broken()).contains(Rule.ONE_KEY_ONE_TURN);
  }

  @Test
  void a_stored_message_that_was_refused_is_found() {
    scene.seen.clear();
    scene.seen.add(posted(409, null));
    assertThat(scene.broken()).containsExactly(Rule.REFUSED_IS_NOTHING);
  }

  @Test
  void a_stored_message_whose_answer_was_lost_is_no_violation() {
    scene.seen.clear();
    scene.seen.add(posted(503, null));
    assertThat(scene.broken()).isEmpty();
  }

  @Test
  void a_turn_that_is_still_open_is_found() {
    scene.state = "running";
    assertThat(scene.broken()).containsExactly(Rule.ONE_END);
  }

  @Test
  void a_row_and_a_log_that_end_differently_are_found() {
    scene.state = "failed";
    assertThat(scene.broken()).containsExactly(Rule.ONE_END);
  }

  @Test
  void a_message_that_does_not_rest_with_its_lane_is_found() {
    scene.messageStatus = "streaming";
    assertThat(scene.broken()).containsExactly(Rule.ONE_END);
  }

  @Test
  void an_ended_turn_that_is_still_held_is_found() {
    scene.node = "node_1";
    assertThat(scene.broken()).containsExactly(Rule.ONE_END);
  }

  @Test
  void an_end_that_was_shown_and_changed_later_is_found() {
    scene.seen.add(cancelled(SENT + 200, 200, "failed"));
    assertThat(scene.broken()).containsExactly(Rule.ONE_END);
  }

  @Test
  void a_gap_in_the_log_is_found() {
    Turn turn = scene.turn("t1", 0, scene.lines);
    scene.stored = false;
    scene.moreTurns.add(
        new Turn(
            "t1",
            turn.state(),
            0,
            1,
            null,
            turn.startedMillis(),
            turn.endedMillis(),
            "u1",
            turn.lanes(),
            List.of(Scene.block(scene.lines, 0, 4), Scene.block(scene.lines, 5, 9)),
            List.of()));
    scene.moreMessages.add(new Message("u1", "t1", "user", 0, "complete", Scene.TEXT));
    scene.moreMessages.add(new Message("a1", "t1", "assistant", 1, "complete", "Hello you"));
    assertThat(scene.broken()).contains(Rule.DENSE);
  }

  @Test
  void text_outside_of_an_attempt_breaks_the_grammar() {
    String[] lines = scene.open();
    lines[2] = "{\"seq\":2,\"type\":\"notice\",\"code\":\"x\",\"text\":\"y\"}";
    scene.log(lines);
    scene.seen.subList(1, 3).clear();
    assertThat(scene.broken()).contains(Rule.GRAMMAR);
  }

  @Test
  void two_ends_break_the_grammar() {
    String[] lines = scene.lines.toArray(String[]::new);
    scene.log(lines);
    scene.seen.subList(1, 3).clear();
    assertThat(scene.broken()).containsExactly(Rule.GRAMMAR);
  }

  @Test
  void an_epoch_that_does_not_rise_breaks_the_grammar() {
    String[] lines = scene.open();
    lines[6] = "{\"seq\":6,\"type\":\"turn.started\",\"epoch\":1,\"at\":1}";
    scene.log(lines);
    scene.seen.subList(1, 3).clear();
    assertThat(scene.broken()).containsExactly(Rule.GRAMMAR);
  }

  @Test
  void a_wrong_digest_is_found() {
    String end = scene.lines.getLast().replaceFirst("\"digest\":\"....", "\"digest\":\"0000");
    scene.lines = List.of(concat(scene.open(), end));
    scene.seen.subList(1, 3).clear();
    assertThat(scene.broken()).containsExactly(Rule.DIGEST);
  }

  @Test
  void a_stored_text_that_its_provider_did_not_say_is_found() {
    String[] lines = scene.open();
    lines[5] = lines[5].replace("you", "you you");
    scene.log(lines);
    scene.messageText = "Hello you you";
    scene.seen.subList(1, 3).clear();
    assertThat(scene.broken()).containsExactly(Rule.STORED_TEXT);
  }

  @Test
  void a_complete_reply_that_lacks_its_end_is_found() {
    String[] lines = scene.open();
    lines[5] = "{\"seq\":5,\"type\":\"notice\",\"code\":\"x\",\"text\":\"y\"}";
    scene.log(lines);
    scene.messageText = "Hello ";
    scene.seen.subList(1, 3).clear();
    assertThat(scene.broken()).containsExactly(Rule.STORED_TEXT);
  }

  @Test
  void an_event_that_was_delivered_and_is_not_stored_is_found() {
    scene.seen.set(
        2, stream("c1", 3L, List.of(scene.lines.get(4), scene.lines.get(5), LATER), End.BROKEN));
    scene.seen.add(new Left("c1", "t1"));
    assertThat(scene.broken()).containsExactly(Rule.DELIVERED_IS_DURABLE);
  }

  @Test
  void a_snapshot_that_the_log_does_not_support_is_found() {
    scene.seen.add(
        stream(
            "c2", 200, null, snapshot(4, "Hello you"), scene.lines.subList(5, 9), End.TURN_ENDED));
    assertThat(scene.broken()).contains(Rule.DELIVERED_IS_DURABLE);
  }

  @Test
  void a_status_that_the_log_does_not_support_is_found() {
    scene.seen.add(looked(200, status(4, "Hello you", "streaming")));
    assertThat(scene.broken()).containsExactly(Rule.DELIVERED_IS_DURABLE);
  }

  @Test
  void a_refused_cursor_of_a_delivered_event_is_found() {
    scene.seen.add(2, stream("c1", 400, 3L, null, List.of(), End.REFUSED));
    assertThat(scene.broken()).containsExactly(Rule.DELIVERED_IS_DURABLE);
  }

  @Test
  void an_event_that_is_left_out_is_found() {
    scene.seen.set(2, stream("c1", 3L, scene.lines.subList(5, 9), End.TURN_ENDED));
    assertThat(scene.broken()).contains(Rule.CURSOR);
  }

  @Test
  void an_event_that_comes_twice_is_found() {
    scene.seen.set(2, stream("c1", 3L, scene.lines.subList(3, 9), End.TURN_ENDED));
    assertThat(scene.broken()).contains(Rule.CURSOR);
  }

  @Test
  void a_stream_that_goes_on_after_the_end_is_found() {
    scene.seen.add(
        stream(
            "c2",
            null,
            List.of(concat(scene.lines.toArray(String[]::new), "{\"seq\":9}")),
            End.BROKEN));
    assertThat(scene.broken()).containsAnyOf(Rule.CURSOR, Rule.DELIVERED_IS_DURABLE);
  }

  @Test
  void nothing_more_to_read_while_there_is_more_is_found() {
    scene.seen.add(2, stream("c1", 204, 3L, null, List.of(), End.REFUSED));
    assertThat(scene.broken()).containsExactly(Rule.CURSOR);
  }

  @Test
  void a_broken_frame_is_found() {
    scene.seen.add(
        new Streamed("c2", "t1", 0, 0, 0, 200, null, null, List.of(), "no id", null, End.CLIENT));
    scene.seen.add(new Left("c2", "t1"));
    assertThat(scene.broken()).containsExactly(Rule.CURSOR);
  }

  @Test
  void a_reader_whose_text_is_not_the_stored_one_is_found() {
    scene.messageText = "Hello me";
    assertThat(scene.broken()).containsExactly(Rule.STORED_TEXT, Rule.READER_TEXT);
  }

  @Test
  void a_reader_that_is_left_hanging_is_found() {
    scene.seen.set(2, stream("c1", 3L, scene.lines.subList(4, 8), End.SERVER));
    assertThat(scene.broken()).containsExactly(Rule.READER_ENDS);
  }

  @Test
  void a_call_after_a_cancel_is_found() {
    asCancelled();
    scene.seen.add(cancelled(SENT + 50, 202, "running"));
    scene.calls.add(new ProviderCall(2, "m1", "openai", SENT + 2_100, "aborted"));
    assertThat(scene.broken()).containsExactly(Rule.NO_CALL_AFTER_CANCEL);
  }

  @Test
  void a_call_that_a_frozen_node_had_on_its_way_is_no_violation() {
    asCancelled();
    scene.seen.add(cancelled(SENT + 50, 202, "running"));
    scene.calls.add(new ProviderCall(2, "m1", "openai", SENT + 5_100, "aborted"));
    scene.troubles.add(new Trouble("SIGSTOP", SENT + 40, SENT + 5_000));
    assertThat(scene.broken()).isEmpty();
  }

  @Test
  void a_call_long_after_a_trouble_is_found() {
    asCancelled();
    scene.endedMillis = SENT + 9_200;
    scene.seen.add(cancelled(SENT + 50, 202, "running"));
    scene.calls.add(new ProviderCall(2, "m1", "openai", SENT + 9_100, "aborted"));
    scene.troubles.add(new Trouble("SIGSTOP", SENT + 40, SENT + 5_000));
    assertThat(scene.broken()).containsExactly(Rule.NO_CALL_AFTER_CANCEL);
  }

  @Test
  void a_call_for_a_turn_that_was_cancelled_in_the_queue_is_found() {
    asCancelled();
    scene.lines =
        Scene.sealedAs(
            "cancelled",
            scene.lines.getFirst(),
            "{\"seq\":1,\"type\":\"lane.ended\",\"lane\":0,\"state\":\"cancelled\"}");
    scene.messageText = "";
    scene.seen.add(cancelled(SENT + 50, 200, "cancelled"));
    assertThat(scene.broken()).containsExactly(Rule.NO_CALL_AFTER_CANCEL);
    scene.calls.clear();
    assertThat(scene.broken()).isEmpty();
  }

  @Test
  void a_call_after_an_accepted_interrupt_is_found() {
    asCancelled();
    Request next = new Request("key-2", "m2", "/echo x\nm2", "x", List.of("openai/a"), "interrupt");
    scene.seen.add(new Posted(next, 0, SENT + 40, SENT + 50, 202, "t2", null));
    Turn turn = scene.turn("t2", 1, scene.lines);
    scene.moreTurns.add(
        new Turn(
            "t2",
            "cancelled",
            1,
            1,
            null,
            SENT + 200,
            SENT + 300,
            "u2",
            turn.lanes(),
            turn.log(),
            List.of()));
    scene.moreMessages.add(new Message("u2", "t2", "user", 2, "complete", "/echo x\nm2"));
    scene.calls.add(new ProviderCall(2, "m1", "openai", SENT + 2_100, "aborted"));
    assertThat(scene.broken()).contains(Rule.NO_CALL_AFTER_CANCEL);
  }

  @Test
  void a_turn_that_runs_on_after_a_cancel_is_found() {
    scene.endedMillis = SENT + 9_000;
    scene.seen.add(cancelled(SENT + 50, 202, "running"));
    assertThat(scene.broken()).containsExactly(Rule.CANCEL_IS_OBEYED);
  }

  @Test
  void a_cancel_that_finds_all_replies_complete_changes_nothing() {
    String[] lines = java.util.Arrays.copyOf(scene.open(), 9);
    lines[8] = "{\"seq\":8,\"type\":\"turn.started\",\"epoch\":2,\"at\":" + (SENT + 8_000) + "}";
    scene.epoch = 2;
    scene.log(lines);
    scene.seen.subList(1, 3).clear();
    scene.endedMillis = SENT + 9_000;
    scene.seen.add(cancelled(SENT + 50, 202, "running"));
    assertThat(scene.broken()).isEmpty();
  }

  @Test
  void a_turn_that_begins_before_the_last_one_has_ended_is_found() {
    Request next =
        new Request("key-2", "m2", "/echo x\nm2", "Hello you", List.of("openai/a"), "enqueue");
    scene.seen.add(new Posted(next, 0, SENT + 40, SENT + 50, 202, "t2", null));
    Turn turn = scene.turn("t2", 1, scene.lines);
    scene.moreTurns.add(
        new Turn(
            "t2",
            "completed",
            1,
            1,
            null,
            SENT + 99,
            SENT + 300,
            "u2",
            turn.lanes(),
            turn.log(),
            List.of()));
    scene.moreMessages.add(new Message("u2", "t2", "user", 2, "complete", "/echo x\nm2"));
    assertThat(scene.broken()).containsExactly(Rule.ONE_AT_A_TIME);
  }

  @Test
  void what_is_left_behind_is_found() {
    Checker checker = new Checker(List.of(), List.of(), Duration.ofSeconds(2));
    checker.left("t9", "turn is still open");
    assertThat(checker.violations()).extracting(Violation::rule).containsExactly(Rule.NOTHING_LEFT);
  }

  /** Makes the turn one that was cancelled in the middle. */
  private void asCancelled() {
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

  private static String[] concat(String[] lines, String last) {
    String[] all = java.util.Arrays.copyOf(lines, lines.length + 1);
    all[lines.length] = last;
    return all;
  }

  private static String status(long seq, String text, String state) {
    return ("{\"turn\":\"t1\",\"state\":\"running\",\"seq\":%d,"
            + "\"lanes\":[{\"lane\":0,\"state\":\"%s\",\"attempt\":1,\"text\":\"%s\"}]}")
        .formatted(seq, state, text);
  }

  private static String snapshot(long seq, String text) {
    return ("{\"turn\":\"t1\",\"seq\":%d,\"epoch\":1,\"state\":\"running\",\"lanes\":[{\"lane\":0,"
            + "\"message\":\"a1\",\"state\":\"streaming\",\"attempt\":1,"
            + "\"parts\":[{\"part\":0,\"kind\":\"text\",\"text\":\"%s\",\"ended\":false}]}]}")
        .formatted(seq, text);
  }
}

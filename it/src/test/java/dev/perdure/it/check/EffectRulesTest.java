package dev.perdure.it.check;

import static dev.perdure.it.check.Scene.SENT;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.it.check.Observation.Answered;
import dev.perdure.it.check.Stored.ToolCall;
import dev.perdure.it.check.Stored.ToolRequest;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Steps, effects and approvals: each history is good but for the one thing that its test names. */
class EffectRulesTest {
  private static final String ASKED = "tool.waiting\",\"lane\":0,\"call\":\"c1\",\"for\":\"";
  private static final String DECIDED = "tool.decided\",\"lane\":0,\"call\":\"c1\",\"decision\":\"";

  private final Scene scene = new Scene();
  private List<String> start = List.of();

  /** A turn whose model asks for one call of a tool before it says what it says. */
  @BeforeEach
  void start() {
    start = List.of(scene.open()).subList(0, 2);
    scene.seen.subList(1, 3).clear();
  }

  private void log(String... bodies) {
    List<String> lines = new ArrayList<>(start);
    List<String> all = new ArrayList<>();
    all.add("attempt.started\",\"lane\":0,\"step\":0,\"attempt\":1,\"model\":\"openai/a\"}");
    all.add(called("c1", ""));
    all.add("step.ended\",\"lane\":0,\"step\":0,\"attempt\":1,\"finish\":\"tool_calls\"}");
    all.addAll(List.of(bodies));
    all.add("attempt.started\",\"lane\":0,\"step\":1,\"attempt\":2,\"model\":\"openai/a\"}");
    all.add("part.started\",\"lane\":0,\"attempt\":2,\"part\":0,\"kind\":\"text\"}");
    all.add("part.delta\",\"lane\":0,\"attempt\":2,\"part\":0,\"text\":\"Hello you\"}");
    all.add("part.ended\",\"lane\":0,\"attempt\":2,\"part\":0}");
    all.add("lane.ended\",\"lane\":0,\"state\":\"completed\",\"finish\":\"stop\"}");
    for (String body : all) {
      lines.add("{\"seq\":" + lines.size() + ",\"type\":\"" + body);
    }
    scene.log(lines.toArray(String[]::new));
  }

  private static String called(String call, String more) {
    return "tool.called\",\"lane\":0,\"attempt\":1,\"call\":\""
        + call
        + "\",\"tool\":\"pay\",\"input\":{}"
        + more
        + "}";
  }

  private static String returned(String call) {
    return "tool.returned\",\"lane\":0,\"call\":\"" + call + "\",\"output\":{}}";
  }

  private static final String FAILED =
      "tool.returned\",\"lane\":0,\"call\":\"c1\",\"error\":{\"code\":\"refused\",\"text\":\"x\",\"retryable\":false}}";

  private void row(String state, long runs) {
    scene.toolCalls.add(new ToolCall("c1", "pay", "unsafe", state, runs));
  }

  private void request(String key) {
    scene.toolRequests.add(new ToolRequest(key, SENT + 20));
  }

  /** The call was made and recorded so often, and nobody was asked about it. */
  private void made(int times) {
    log(returned("c1"));
    row("done", times);
    for (int i = 0; i < times; i++) {
      request("c1");
    }
  }

  private void answered(String decision, int status) {
    scene.seen.add(new Answered("t1", "c1", decision, 0, SENT + 20, SENT + 30, status));
  }

  @Test
  void a_call_that_is_made_once_is_no_violation() {
    made(1);
    assertThat(scene.violations()).isEmpty();
  }

  @Test
  void a_recorded_step_that_is_asked_again_is_found() {
    log(
        "attempt.started\",\"lane\":0,\"step\":0,\"attempt\":2,\"model\":\"openai/a\"}",
        "attempt.started\",\"lane\":0,\"step\":0,\"attempt\":3,\"model\":\"openai/a\"}");
    assertThat(scene.broken()).contains(Rule.STEP_ONCE);
  }

  @Test
  void an_unsafe_call_that_is_made_twice_is_found() {
    made(2);
    assertThat(scene.broken()).containsExactly(Rule.EFFECT_ONCE);
  }

  @Test
  void an_unsafe_call_that_somebody_decides_to_repeat_is_no_violation() {
    log(ASKED + "attention\"}", DECIDED + "repeat\"}", returned("c1"));
    row("done", 2);
    request("c1");
    request("c1");
    answered("repeat", 200);
    assertThat(scene.violations()).isEmpty();
  }

  @Test
  void a_call_that_the_ledger_does_not_know_of_is_found() {
    log(returned("c1"));
    row("done", 0);
    request("c1");
    assertThat(scene.broken()).containsExactly(Rule.EFFECT_ONCE);
  }

  @Test
  void an_idempotent_call_that_is_made_again_is_no_violation() {
    log(returned("c1"));
    scene.toolCalls.add(new ToolCall("c1", "pay", "idempotent", "done", 2));
    request("c1");
    request("c1");
    assertThat(scene.violations()).isEmpty();
  }

  @Test
  void a_call_with_two_results_is_found() {
    log(returned("c1"), returned("c1"));
    row("done", 1);
    assertThat(scene.broken()).containsExactly(Rule.EFFECT_ONCE);
  }

  @Test
  void a_call_that_was_agreed_to_is_no_violation() {
    log(ASKED + "approval\"}", DECIDED + "approve\"}", returned("c1"));
    row("done", 1);
    request("c1");
    answered("approve", 200);
    answered("refuse", 409);
    assertThat(scene.violations()).isEmpty();
  }

  @Test
  void a_call_that_nobody_agreed_to_is_found() {
    log(ASKED + "approval\"}", returned("c1"));
    row("done", 1);
    assertThat(scene.broken()).containsExactly(Rule.APPROVED_FIRST);
  }

  @Test
  void a_call_that_was_refused_and_made_is_found() {
    log(ASKED + "approval\"}", DECIDED + "refuse\"}", FAILED);
    row("refused", 0);
    request("c1");
    assertThat(scene.broken()).contains(Rule.APPROVED_FIRST);
  }

  @Test
  void a_call_in_the_place_of_another_needs_no_second_approval() {
    log(ASKED + "approval\"}", called("c2", ",\"replaces\":\"c1\""), FAILED, returned("c2"));
    row("superseded", 0);
    scene.toolCalls.add(new ToolCall("c2", "pay", "unsafe", "done", 1));
    request("c2");
    answered("approve", 200);
    assertThat(scene.violations()).isEmpty();
  }

  @Test
  void the_call_that_was_replaced_and_is_made_nevertheless_is_found() {
    log(ASKED + "approval\"}", called("c2", ",\"replaces\":\"c1\""), FAILED, returned("c2"));
    row("superseded", 1);
    assertThat(scene.broken()).containsExactly(Rule.APPROVED_FIRST);
  }

  @Test
  void two_answers_that_were_both_taken_are_found() {
    log(ASKED + "approval\"}", DECIDED + "approve\"}", returned("c1"));
    row("done", 1);
    answered("approve", 200);
    answered("refuse", 200);
    assertThat(scene.broken()).containsExactly(Rule.DECIDED_ONCE);
  }

  @Test
  void an_answer_that_was_taken_and_does_not_hold_is_found() {
    log(ASKED + "approval\"}", DECIDED + "approve\"}", returned("c1"));
    row("done", 1);
    answered("refuse", 200);
    assertThat(scene.broken()).containsExactly(Rule.DECIDED_ONCE);
  }

  @Test
  void an_answer_before_the_log_tells_of_the_question_is_no_violation() {
    made(1);
    answered("approve", 200);
    assertThat(scene.violations()).isEmpty();
  }

  @Test
  void two_answers_before_the_log_tells_of_the_question_are_found() {
    made(1);
    answered("approve", 200);
    answered("refuse", 200);
    assertThat(scene.broken()).containsExactly(Rule.DECIDED_ONCE);
  }

  @Test
  void an_approval_that_is_not_told_and_attention_that_is_are_no_violation() {
    log(ASKED + "attention\"}", DECIDED + "repeat\"}", returned("c1"));
    row("done", 2);
    answered("approve", 200);
    answered("repeat", 200);
    assertThat(scene.violations()).isEmpty();
  }

  @Test
  void two_approvals_of_a_call_that_needed_attention_too_are_found() {
    log(
        ASKED + "approval\"}",
        DECIDED + "approve\"}",
        ASKED + "attention\"}",
        DECIDED + "done\"}",
        returned("c1"));
    row("done", 1);
    answered("approve", 200);
    answered("refuse", 200);
    assertThat(scene.broken()).contains(Rule.DECIDED_ONCE);
  }

  @Test
  void an_answer_to_a_call_that_is_cancelled_before_it_is_told_is_no_violation() {
    log(ASKED + "approval\"}", DECIDED + "approve\"}", ASKED + "attention\"}", FAILED);
    row("abandoned", 1);
    answered("repeat", 200);
    assertThat(scene.violations()).isEmpty();
  }

  @Test
  void a_refusal_that_is_told_as_a_yes_is_found_though_attention_was_never_decided() {
    log(ASKED + "approval\"}", DECIDED + "approve\"}", ASKED + "attention\"}", FAILED);
    row("abandoned", 1);
    answered("refuse", 200);
    assertThat(scene.broken()).containsExactly(Rule.DECIDED_ONCE);
  }

  @Test
  void two_ends_of_a_call_that_needed_attention_twice_are_found() {
    log(
        ASKED + "attention\"}",
        DECIDED + "repeat\"}",
        ASKED + "attention\"}",
        DECIDED + "done\"}",
        returned("c1"));
    row("done", 2);
    answered("done", 200);
    answered("fail", 200);
    assertThat(scene.broken()).containsExactly(Rule.DECIDED_ONCE);
  }

  @Test
  void a_call_of_the_client_that_expires_and_a_question_that_is_declined_are_no_violation() {
    log(ASKED + "client\"}", DECIDED + "expired\"}", FAILED);
    row("expired", 0);
    assertThat(scene.violations()).isEmpty();

    log(ASKED + "input\"}", DECIDED + "refuse\"}", FAILED);
    scene.toolCalls.clear();
    scene.toolCalls.add(new ToolCall("c1", "ask_user", "read", "refused", 0));
    answered("refuse", 200);
    assertThat(scene.violations()).isEmpty();
  }

  @Test
  void a_repeat_that_was_taken_before_the_log_told_of_the_question_is_no_violation() {
    made(2);
    answered("repeat", 200);
    assertThat(scene.violations()).isEmpty();
  }

  @Test
  void a_repeat_that_was_refused_and_made_nevertheless_is_found() {
    made(2);
    answered("repeat", 409);
    assertThat(scene.broken()).containsExactly(Rule.EFFECT_ONCE);
  }
}

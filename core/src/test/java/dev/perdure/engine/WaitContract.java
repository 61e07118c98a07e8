package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.Answer;
import dev.perdure.chat.CallState;
import dev.perdure.chat.Caller;
import dev.perdure.chat.ToolCallRow;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest.ClientTool;
import dev.perdure.protocol.Decision;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.ToolCalled;
import dev.perdure.protocol.TurnEvent.ToolDecided;
import dev.perdure.protocol.TurnEvent.ToolReturned;
import dev.perdure.protocol.TurnEvent.ToolWaiting;
import dev.perdure.protocol.TurnEvent.TurnResumed;
import dev.perdure.protocol.TurnEvent.TurnWaiting;
import dev.perdure.protocol.TurnEvent.Unknown;
import dev.perdure.protocol.TurnState;
import dev.perdure.protocol.WaitFor;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.Tools;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What turns do that wait for people, across restarts, on either database. */
abstract class WaitContract extends ToolFixture {
  @Test
  void an_unsafe_call_that_was_cut_short_waits_for_a_decision() throws Exception {
    for (Decision decision : List.of(Decision.DONE, Decision.REPEAT, Decision.FAIL)) {
      FakeTool look = cutShort(Effect.UNSAFE);
      use(look);
      int before = provider.requests().size();
      script("a", CALL, LAST);
      Turn turn = submit();
      eventually(() -> look.calls.size() == 1);
      dies(turn, look);
      String call = awaitWaiting(turn);
      assertThat(row(turn).state()).isEqualTo(CallState.ATTENTION);
      // As one that was approved before it was made, long ago: this decision has no limit.
      database.write(tx -> tx.update("UPDATE tool_call SET expires_at = 1 WHERE id = ?", call));
      JsonNode output = decision == Decision.DONE ? Json.trusted("{\"paid\":true}") : null;
      assertCode(
          () -> node.answers.answer(CALLER, turn.id(), answer(call, Decision.APPROVE)),
          ErrorCode.CONFLICT);
      node.answers.answer(CALLER, turn.id(), new Answer(call, decision, output, "because", null));
      List<TurnEvent> log = node.awaitEnd(turn.id());
      assertThat(only(log, ToolDecided.class))
          .containsExactly(new ToolDecided(0, call, decision, "because"));
      assertThat(look.calls).hasSize(decision == Decision.REPEAT ? 2 : 1);
      String result = told(before + 1).getFirst().result();
      assertThat(result)
          .isEqualTo(
              switch (decision) {
                case DONE -> "{\"paid\":true}";
                case REPEAT -> "again";
                default -> "Error: because";
              });
    }
  }

  @Test
  void an_approval_lets_the_call_run_and_a_second_word_is_refused() throws Exception {
    FakeTool look =
        new FakeTool("look", Effect.UNSAFE, Tool.Approval.ALWAYS, Tool.Input::arguments);
    use(look);
    script("a", CALL, LAST);
    Turn turn = submit();
    String call = awaitWaiting(turn);
    assertThat(look.calls).isEmpty();
    // Kept by a restart.
    dies(turn, look);
    ToolCallRow asked = row(turn);
    assertCode(
        () ->
            node.answers.answer(
                CALLER, turn.id(), new Answer(call, Decision.APPROVE, null, null, "other hash")),
        ErrorCode.CONFLICT);
    assertCode(
        () ->
            node.answers.answer(
                new Caller("acme", "bob"), turn.id(), answer(call, Decision.APPROVE)),
        ErrorCode.NOT_FOUND);
    assertCode(
        () -> node.answers.answer(CALLER, turn.id(), answer("call_x", Decision.APPROVE)),
        ErrorCode.NOT_FOUND);
    node.answers.answer(
        CALLER, turn.id(), new Answer(call, Decision.APPROVE, null, null, asked.inputHash()));
    assertCode(
        () -> node.answers.answer(CALLER, turn.id(), answer(call, Decision.REFUSE)),
        ErrorCode.CONFLICT);
    List<TurnEvent> log = node.awaitEnd(turn.id());
    ToolWaiting waiting = only(log, ToolWaiting.class).getFirst();
    assertThat(waiting.inputHash()).isEqualTo(asked.inputHash());
    assertThat(only(log, TurnWaiting.class))
        .singleElement()
        .extracting(TurnWaiting::waitsFor, TurnWaiting::untilMillis)
        .containsExactly(List.of(WaitFor.APPROVAL), waiting.untilMillis());
    assertThat(only(log, TurnResumed.class)).hasSize(1);
    assertThat(only(log, ToolDecided.class))
        .containsExactly(new ToolDecided(0, call, Decision.APPROVE, null));
    assertThat(look.calls).hasSize(1);
    assertThat(text(turn, 0)).isEqualTo("See: done.");
  }

  @Test
  void a_turn_that_an_older_version_let_wait_is_finished() throws Exception {
    Turn turn = submit();
    // Log and ledger word for word as the first version with tools has stored them.
    String log =
        """
        {"seq":1,"type":"turn.started","epoch":1,"at":1}
        {"seq":2,"type":"attempt.started","lane":0,"step":0,"attempt":1,"model":"script/a"}
        {"seq":3,"type":"tool.called","lane":0,"attempt":1,"call":"call_1","tool":"look","input":{"n":1}}
        {"seq":4,"type":"step.ended","lane":0,"step":0,"attempt":1,"finish":"tool_calls"}
        {"seq":5,"type":"tool.waiting","lane":0,"call":"call_1","for":"approval","inputHash":"abc"}
        {"seq":6,"type":"turn.waiting","for":["approval"],"at":2}
        """;
    database.write(tx -> {
      tx.update(
          "INSERT INTO log_block (turn_id, first_seq, last_seq, payload) VALUES (?, 1, 6, ?)",
          turn.id(),
          log.getBytes(StandardCharsets.UTF_8));
      tx.update(
          """
          INSERT INTO tool_call (id, turn_id, lane, step, tool, effect, input_hash, state, runs,
                                 created_at, updated_at)
          VALUES ('call_1', ?, 0, 0, 'look', 'unsafe', 'abc', 'approval', 0, 1, 1)\
          """,
          turn.id());
      tx.update("UPDATE lane SET state = 'waiting' WHERE turn_id = ?", turn.id());
      return tx.update("UPDATE turn SET state = 'waiting', epoch = 1 WHERE id = ?", turn.id());
    });
    FakeTool look =
        new FakeTool("look", Effect.UNSAFE, Tool.Approval.ALWAYS, Tool.Input::arguments);
    use(look);
    script("a", LAST);
    node.answers.answer(
        CALLER, turn.id(), new Answer("call_1", Decision.APPROVE, null, null, "abc"));
    node.awaitEnd(turn.id());
    assertThat(look.calls).extracting(Tool.Input::key).containsExactly("call_1");
    assertThat(told(0).getFirst().result()).isEqualTo("{\"n\":1}");
    assertThat(text(turn, 0)).isEqualTo("done.");
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.COMPLETED);
  }

  @Test
  void what_a_newer_version_has_added_to_a_log_is_passed_over() throws Exception {
    Turn turn = submit();
    String log =
        """
        {"seq":1,"type":"turn.started","epoch":1,"at":1,"mood":"good"}
        {"seq":2,"type":"tea.served","cups":[1,2]}
        {"seq":3,"type":"attempt.started","lane":0,"step":0,"attempt":1,"model":"script/a","tea":{}}
        {"seq":4,"type":"tool.called","lane":0,"attempt":1,"call":"call_1","tool":"look","input":{"n":1}}
        {"seq":5,"type":"tool.poured","lane":0,"call":"call_1"}
        {"seq":6,"type":"step.ended","lane":0,"step":0,"attempt":1,"finish":"tool_calls"}
        {"seq":7,"type":"context.warmed","lane":0}
        """;
    database.write(tx -> {
      tx.update(
          "INSERT INTO log_block (turn_id, first_seq, last_seq, payload) VALUES (?, 1, 7, ?)",
          turn.id(),
          log.getBytes(StandardCharsets.UTF_8));
      return tx.update("UPDATE turn SET epoch = 1 WHERE id = ?", turn.id());
    });
    FakeTool look = new FakeTool("look", Effect.READ, Tool.Approval.NEVER, Tool.Input::arguments);
    use(look);
    script("a", LAST);
    List<TurnEvent> read = node.awaitEnd(turn.id());
    assertThat(only(read, Unknown.class))
        .containsExactly(
            new Unknown("tea.served"), new Unknown("tool.poured"), new Unknown("context.warmed"));
    assertThat(look.calls).extracting(Tool.Input::key).containsExactly("call_1");
    assertThat(text(turn, 0)).isEqualTo("done.");
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.COMPLETED);
  }

  @Test
  void a_yes_to_other_arguments_is_another_call() throws Exception {
    FakeTool look =
        new FakeTool("look", Effect.UNSAFE, Tool.Approval.ALWAYS, Tool.Input::arguments);
    use(look);
    script("a", CALL, LAST);
    Turn turn = submit();
    String call = awaitWaiting(turn);
    for (String bad : List.of("{\"n\":\"two\"}", "{\"m\":2}", "[2]")) {
      assertCode(
          () -> node.answers.answer(CALLER, turn.id(), edited(call, bad)),
          ErrorCode.INVALID_REQUEST);
    }
    assertThat(row(turn).state()).isEqualTo(CallState.APPROVAL);
    node.answers.answer(CALLER, turn.id(), edited(call, "{\"n\":2}"));
    assertCode(
        () -> node.answers.answer(CALLER, turn.id(), answer(call, Decision.APPROVE)),
        ErrorCode.CONFLICT);
    List<TurnEvent> log = node.awaitEnd(turn.id());
    List<ToolCallRow> rows = node.calls.ofTurn(CALLER, turn.id());
    assertThat(rows)
        .extracting(ToolCallRow::state)
        .containsExactlyInAnyOrder(CallState.SUPERSEDED, CallState.DONE);
    ToolCallRow made =
        rows.stream().filter(row -> row.state() == CallState.DONE).findFirst().orElseThrow();
    assertThat(made.replaces()).isEqualTo(call);
    assertThat(made.inputHash()).isNotEqualTo(row(turn).inputHash()).hasSize(64);
    assertThat(look.calls).extracting(Tool.Input::key).containsExactly(made.id());
    assertThat(look.calls.getFirst().arguments()).isEqualTo(Json.trusted("{\"n\":2}"));
    assertThat(only(log, ToolCalled.class).getLast())
        .isEqualTo(new ToolCalled(0, 1, made.id(), "look", "{\"n\":2}", null, call));
    assertThat(only(log, ToolReturned.class))
        .extracting(ToolReturned::call)
        .containsExactly(call, made.id());
    // The model has asked for one call and is told of one.
    assertThat(told(1)).hasSize(1);
    assertThat(told(1).getFirst().call()).isEqualTo(call);
    assertThat(told(1).getFirst().input()).isEqualTo("{\"n\":1}");
    assertThat(told(1).getFirst().result()).contains("changed the arguments to {\"n\":2}");
    assertThat(told(1).getFirst().failed()).isFalse();
  }

  private static Answer edited(String call, String input) {
    return new Answer(call, Decision.APPROVE, null, null, null, Json.trusted(input));
  }

  @Test
  void a_refusal_goes_to_the_model() throws Exception {
    FakeTool look = new FakeTool("look", Effect.UNSAFE);
    use(look);
    script("a", CALL, LAST);
    Turn turn = submit(null, List.of("look"));
    String call = awaitWaiting(turn);
    node.answers.answer(
        CALLER, turn.id(), new Answer(call, Decision.REFUSE, null, "too dear", null));
    node.awaitEnd(turn.id());
    assertThat(look.calls).isEmpty();
    assertThat(told(1).getFirst().result()).contains("refused").contains("too dear");
  }

  @Test
  void an_approval_that_nobody_gives_expires() throws Exception {
    FakeTool look =
        new FakeTool("look", Effect.UNSAFE, Tool.Approval.ALWAYS, Tool.Input::arguments);
    use(new Tools.Limits(9, 1000, 1000, Duration.ofMillis(300)), look);
    script("a", CALL, LAST);
    Turn turn = submit();
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(only(log, ToolDecided.class))
        .extracting(ToolDecided::decision)
        .containsExactly(Decision.EXPIRED);
    assertThat(look.calls).isEmpty();
    assertThat(told(1).getFirst().result()).contains("Nobody answered");
    assertCode(
        () -> node.answers.answer(CALLER, turn.id(), answer(row(turn).id(), Decision.APPROVE)),
        ErrorCode.CONFLICT);
  }

  @Test
  void a_tool_of_the_client_gets_its_result_from_there() throws Exception {
    use();
    script("a", CALL, LAST);
    Turn turn =
        submit(
            null,
            List.of(),
            new ClientTool("look", "Looks.", Json.trusted("{\"type\":\"object\"}")));
    String call = awaitWaiting(turn);
    assertThat(provider.requests().getFirst().tools()).hasSize(1);
    node.answers.answer(
        CALLER, turn.id(), new Answer(call, Decision.DONE, Json.trusted("[\"blue\"]"), null, null));
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(only(log, ToolWaiting.class))
        .extracting(ToolWaiting::waitsFor)
        .containsExactly(WaitFor.CLIENT);
    assertThat(only(log, ToolDecided.class)).isEmpty();
    assertThat(told(1).getFirst().result()).isEqualTo("[\"blue\"]");
  }

  @Test
  void a_waiting_turn_can_be_cancelled_and_the_session_goes_on() throws Exception {
    FakeTool look =
        new FakeTool("look", Effect.UNSAFE, Tool.Approval.ALWAYS, Tool.Input::arguments);
    use(look);
    script("a", CALL, LAST);
    String session = node.session();
    Turn turn = node.submit(session, "Hi", "script/a");
    awaitWaiting(turn);
    Turn next = node.submit(session, "Still there?", "script/a");
    assertThat(node.turn(next.id()).state()).isEqualTo(TurnState.QUEUED);
    Turn cancelled = node.desk.cancelTurn(CALLER, turn.id());
    assertThat(cancelled.state()).isEqualTo(TurnState.CANCELLED);
    node.awaitEnd(turn.id());
    node.awaitEnd(next.id());
    assertThat(row(turn).state()).isEqualTo(CallState.ABANDONED);
    assertThat(text(turn, 0)).isEqualTo("See: ");
    assertThat(text(next, 0)).isEqualTo("done.");
  }

  @Test
  void a_lane_that_waits_does_not_keep_the_others_and_goes_on_while_they_work() throws Exception {
    FakeTool look =
        new FakeTool("look", Effect.UNSAFE, Tool.Approval.ALWAYS, Tool.Input::arguments);
    use(look);
    script("a", CALL, LAST);
    script("b", HELD);
    Turn turn = node.submit(node.session(), "Hi", "script/a", "script/b");
    node.await(turn.id(), ToolWaiting.class::isInstance);
    node.await(turn.id(), EngineFixture::isDelta);
    String call = row(turn).id();
    node.answers.answer(CALLER, turn.id(), answer(call, Decision.APPROVE));
    node.await(turn.id(), e -> e instanceof TurnEvent.LaneEnded end && end.lane() == 0);
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.RUNNING);
    provider.letGo();
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(only(log, TurnWaiting.class)).isEmpty();
    assertThat(text(turn, 0)).isEqualTo("See: done.");
    assertThat(text(turn, 1)).isEqualTo("part");
  }

  @Test
  void each_call_of_a_lane_that_waits_while_another_is_at_work_is_counted() throws Exception {
    FakeTool look =
        new FakeTool("look", Effect.UNSAFE, Tool.Approval.ALWAYS, Tool.Input::arguments);
    EngineConfig d = EngineHarness.config(Duration.ofMinutes(5));
    RetryPolicy r = d.retry();
    node.close();
    node =
        new EngineHarness(
            database,
            provider,
            new EngineConfig(
                d.lease(),
                d.beat(),
                d.poll(),
                d.claimBatch(),
                d.maxRunning(),
                d.maxCrashes(),
                d.turnTimeLimit(),
                new RetryPolicy(r.attempts(), 2, r.base(), r.max(), r.budget()),
                d.callLimits(),
                d.logRetention(),
                d.idempotencyRetention()),
            new Tools(List.of(look), Tools.Limits.DEFAULT));
    node.engine.start();
    script("a", CALL, CALL, LAST);
    script("b", HELD);
    Turn turn = node.submit(node.session(), "Hi", "script/a", "script/b");
    for (int calls = 1; calls <= 2; calls++) {
      int asked = calls;
      eventually(() -> node.calls.ofTurn(CALLER, turn.id()).size() == asked);
      String call = node.calls.ofTurn(CALLER, turn.id()).getLast().id();
      node.answers.answer(CALLER, turn.id(), answer(call, Decision.APPROVE));
    }
    node.await(turn.id(), e -> e instanceof TurnEvent.LaneEnded end && end.lane() == 0);
    provider.letGo();
    node.awaitEnd(turn.id());
    assertThat(message(turn, turn.lanes().getFirst().message()).error())
        .extracting(TurnError::code)
        .isEqualTo("call_limit");
  }

  @Test
  void a_lane_of_a_waiting_turn_can_be_cancelled_alone() throws Exception {
    FakeTool look =
        new FakeTool("look", Effect.UNSAFE, Tool.Approval.ALWAYS, Tool.Input::arguments);
    use(look);
    script("a", CALL, LAST);
    script("b", REPLY);
    Turn turn = node.submit(node.session(), "Hi", "script/a", "script/b");
    awaitWaiting(turn);
    node.desk.cancelLane(CALLER, turn.id(), 0);
    node.awaitEnd(turn.id());
    assertThat(node.turn(turn.id()).lanes())
        .extracting(Turn.Lane::state)
        .containsExactly(LaneState.CANCELLED, LaneState.COMPLETED);
    assertThat(look.calls).isEmpty();
  }
}

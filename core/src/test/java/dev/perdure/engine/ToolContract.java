package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.CallState;
import dev.perdure.chat.Message;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.protocol.TurnEvent.ToolCalled;
import dev.perdure.protocol.TurnEvent.ToolReturned;
import dev.perdure.protocol.TurnState;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelRequest.ToolUse;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.ToolException;
import dev.perdure.tool.Tools;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** What steps and tools do, and what becomes of them when their node dies, on either database. */
abstract class ToolContract extends ToolFixture {
  @Test
  void a_model_is_told_what_its_tools_returned() {
    FakeTool look = new FakeTool("look", Effect.READ);
    use(look);
    script("a", CALL.replace("{'finish'", "{'carried':{'wire':'x'}},{'finish'"), LAST);
    Turn turn = submit();
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(only(log, AttemptStarted.class))
        .containsExactly(
            new AttemptStarted(0, 0, 1, "script/a", null),
            new AttemptStarted(0, 1, 2, "script/a", null));
    assertThat(text(turn, 0)).isEqualTo("See: done.");
    ToolCalled called = only(log, ToolCalled.class).getFirst();
    assertThat(only(log, ToolReturned.class))
        .containsExactly(new ToolReturned(0, called.call(), "{\"n\":1}", null));
    assertThat(look.calls)
        .singleElement()
        .extracting(Tool.Input::key, Tool.Input::owner)
        .containsExactly(called.call(), "ann");
    ModelRequest second = provider.requests().get(1);
    assertThat(second.tools()).extracting(ModelRequest.ToolSpec::name).containsExactly("look");
    assertThat(second.steps())
        .containsExactly(
            new ModelRequest.ModelStep(
                "See: ",
                List.of(new ToolUse(called.call(), "r1", "look", "{\"n\":1}", "{\"n\":1}", false)),
                "{\"wire\":\"x\"}"));
    Message message = message(turn, turn.lanes().getFirst().message());
    assertThat(message.tools())
        .containsExactly(
            new Message.ToolUse(
                called.call(),
                "look",
                Json.trusted("{\"n\":1}"),
                Json.trusted("{\"n\":1}"),
                null,
                1));
    assertThat(row(turn).state()).isEqualTo(CallState.DONE);
  }

  @Test
  void calls_of_one_step_run_side_by_side() {
    CountDownLatch both = new CountDownLatch(2);
    FakeTool meet =
        new FakeTool(
            "look",
            Effect.READ,
            Tool.Approval.NEVER,
            input -> {
              both.countDown();
              both.await();
              return input.arguments();
            });
    use(meet);
    script(
        "a",
        "[{'call':'look','input':{'n':1}},{'call':'look','input':{'n':2}},{'finish':'tool_calls'}]",
        LAST);
    Turn turn = submit();
    node.awaitEnd(turn.id());
    assertThat(told(1)).extracting(ToolUse::result).containsExactly("{\"n\":1}", "{\"n\":2}");
  }

  @Test
  void what_a_model_gets_wrong_it_is_told() {
    FakeTool fails =
        new FakeTool(
            "fails",
            Effect.UNSAFE,
            Tool.Approval.NEVER,
            input -> {
              throw new ToolException("no money\u0000");
            });
    FakeTool look = new FakeTool("look", Effect.READ);
    use(look, fails);
    script(
        "a",
        "[{'call':'lok','input':{}},{'call':'look','input':{'n':'one'}},"
            + "{'call':'look','input':'no object'},{'call':'fails','input':{}},"
            + "{'finish':'tool_calls'}]",
        LAST);
    Turn turn = submit();
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(look.calls).isEmpty();
    assertThat(only(log, ToolReturned.class))
        .extracting(returned -> Optional.ofNullable(returned.error()).orElseThrow().code())
        .containsExactlyInAnyOrder(
            "unknown_tool", "invalid_arguments", "invalid_arguments", "tool_failed");
    assertThat(told(1)).allMatch(ToolUse::failed);
    assertThat(told(1).get(0).result()).contains("'lok'").contains("look, fails");
    assertThat(told(1).get(1).result()).contains("/n");
    assertThat(told(1).get(3).result()).isEqualTo("Error: no money\uFFFD");
    assertThat(text(turn, 0)).isEqualTo("done.");
  }

  @Test
  void arguments_that_do_not_fit_a_clients_schema_do_not_reach_the_client() {
    use();
    script("a", "[{'call':'locate','input':{'n':'one'}},{'finish':'tool_calls'}]", LAST);
    Turn turn =
        submit(
            null,
            List.of(),
            new TurnRequest.ClientTool(
                "locate",
                "",
                Json.trusted(
                    "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}}}")));
    node.awaitEnd(turn.id());
    assertThat(told(1).getFirst().result()).contains("'locate'").contains("/n");
    assertThat(text(turn, 0)).isEqualTo("done.");
  }

  @Test
  void a_step_makes_so_many_calls_and_no_more() {
    FakeTool look = new FakeTool("look", Effect.READ);
    use(new Tools.Limits(9, 2, 1000, 1000, Duration.ofHours(1)), look);
    String call = "{'call':'look','input':{'n':1}},";
    script("a", "[" + call.repeat(3) + "{'finish':'tool_calls'}]", LAST);
    Turn turn = submit();
    node.awaitEnd(turn.id());
    assertThat(look.calls).hasSize(2);
    assertThat(told(1)).extracting(ToolUse::failed).containsExactly(false, false, true);
    assertThat(told(1).getLast().result()).contains("more than the 2 calls");
  }

  @Test
  void a_tool_that_is_not_allowed_is_neither_offered_nor_run() {
    FakeTool look = new FakeTool("look", Effect.READ);
    use(look);
    script("a", CALL, LAST);
    Turn turn = submit(List.of(), List.of());
    node.awaitEnd(turn.id());
    assertThat(look.calls).isEmpty();
    assertThat(provider.requests().getFirst().tools()).isEmpty();
    assertThat(told(1).getFirst().result()).contains("There are no tools here");
  }

  @Test
  void a_result_that_is_too_long_is_left_out() {
    FakeTool.Act much = input -> Json.MAPPER.getNodeFactory().textNode("x".repeat(200_000));
    use(
        new FakeTool("look", Effect.READ, Tool.Approval.NEVER, much),
        new FakeTool("send", Effect.UNSAFE, Tool.Approval.NEVER, much));
    script(
        "a",
        "[{'call':'look','input':{}},{'call':'send','input':{}},{'finish':'tool_calls'}]",
        LAST);
    Turn turn = submit();
    node.awaitEnd(turn.id());
    assertThat(told(1)).extracting(ToolUse::failed).containsExactly(true, false);
    assertThat(told(1)).allSatisfy(use -> assertThat(use.result()).contains("200002"));
  }

  @Test
  void steps_have_a_limit() {
    use(new Tools.Limits(2, 1000, 1000, Duration.ofHours(1)), new FakeTool("look", Effect.READ));
    script("a", CALL, CALL, LAST);
    Turn turn = submit();
    node.awaitEnd(turn.id());
    assertThat(Optional.ofNullable(node.turn(turn.id()).error()).orElseThrow().code())
        .isEqualTo("step_limit");
    assertThat(text(turn, 0)).isEqualTo("See: See: ");
  }

  @Test
  void tokens_have_a_limit() {
    use(new Tools.Limits(9, 1000, 1000, Duration.ofHours(1)), new FakeTool("look", Effect.READ));
    script("a", CALL.replace("{'finish'", "{'usage':[900,100]},{'finish'"), LAST);
    Turn turn = submit();
    node.awaitEnd(turn.id());
    assertThat(Optional.ofNullable(node.turn(turn.id()).error()).orElseThrow().code())
        .isEqualTo("token_limit");
  }

  @Test
  void a_failure_in_a_later_step_voids_only_that_step() {
    FakeTool look = new FakeTool("look", Effect.READ);
    use(look);
    script("a", CALL, "[{'text':'dam'},{'fail':'server'}]", LAST);
    Turn turn = submit();
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(only(log, AttemptStarted.class))
        .containsExactly(
            new AttemptStarted(0, 0, 1, "script/a", null),
            new AttemptStarted(0, 1, 2, "script/a", null),
            new AttemptStarted(0, 1, 3, "script/a", "server"));
    assertThat(text(turn, 0)).isEqualTo("See: done.");
    // Once it is stored, it still says why it was asked for again.
    assertThat(message(turn, turn.lanes().getFirst().message()).attempts())
        .containsExactly(new AttemptStarted(0, 1, 3, "script/a", "server"));
    assertThat(look.calls).hasSize(1);
  }

  @Test
  void a_model_that_refuses_tools_is_asked_without_them() {
    use(new FakeTool("look", Effect.READ));
    script("a", "[{'fail':'invalid','says':'m does not support tools'}]", LAST);
    Turn turn = submit();
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(only(log, Notice.class)).extracting(Notice::code).containsExactly("degraded");
    assertThat(provider.requests().get(1).tools()).isEmpty();
    assertThat(text(turn, 0)).isEqualTo("done.");
  }

  @Test
  void another_model_is_told_of_the_steps_without_what_is_the_first_ones_own() {
    use(new FakeTool("look", Effect.READ));
    script(
        "a", CALL.replace("{'finish'", "{'carried':{'wire':'x'}},{'finish'"), "[{'fail':'auth'}]");
    script("b", LAST);
    Turn turn =
        node.desk.submit(
            CALLER,
            node.session(),
            EngineHarness.message(
                "Hi", WhenBusy.ENQUEUE, List.of("script/a"), List.of("script/b"), Recovery.RESTART),
            null);
    node.awaitEnd(turn.id());
    assertThat(provider.requests().get(2).steps().getFirst().carried()).isNull();
    assertThat(told(2).getFirst().ref()).isNull();
    assertThat(text(turn, 0)).isEqualTo("See: done.");
  }

  @Test
  void a_cancel_ends_a_tool_that_does_not() throws Exception {
    FakeTool hangs =
        new FakeTool(
            "look",
            Effect.UNSAFE,
            Tool.Approval.NEVER,
            input -> {
              new CountDownLatch(1).await();
              return input.arguments();
            });
    use(hangs);
    script("a", CALL);
    Turn turn = submit();
    eventually(() -> hangs.calls.size() == 1);
    node.desk.cancelTurn(CALLER, turn.id());
    node.awaitEnd(turn.id());
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.CANCELLED);
    assertThat(row(turn).state()).isEqualTo(CallState.ABANDONED);
    assertThat(text(turn, 0)).isEqualTo("See: ");
  }

  @Test
  void a_step_that_is_recorded_is_not_asked_for_again_by_the_next_holder() throws Exception {
    FakeTool look = new FakeTool("look", Effect.READ);
    use(look);
    script("a", CALL, HELD, LAST);
    Turn turn = submit();
    node.await(turn.id(), e -> e instanceof TurnEvent.PartDelta d && d.text().equals("part"));
    dies(turn, look);
    node.awaitEnd(turn.id());
    assertThat(provider.requests()).hasSize(3);
    assertThat(look.calls).hasSize(1);
    assertThat(text(turn, 0)).isEqualTo("See: done.");
  }

  @Test
  void a_call_that_was_cut_short_is_repeated_with_its_key_if_it_may_be() throws Exception {
    FakeTool look = cutShort(Effect.IDEMPOTENT);
    use(look);
    script("a", CALL, LAST);
    Turn turn = submit();
    eventually(() -> look.calls.size() == 1);
    dies(turn, look);
    node.awaitEnd(turn.id());
    assertThat(look.calls).extracting(Tool.Input::key).hasSize(2).containsOnly(row(turn).id());
    assertThat(row(turn).runs()).isEqualTo(2);
    assertThat(told(1).getFirst().result()).isEqualTo("again");
  }

  @Test
  void a_turn_that_an_older_version_began_is_finished() throws Exception {
    script("a", HELD, CALL, LAST);
    node.engine.start();
    Turn turn = submit();
    node.await(turn.id(), EngineFixture::isDelta);
    node.stop(Duration.ZERO);
    // As stored before there were tools.
    database.write(tx -> {
      String old =
          "{\"models\":[\"script/a\"],\"fallbacks\":[],\"params\":{},\"recovery\":\"RESTART\"}";
      return tx.update("UPDATE turn SET request = ? WHERE id = ?", old, turn.id());
    });
    FakeTool look = new FakeTool("look", Effect.READ);
    use(look);
    node.awaitEnd(turn.id());
    assertThat(text(turn, 0)).isEqualTo("See: done.");
    assertThat(look.calls).hasSize(1);
  }
}

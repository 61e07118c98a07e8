package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.Admission;
import dev.perdure.chat.Answer;
import dev.perdure.chat.CallState;
import dev.perdure.chat.Desk;
import dev.perdure.chat.DeskLimits;
import dev.perdure.chat.IdempotencyKey;
import dev.perdure.chat.LaterTurns.When;
import dev.perdure.chat.Message;
import dev.perdure.chat.NewTurn;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Starter;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.chat.WaitLimits;
import dev.perdure.protocol.Decision;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.protocol.TurnEvent.ToolDecided;
import dev.perdure.protocol.TurnEvent.ToolWaiting;
import dev.perdure.protocol.TurnEvent.TurnResumed;
import dev.perdure.protocol.TurnEvent.TurnWaiting;
import dev.perdure.protocol.TurnState;
import dev.perdure.protocol.WaitFor;
import dev.perdure.provider.ModelRequest.ToolSpec;
import dev.perdure.testing.FaultPoints;
import dev.perdure.tool.AskUserTool;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.Tools;
import dev.perdure.tool.WaitTool;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What a model may wait for: a time, and the user's answer; on either database. */
abstract class QuestionContract extends ToolFixture {
  private static final List<String> BOTH = List.of("wait", "ask_user");

  private static Tool[] tools(Duration usual) {
    return new Tool[] {
      new WaitTool(Duration.ofDays(31)), new AskUserTool(usual, Duration.ofDays(31))
    };
  }

  private static String call(String tool, String input) {
    return "[{'call':'" + tool + "','input':" + input + "},{'finish':'tool_calls'}]";
  }

  private static String ask(String more) {
    return call("ask_user", "{'question':'Which?'" + more + "}");
  }

  private static final String CHOICES = ",'choices':['Red','Blue']";

  private Turn asks(String first) throws Exception {
    use(tools(Duration.ofHours(1)));
    script("a", first, LAST);
    Turn turn = submit(BOTH, List.of());
    awaitWaiting(turn);
    return turn;
  }

  private static Answer done(String call, String output) {
    return new Answer(call, Decision.DONE, Json.trusted(output.replace('\'', '"')), null, null);
  }

  private Turn says(Turn turn, String text, WhenBusy whenBusy, @Nullable IdempotencyKey key) {
    return node.desk.submit(
        CALLER,
        turn.session(),
        EngineHarness.message(text, whenBusy, List.of("script/a"), List.of(), Recovery.RESTART),
        key);
  }

  @Test
  void a_model_waits_for_a_time_and_goes_on_by_itself() {
    use(tools(Duration.ofHours(1)));
    script("a", call("wait", "{'for':'PT0.3S'}"), LAST);
    Turn turn = submit(BOTH, List.of());
    List<TurnEvent> log = node.awaitEnd(turn.id());
    ToolWaiting waiting = only(log, ToolWaiting.class).getFirst();
    assertThat(waiting.waitsFor()).isEqualTo(WaitFor.TIME);
    assertThat(only(log, TurnWaiting.class))
        .singleElement()
        .extracting(TurnWaiting::waitsFor, TurnWaiting::untilMillis)
        .containsExactly(List.of(WaitFor.TIME), waiting.untilMillis());
    assertThat(only(log, TurnResumed.class)).hasSize(1);
    assertThat(only(log, ToolDecided.class)).isEmpty();
    assertThat(told(1).getFirst().result()).startsWith("{\"now\":\"20");
    assertThat(row(turn).state()).isEqualTo(CallState.DONE);
    assertThat(text(turn, 0)).isEqualTo("done.");
  }

  @Test
  void a_message_that_answers_is_taken_though_the_tenant_has_no_room_for_another_turn()
      throws Exception {
    Turn turn = asks(ask(""));
    Admission full = new Admission(database, new DeskLimits(9, 1, 9, Duration.ofHours(1)));
    full.refresh();
    Desk desk = new Desk(database, node.log, Starter.NONE, Ids.system(), full, FaultPoints.NONE);
    NewTurn says =
        EngineHarness.message(
            "Red", WhenBusy.ENQUEUE, List.of("script/a"), List.of(), Recovery.RESTART);
    String other = node.session();
    assertCode(() -> desk.submit(CALLER, other, says, null), ErrorCode.TOO_MANY_TURNS);
    assertThat(desk.submit(CALLER, turn.session(), says, null).id()).isEqualTo(turn.id());
    node.awaitEnd(turn.id());
    assertThat(told(1).getFirst().result()).isEqualTo("Red");
    // Now that nobody asks any more, it would be a turn.
    assertCode(() -> desk.submit(CALLER, turn.session(), says, null), ErrorCode.TOO_MANY_TURNS);
  }

  @Test
  void a_wait_is_kept_by_a_restart_and_can_be_moved() throws Exception {
    Turn turn = asks(call("wait", "{'for':'P2D'}"));
    dies(turn, tools(Duration.ofHours(1)));
    long was = Optional.ofNullable(row(turn).expiresAtMillis()).orElseThrow();
    assertCode(
        () -> node.answers.answer(CALLER, turn.id(), done(row(turn).id(), "'now'")),
        ErrorCode.CONFLICT);
    assertCode(
        () -> node.later.move(CALLER, turn.id(), new When(was, null), was - 1), ErrorCode.CONFLICT);
    Turn moved = node.later.move(CALLER, turn.id(), new When(null, Duration.ofDays(3)), was);
    long until = Optional.ofNullable(moved.wakeAtMillis()).orElseThrow();
    assertThat(until).isGreaterThan(was);
    assertThat(node.later.waiting(CALLER, 9)).hasSize(1);
    node.later.move(CALLER, turn.id(), new When(null, Duration.ZERO), until);
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(only(log, ToolWaiting.class)).hasSize(3);
    assertThat(text(turn, 0)).isEqualTo("done.");
  }

  @Test
  void a_time_that_has_passed_is_not_waited_for_and_nonsense_is_told_to_the_model() {
    use(tools(Duration.ofHours(1)));
    script(
        "a",
        call("wait", "{'until':'2020-01-01T00:00:00Z'}"),
        "[{'call':'wait','input':{'for':'P400D'}},{'call':'wait','input':{'for':'soon'}},"
            + "{'call':'wait','input':{'for':'PT1S','until':'x'}},"
            + "{'call':'wait','input':{'for':'-PT1S'}},"
            + "{'call':'ask_user','input':{'question':'?','within':'P99D'}},"
            + "{'call':'ask_user','input':{'question':'?','form':{'type':'object','properties':"
            + "{'a':{'type':'string','pattern':'(a+)+$'}}}}},{'finish':'tool_calls'}]",
        LAST);
    Turn turn = submit(BOTH, List.of());
    node.awaitEnd(turn.id());
    assertThat(told(1).getFirst().failed()).isFalse();
    assertThat(told(2)).hasSize(6).allMatch(use -> use.failed());
    assertThat(told(2).getFirst().result()).contains("too far ahead");
  }

  @Test
  void an_answer_must_be_one_of_the_choices() throws Exception {
    Turn turn = asks(ask(CHOICES));
    String call = row(turn).id();
    for (String wrong : List.of("'Green'", "1", "null", "['Red']")) {
      assertCode(
          () -> node.answers.answer(CALLER, turn.id(), done(call, wrong)),
          ErrorCode.INVALID_REQUEST);
    }
    assertCode(
        () -> node.answers.answer(CALLER, turn.id(), answer(call, Decision.FAIL)),
        ErrorCode.CONFLICT);
    node.answers.answer(CALLER, turn.id(), done(call, "'Blue'"));
    assertCode(
        () -> node.answers.answer(CALLER, turn.id(), done(call, "'Red'")), ErrorCode.CONFLICT);
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(only(log, ToolDecided.class)).isEmpty();
    assertThat(only(log, TurnWaiting.class).getFirst().waitsFor()).containsExactly(WaitFor.INPUT);
    assertThat(told(1).getFirst().result()).isEqualTo("Blue");
  }

  @Test
  void an_answer_must_fit_the_form() throws Exception {
    Turn turn =
        asks(
            ask(
                ",'form':{'type':'object','required':['n'],'properties':"
                    + "{'n':{'type':'integer','minimum':1},'why':{'type':'string'}}}"));
    String call = row(turn).id();
    for (String wrong : List.of("{}", "{'n':0}", "{'n':'1'}", "{'n':1,'x':2}", "'1'")) {
      assertCode(
          () -> node.answers.answer(CALLER, turn.id(), done(call, wrong)),
          ErrorCode.INVALID_REQUEST);
    }
    node.answers.answer(CALLER, turn.id(), done(call, "{'n':2,'why':'so'}"));
    node.awaitEnd(turn.id());
    assertThat(told(1).getFirst().result()).isEqualTo("{\"n\":2,\"why\":\"so\"}");
  }

  @Test
  void a_question_may_be_declined() throws Exception {
    Turn turn = asks(ask(""));
    node.answers.answer(
        CALLER, turn.id(), new Answer(row(turn).id(), Decision.REFUSE, null, "private", null));
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(only(log, ToolDecided.class))
        .containsExactly(new ToolDecided(0, row(turn).id(), Decision.REFUSE, "private"));
    assertThat(told(1).getFirst().result()).contains("private");
  }

  @Test
  void the_next_message_answers_and_the_conversation_goes_on_behind_it() throws Exception {
    Turn turn = asks(ask(CHOICES));
    dies(turn, tools(Duration.ofHours(1)));
    IdempotencyKey key = new IdempotencyKey("k", "h");
    Turn said = says(turn, " blue ", WhenBusy.REJECT, key);
    assertThat(said.id()).isEqualTo(turn.id());
    Turn.Answered answered = Optional.ofNullable(said.answered()).orElseThrow();
    assertThat(answered.call()).isEqualTo(row(turn).id());
    node.awaitEnd(turn.id());
    assertThat(told(1).getFirst().result()).isEqualTo("Blue");
    assertThat(says(turn, " blue ", WhenBusy.REJECT, key).id()).isEqualTo(turn.id());
    script("a", REPLY);
    Turn next = says(turn, "And now?", WhenBusy.ENQUEUE, null);
    assertThat(next.answered()).isNull();
    node.awaitEnd(next.id());
    List<Message> all =
        node.conversations.messages(CALLER, turn.session(), null, 9).items().reversed();
    assertThat(all)
        .extracting(Message::text)
        .containsExactly("Hi", "done.", " blue ", "And now?", "Hello");
    assertThat(all.get(2).id()).isEqualTo(answered.message());
    assertThat(all.get(2).turn()).isEqualTo(turn.id());
    assertThat(all.get(2).parent()).isEqualTo(all.get(1).id());
    assertThat(all.get(3).parent()).isEqualTo(all.get(2).id());
  }

  @Test
  void a_message_that_interrupts_is_no_answer() throws Exception {
    Turn turn = asks(ask(""));
    Turn next = says(turn, "Never mind", WhenBusy.INTERRUPT, null);
    assertThat(next.id()).isNotEqualTo(turn.id());
    node.awaitEnd(turn.id());
    node.awaitEnd(next.id());
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.CANCELLED);
    assertThat(row(turn).state()).isEqualTo(CallState.ABANDONED);
    assertThat(text(next, 0)).isEqualTo("done.");
  }

  @Test
  void a_question_that_nobody_answers_expires_and_the_model_is_told() {
    use(tools(Duration.ofHours(1)));
    script("a", ask(",'within':'PT1S'"), LAST);
    Turn turn = submit(BOTH, List.of());
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(only(log, ToolDecided.class))
        .extracting(ToolDecided::decision)
        .containsExactly(Decision.EXPIRED);
    assertThat(told(1).getFirst().result()).contains("Nobody answered");
  }

  @Test
  void the_log_reminds_without_waking_the_turn() throws Exception {
    node.close();
    node =
        new EngineHarness(
            database,
            provider,
            EngineHarness.config(Duration.ofMinutes(5)),
            new Tools(List.of(tools(Duration.ofHours(1))), Tools.Limits.DEFAULT),
            new WaitLimits(
                Duration.ofDays(1),
                9,
                9,
                Duration.ofHours(1),
                List.of(Duration.ofMillis(300), Duration.ofMillis(50), Duration.ofHours(2)),
                Duration.ofMinutes(1)));
    node.engine.start();
    script("a", ask(""), LAST);
    Turn turn = submit(BOTH, List.of());
    int[] seen = {0};
    node.await(turn.id(), event -> event instanceof Notice && ++seen[0] >= 2);
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.WAITING);
    Long wake = node.turn(turn.id()).wakeAtMillis();
    assertThat(wake).isEqualTo(row(turn).expiresAtMillis());
    node.answers.answer(CALLER, turn.id(), done(row(turn).id(), "'x'"));
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(only(log, Notice.class))
        .containsExactly(
            new Notice("reminder", "A question waits for an answer.", 0),
            new Notice("reminder", "A question waits for an answer.", 0));
    assertThat(only(log, TurnWaiting.class)).hasSize(1);
    assertThat(only(log, TurnResumed.class)).hasSize(1);
  }

  @Test
  void tools_that_wait_are_offered_only_if_they_are_named() {
    use(
        Stream.concat(
                Stream.of(tools(Duration.ofHours(1))), Stream.of(new FakeTool("look", Effect.READ)))
            .toArray(Tool[]::new));
    script("a", ask(""), LAST, REPLY);
    Turn plain = submit();
    node.awaitEnd(plain.id());
    assertThat(provider.requests().getFirst().tools())
        .extracting(ToolSpec::name)
        .containsExactly("look");
    assertThat(told(1).getFirst().result()).contains("There is no tool 'ask_user'");
    Turn named = submit(List.of("ask_user"), List.of());
    node.awaitEnd(named.id());
    assertThat(provider.requests().getLast().tools())
        .extracting(ToolSpec::name)
        .containsExactly("ask_user");
  }
}

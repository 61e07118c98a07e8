package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.Compensations;
import dev.perdure.chat.Turn;
import dev.perdure.protocol.Decision;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.ToolCalled;
import dev.perdure.protocol.TurnEvent.ToolUndo;
import dev.perdure.protocol.TurnState;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.ToolException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** What becomes of effects whose reply does not come to a good end, on either database. */
abstract class UndoContract extends ToolFixture {
  private static final String BAD = "[{'fail':'auth'}]";

  /** A tool that can undo its calls, and notes that it was asked to. */
  private static final class Undoable implements Tool {
    final List<Undo> undone = new CopyOnWriteArrayList<>();
    final List<Input> calls = new CopyOnWriteArrayList<>();
    final FakeTool.Act act;
    private final FakeTool like = new FakeTool("look", Effect.UNSAFE);
    int failures;

    Undoable(FakeTool.Act act) {
      this.act = act;
    }

    @Override
    public Spec spec() {
      return like.spec();
    }

    @Override
    public JsonNode run(Input input) throws ToolException, InterruptedException {
      calls.add(input);
      return act.run(input);
    }

    @Override
    public Optional<Compensation> compensation() {
      return Optional.of(undo -> {
        undone.add(undo);
        if (failures-- > 0) {
          throw new ToolException("not now");
        }
        return Json.trusted("{\"refunded\":true}");
      });
    }
  }

  private Compensations.Undo awaitUndo(Turn turn, String state) throws Exception {
    eventually(() -> {
      Map<String, Compensations.Undo> undos = node.calls.undosOf(CALLER, turn.id());
      return undos.size() == 1 && undos.values().iterator().next().state().equals(state);
    });
    return node.calls.undosOf(CALLER, turn.id()).values().iterator().next();
  }

  @Test
  void an_effect_of_a_reply_that_fails_is_undone_under_one_key() throws Exception {
    Undoable look = new Undoable(Tool.Input::arguments);
    look.failures = 1;
    use(look);
    script("a", CALL, BAD);
    Turn turn = submit();
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.FAILED);
    String call = only(log, ToolCalled.class).getFirst().call();
    assertThat(log.subList(log.size() - 2, log.size() - 1)).containsExactly(new ToolUndo(0, call));
    Compensations.Undo undo = awaitUndo(turn, "done");
    assertThat(undo.tries()).isEqualTo(2);
    assertThat(undo.result()).isEqualTo("{\"refunded\":true}");
    Tool.Input made = look.calls.getFirst();
    assertThat(look.undone)
        .containsExactly(
            new Tool.Undo(made, Json.trusted("{\"n\":1}"), call + "-undo"),
            new Tool.Undo(made, Json.trusted("{\"n\":1}"), call + "-undo"));
  }

  @Test
  void an_effect_of_a_reply_that_is_complete_stands() throws Exception {
    Undoable look = new Undoable(Tool.Input::arguments);
    use(look);
    script("a", CALL, LAST);
    script("b", BAD);
    Turn turn = node.submit(node.session(), "Hi", "script/a", "script/b");
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(only(log, ToolUndo.class)).isEmpty();
    assertThat(node.calls.undosOf(CALLER, turn.id())).isEmpty();
  }

  @Test
  void a_call_that_failed_and_had_no_effect_is_not_undone() throws Exception {
    Undoable look =
        new Undoable(input -> {
          throw new ToolException("no money");
        });
    use(look);
    script("a", CALL, BAD);
    Turn turn = submit();
    assertThat(only(node.awaitEnd(turn.id()), ToolUndo.class)).isEmpty();
  }

  @Test
  void a_call_at_work_when_its_turn_is_cancelled_is_undone_though_nothing_came_of_it()
      throws Exception {
    Undoable look =
        new Undoable(input -> {
          new CountDownLatch(1).await();
          return input.arguments();
        });
    use(look);
    script("a", CALL);
    Turn turn = submit();
    eventually(() -> look.calls.size() == 1);
    node.desk.cancelTurn(CALLER, turn.id());
    assertThat(only(node.awaitEnd(turn.id()), ToolUndo.class)).hasSize(1);
    awaitUndo(turn, "done");
    assertThat(look.undone).singleElement().extracting(Tool.Undo::output).isNull();
  }

  @Test
  void what_was_done_before_a_wait_that_is_cancelled_is_undone() throws Exception {
    Undoable look = new Undoable(Tool.Input::arguments);
    FakeTool pay = new FakeTool("pay", Effect.UNSAFE, Tool.Approval.ALWAYS, Tool.Input::arguments);
    use(look, pay);
    script("a", CALL, "[{'call':'pay','input':{'n':2}},{'finish':'tool_calls'}]");
    Turn turn = submit();
    awaitWaiting(turn);
    assertThat(node.desk.cancelTurn(CALLER, turn.id()).state()).isEqualTo(TurnState.CANCELLED);
    assertThat(only(node.awaitEnd(turn.id()), ToolUndo.class)).hasSize(1);
    awaitUndo(turn, "done");
    assertThat(look.undone).singleElement().extracting(Tool.Undo::output).isNotNull();
    assertThat(pay.calls).isEmpty();
  }

  @Test
  void a_call_that_nobody_knows_the_end_of_and_whose_turn_is_cancelled_is_undone()
      throws Exception {
    CountDownLatch never = new CountDownLatch(1);
    Undoable look =
        new Undoable(input -> {
          never.await();
          return input.arguments();
        });
    use(look);
    script("a", CALL);
    Turn turn = submit();
    eventually(() -> look.calls.size() == 1);
    dies(turn, look);
    String call = awaitWaiting(turn);
    node.desk.cancelTurn(CALLER, turn.id());
    awaitUndo(turn, "done");
    assertThat(look.undone).extracting(Tool.Undo::key).containsExactly(call + "-undo");
    assertCode(
        () -> node.answers.answer(CALLER, turn.id(), answer(call, Decision.REPEAT)),
        dev.perdure.protocol.ErrorCode.CONFLICT);
  }

  private boolean owesNothing() {
    return database.read(tx -> tx.one("SELECT 1 FROM compensation", row -> true).isEmpty());
  }

  @Test
  void an_effect_of_a_reply_whose_session_is_deleted_in_the_middle_of_it_is_undone()
      throws Exception {
    Undoable look = new Undoable(Tool.Input::arguments);
    use(look);
    script("a", CALL, HELD);
    String session = node.session();
    Turn turn = node.submit(session, "Hi", "script/a");
    eventually(() -> provider.requests().size() == 2);
    node.desk.deleteSession(CALLER, session);
    eventually(() -> look.undone.size() == 1 && owesNothing());
    assertThat(look.undone.getFirst().output()).isNotNull();
    assertThat(look.undone.getFirst().call().turn()).isEqualTo(turn.id());
    eventually(() -> node.engine.running() == 0);
  }

  @Test
  void a_call_at_work_when_its_session_is_deleted_is_undone_once_it_was_let_go() throws Exception {
    Undoable look =
        new Undoable(input -> {
          new CountDownLatch(1).await();
          return input.arguments();
        });
    use(look);
    script("a", CALL);
    String session = node.session();
    node.submit(session, "Hi", "script/a");
    eventually(() -> look.calls.size() == 1);
    node.desk.deleteSession(CALLER, session);
    assertThat(
            database.<Long>read(tx ->
                tx.one("SELECT due_at - created_at FROM compensation", row -> row.getLong(1))
                    .orElseThrow()))
        .isPositive();
    eventually(() -> node.engine.running() == 0);
    database.write(tx -> tx.update("UPDATE compensation SET due_at = 0"));
    eventually(() -> look.undone.size() == 1 && owesNothing());
    assertThat(look.undone.getFirst().output()).isNull();
  }

  @Test
  void an_effect_of_a_complete_reply_stands_though_its_session_is_deleted_while_another_is_written()
      throws Exception {
    Undoable look = new Undoable(Tool.Input::arguments);
    use(look);
    script("a", CALL, LAST);
    script("b", HELD);
    String session = node.session();
    Turn turn = node.submit(session, "Hi", "script/a", "script/b");
    eventually(() -> node.turn(turn.id()).lanes().getFirst().state() == LaneState.COMPLETED);
    node.desk.deleteSession(CALLER, session);
    assertThat(owesNothing()).isTrue();
  }

  @Test
  void what_is_owed_stays_owed_when_the_session_is_deleted_and_the_node_dies() throws Exception {
    Undoable look = new Undoable(Tool.Input::arguments);
    look.failures = 1;
    use(look);
    script("a", CALL, BAD);
    String session = node.session();
    Turn turn = node.submit(session, "Hi", "script/a");
    node.awaitEnd(turn.id());
    node.desk.deleteSession(CALLER, session);
    eventually(() -> look.undone.size() == 1);
    node.close();
    node =
        new EngineHarness(
            database,
            provider,
            new dev.perdure.tool.Tools(List.of(look), dev.perdure.tool.Tools.Limits.DEFAULT));
    node.engine.start();
    // Nobody is left who could ask what has become of it.
    eventually(this::owesNothing);
    assertThat(look.undone).hasSize(2);
  }
}

package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;

import dev.perdure.chat.Answer;
import dev.perdure.chat.Message;
import dev.perdure.chat.NewTurn;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.ToolCallRow;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest;
import dev.perdure.chat.TurnRequest.ClientTool;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.protocol.Decision;
import dev.perdure.protocol.GenerationParams;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.TurnWaiting;
import dev.perdure.protocol.TurnState;
import dev.perdure.provider.ModelRequest.ToolUse;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.Tools;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/** A node with tools, and short words for what tests of them say. */
abstract class ToolFixture extends EngineFixture {
  static final String CALL =
      "[{'text':'See: '},{'call':'look','ref':'r1','input':{'n':1}},{'finish':'tool_calls'}]";
  static final String LAST = "[{'text':'done.'},{'finish':'stop'}]";

  void use(Tool... tools) {
    use(Tools.Limits.DEFAULT, tools);
  }

  void use(Tools.Limits limits, Tool... tools) {
    node.close();
    node = new EngineHarness(database, provider, new Tools(List.of(tools), limits));
    node.engine.start();
  }

  /** The node dies without a word, and another one starts with the same tools. */
  void dies(Turn turn, Tool... tools) throws Exception {
    node.stop(Duration.ZERO);
    database.write(tx ->
        tx.update("UPDATE turn SET crashes = 1 WHERE id = ? AND state = 'queued'", turn.id()));
    node = new EngineHarness(database, provider, new Tools(List.of(tools), Tools.Limits.DEFAULT));
    node.engine.start();
  }

  Turn submit(@Nullable List<String> tools, List<String> askFirst, ClientTool... client) {
    return node.desk.submit(
        CALLER,
        node.session(),
        new NewTurn(
            List.of(new Message.Part(PartKind.TEXT, "Hi")),
            new TurnRequest(
                List.of("script/a"),
                List.of(),
                null,
                GenerationParams.NONE,
                Recovery.RESTART,
                tools,
                askFirst,
                List.of(client),
                null,
                null),
            WhenBusy.ENQUEUE),
        null);
  }

  Turn submit() {
    return node.submit(node.session(), "Hi", "script/a");
  }

  static <T extends TurnEvent> List<T> only(List<TurnEvent> log, Class<T> type) {
    return log.stream().filter(type::isInstance).map(type::cast).toList();
  }

  ToolCallRow row(Turn turn) {
    return node.calls.ofTurn(CALLER, turn.id()).getFirst();
  }

  String awaitWaiting(Turn turn) throws Exception {
    node.await(turn.id(), TurnWaiting.class::isInstance);
    eventually(() -> node.turn(turn.id()).state() == TurnState.WAITING);
    eventually(() -> node.engine.running() == 0);
    return row(turn).id();
  }

  static Answer answer(String call, Decision decision) {
    return new Answer(call, decision, null, null, null);
  }

  List<ToolUse> told(int request) {
    return provider.requests().get(request).steps().getLast().uses();
  }

  /** A tool that does not come back to the node that started it. */
  FakeTool cutShort(Effect effect) {
    CountDownLatch never = new CountDownLatch(1);
    int[] runs = {0};
    return new FakeTool(
        "look",
        effect,
        Tool.Approval.NEVER,
        input -> {
          if (runs[0]++ == 0) {
            never.await();
          }
          return Json.MAPPER.getNodeFactory().textNode("again");
        });
  }
}

package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.Desk;
import dev.perdure.chat.DeskLimits;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Starter;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.Tools;
import java.time.Duration;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * A rolling upgrade: what a newer version has stored that this one cannot read, on either database.
 * The node leaves it to the others, says so, and does everything else.
 */
abstract class NewerVersionContract extends ToolFixture {
  private final Logger logger = Logger.getLogger(Engine.class.getName());
  private final Queue<String> said = new ConcurrentLinkedQueue<>();
  private final Handler lines =
      new Handler() {
        @Override
        public void publish(LogRecord line) {
          if (line.getParameters() != null && line.getMessage().contains("left alone")) {
            said.add(String.valueOf(line.getParameters()[0]));
          }
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
      };

  @BeforeEach
  void listen() {
    logger.addHandler(lines);
  }

  @AfterEach
  void stopListening() {
    logger.removeHandler(lines);
  }

  private Turn queued() {
    return new Desk(database, node.log, Starter.NONE, Ids.system(), DeskLimits.DEFAULT)
        .submit(
            CALLER,
            node.session(),
            EngineHarness.message(
                "Hi", WhenBusy.ENQUEUE, List.of("script/a"), List.of(), Recovery.RESTART),
            null);
  }

  private void change(String sql, String value, Turn turn) {
    assertThat(database.<Integer>write(tx -> tx.update(sql, value, turn.id()))).isEqualTo(1);
  }

  private String holder(Turn turn) {
    return database.read(tx ->
        tx.one(
                "SELECT state, node_id, crashes FROM turn WHERE id = ?",
                row -> row.getString(1) + " " + row.getString(2) + " " + row.getLong(3),
                turn.id())
            .orElseThrow());
  }

  @Test
  void turns_that_only_a_newer_version_can_read_are_left_alone_until_the_node_stops()
      throws Exception {
    FakeTool look = new FakeTool("look", Effect.READ, Tool.Approval.ALWAYS, Tool.Input::arguments);
    use(look);
    script("a", CALL);
    Turn called = submit();
    String call = awaitWaiting(called);
    node.stop(Duration.ZERO);
    node = new EngineHarness(database, provider, new Tools(List.of(look), Tools.Limits.DEFAULT));
    Turn lane = queued();
    Turn log = queued();
    change("UPDATE lane SET state = ? WHERE turn_id = ?", "paused", lane);
    String line = "{\"seq\":1,\"type\":\"lane.ended\",\"lane\":0,\"state\":\"paused\"}\n";
    database.write(tx ->
        tx.update(
            "INSERT INTO log_block (turn_id, first_seq, last_seq, payload) VALUES (?, 1, 1, ?)",
            log.id(),
            line.getBytes(UTF_8)));
    change("UPDATE tool_call SET state = ? WHERE turn_id = ?", "delegated", called);
    change("UPDATE turn SET state = ? WHERE id = ?", "queued", called);
    node.engine.start();
    eventually(() -> said.containsAll(List.of(lane.id(), log.id(), called.id())));
    eventually(() -> node.engine.running() == 0);

    // What looks orphaned since after them is given back, so they would have been.
    script("a", REPLY);
    node.awaitEnd(acceptedBy(node.nodeId, node.session(), Recovery.RESTART).id());
    String held = "running " + node.nodeId + " 0";
    assertThat(List.of(lane, log, called)).extracting(this::holder).containsOnly(held);
    assertThat(said).hasSize(3);
    assertCode(() -> node.turn(lane.id()), ErrorCode.INTERNAL);

    node.stop(Duration.ZERO);
    assertThat(List.of(lane, log, called)).extracting(this::holder).containsOnly("queued null 0");
    change("UPDATE lane SET state = ? WHERE turn_id = ?", "pending", lane);
    database.write(
        tx -> tx.update("DELETE FROM log_block WHERE turn_id = ? AND first_seq > 0", log.id()));
    change("UPDATE tool_call SET state = ? WHERE turn_id = ?", "approved", called);
    script("a", LAST, LAST, LAST);
    node = new EngineHarness(database, provider, new Tools(List.of(look), Tools.Limits.DEFAULT));
    node.engine.start();
    for (Turn turn : List.of(lane, log, called)) {
      node.awaitEnd(turn.id());
    }
    assertThat(look.calls).extracting(Tool.Input::key).containsExactly(call);
  }
}

package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.chat.Caller;
import dev.perdure.chat.Desk;
import dev.perdure.chat.DeskLimits;
import dev.perdure.chat.Message;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Starter;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.db.Database;
import dev.perdure.file.Files;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnState;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A node on a new database for each test, and short words for what tests say. */
abstract class EngineFixture {
  static final String REPLY = "[{'text':'Hel'},{'text':'lo'},{'finish':'stop'}]";
  static final String HELD = "[{'text':'part'},{'hold':true},{'finish':'stop'}]";

  final ScriptedProvider provider = new ScriptedProvider();
  Database database;
  EngineHarness node;

  /** A new, empty database. */
  abstract Database open() throws Exception;

  @BeforeEach
  void begin() throws Exception {
    database = open();
    node = new EngineHarness(database, provider);
  }

  @AfterEach
  void end() throws Exception {
    node.close();
    database.close();
  }

  void script(String model, String... calls) {
    for (String call : calls) {
      provider.script(model, Json.trusted(call.replace('\'', '"')));
    }
  }

  static boolean isDelta(TurnEvent event) {
    return event instanceof PartDelta;
  }

  static void eventually(BooleanSupplier condition) throws InterruptedException {
    for (int i = 0; i < 3000; i++) {
      if (condition.getAsBoolean()) {
        return;
      }
      Thread.sleep(10);
    }
    throw new AssertionError("Did not come true within 30 s");
  }

  String text(Turn turn, int lane) {
    return message(turn, turn.lanes().get(lane).message()).text();
  }

  Message message(Turn turn, String id) {
    return node.conversations.messages(CALLER, turn.session(), null, 200).items().stream()
        .filter(m -> m.id().equals(id))
        .findFirst()
        .orElseThrow();
  }

  /** Stores a file of a caller's; those of different numbers differ. Returns its id. */
  static String image(Files files, Caller caller, int number) throws IOException {
    byte[] png = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', (byte) number};
    return files
        .add(caller, "a.png", "image/png", new ByteArrayInputStream(png)::readNBytes)
        .file()
        .id();
  }

  static void assertCode(ThrowingCallable call, ErrorCode code) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(PerdureException.class, e -> assertThat(e.code()).isEqualTo(code));
  }

  /** A turn whose holder died right after the 202. */
  Turn acceptedByDeadNode(String session, Recovery recovery) {
    return acceptedBy("node_dead", session, recovery);
  }

  /** A turn that a node holds by its row and has not begun to run. */
  Turn acceptedBy(String holder, String session, Recovery recovery) {
    Starter starter =
        () ->
            Optional.of(
                new Starter.Seat() {
                  @Override
                  public String nodeId() {
                    return holder;
                  }

                  @Override
                  public void start(String turn) {}

                  @Override
                  public void giveBack() {}
                });
    Turn turn =
        new Desk(database, node.log, starter, Ids.system(), DeskLimits.DEFAULT)
            .submit(
                CALLER,
                session,
                EngineHarness.message(
                    "Hi", WhenBusy.ENQUEUE, List.of("script/a"), List.of(), recovery),
                null);
    assertThat(turn.state()).isEqualTo(TurnState.RUNNING);
    return turn;
  }
}

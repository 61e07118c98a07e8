package dev.perdure.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.LaterTurns.When;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.db.Database;
import dev.perdure.db.PostgresDatabase;
import dev.perdure.db.PostgresOptions;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import dev.perdure.testing.EmbeddedPostgresServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/**
 * A node of which all turns want the database at the same moment: the connections that turns have
 * are taken, and who asks for one waits.
 */
class PostgresCrowdTest extends EngineFixture {
  private static final PostgresOptions SMALL =
      new PostgresOptions(
          2, 4, Duration.ofSeconds(5), Duration.ofSeconds(30), Duration.ofSeconds(60));

  private final CountDownLatch free = new CountDownLatch(1);
  private final List<Thread> crowd = new ArrayList<>();

  @Override
  Database open() {
    return PostgresDatabase.open(
        EmbeddedPostgresServer.shared().createDatabase(), null, null, SMALL);
  }

  private void takeAllConnectionsThatWrite() throws InterruptedException {
    CountDownLatch taken = new CountDownLatch(SMALL.writeConnections());
    for (int i = 0; i < SMALL.writeConnections(); i++) {
      crowd.add(
          Thread.ofVirtual()
              .start(() ->
                  database.write(tx -> {
                    taken.countDown();
                    try {
                      free.await();
                    } catch (InterruptedException e) {
                      throw new IllegalStateException(e);
                    }
                    return true;
                  })));
    }
    taken.await();
  }

  private void giveThemBack() throws InterruptedException {
    free.countDown();
    for (Thread each : crowd) {
      each.join();
    }
  }

  private long leaseUntil() {
    return database.<Long>read(tx ->
        tx.one("SELECT lease_until FROM node WHERE id = ?", row -> row.getLong(1), node.nodeId)
            .orElse(0L));
  }

  @Test
  void the_lease_is_renewed_and_words_are_stored_and_shown() throws Exception {
    // The last words of a reply are stored with its end, so there is a hold between them.
    script("a", "[{'text':'part'},{'hold':true},{'text':'more'},{'hold':true},{'finish':'stop'}]");
    node.engine.start();
    Turn turn = node.submit(node.session(), "Hi", "script/a");
    List<TurnEvent> _ = node.await(turn.id(), EngineFixture::isDelta);
    takeAllConnectionsThatWrite();
    for (int i = 0; i < 3; i++) {
      long before = leaseUntil();
      eventually(() -> leaseUntil() > before);
    }
    provider.letGo();
    List<TurnEvent> _ =
        node.await(
            turn.id(), event -> event instanceof PartDelta delta && delta.text().equals("more"));
    giveThemBack();
    provider.letGo();
    node.awaitEnd(turn.id());
    assertThat(text(turn, 0)).isEqualTo("partmore");
  }

  @Test
  void what_is_due_is_taken() throws Exception {
    script("a", REPLY);
    Turn later =
        node.later.submit(
            EngineHarness.CALLER,
            node.session(),
            EngineHarness.message(
                "Hi", WhenBusy.ENQUEUE, List.of("script/a"), List.of(), Recovery.RESTART),
            new When(null, Duration.ofMillis(1)),
            null);
    takeAllConnectionsThatWrite();
    node.engine.start();
    List<TurnEvent> _ = node.await(later.id(), TurnStarted.class::isInstance);
    giveThemBack();
    node.awaitEnd(later.id());
    assertThat(text(later, 0)).isEqualTo("Hello");
  }
}

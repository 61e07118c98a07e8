package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.Turn;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnState;
import dev.perdure.testing.FaultPoints.Point;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What one node leaves to the next: by a stop, or dying at the worst moment. */
abstract class HandOverContract extends EngineFixture {
  /** Times that a race is run; its outcome is left to the scheduler. */
  private static final int RACES = 10;

  @Test
  void a_node_that_drains_hands_its_turns_to_the_next() throws Exception {
    script("a", HELD, REPLY);
    node.engine.start();
    Turn turn = node.submit(node.session(), "Hi", "script/a");
    node.await(turn.id(), EngineFixture::isDelta);
    node.stop(Duration.ZERO);
    node = new EngineHarness(database, provider);
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.QUEUED);
    node.engine.start();
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(log)
        .filteredOn(AttemptStarted.class::isInstance)
        .containsExactly(
            new AttemptStarted(0, 0, 1, "script/a", null),
            new AttemptStarted(0, 0, 2, "script/a", "takeover"));
    assertThat(text(turn, 0)).isEqualTo("Hello");
    assertThat(node.turn(turn.id()).epoch()).isEqualTo(2);
  }

  @Test
  void a_turn_that_is_being_accepted_when_its_node_stops_is_answered_by_that_node()
      throws Exception {
    CountDownLatch accepted = new CountDownLatch(1);
    CountDownLatch handsOver = new CountDownLatch(1);
    node.close();
    node =
        new EngineHarness(
            database,
            provider,
            point -> {
              switch (point) {
                case ACCEPTED -> {
                  accepted.countDown();
                  awaitWhatMustNotHappen(handsOver);
                }
                case DRAINING -> handsOver.countDown();
                default -> {}
              }
            });
    script("a", REPLY);
    node.engine.start();
    eventually(() -> node.engine.notReady().isEmpty());
    String session = node.session();
    EngineHarness old = node;
    AtomicReference<@Nullable Turn> turn = new AtomicReference<>();
    Thread post = Thread.ofVirtual().start(() -> turn.set(old.submit(session, "Hi", "script/a")));
    assertThat(accepted.await(30, TimeUnit.SECONDS)).isTrue();
    old.stop(Duration.ofSeconds(30));
    post.join();

    Turn answered = node.turn(requireNonNull(turn.get()).id());
    assertThat(answered.state()).isEqualTo(TurnState.COMPLETED);
    assertThat(answered.epoch()).isEqualTo(1);
  }

  @Test
  void a_cancel_that_races_a_hand_over_ends_the_turn_once() throws Exception {
    for (int round = 0; round < RACES; round++) {
      String model = "race-" + round;
      script(model, HELD, HELD);
      node.engine.start();
      Turn turn = node.submit(node.session(), "Hi", "script/" + model);
      node.await(turn.id(), EngineFixture::isDelta);
      EngineHarness old = node;
      Thread cancel =
          Thread.ofVirtual().start(() -> old.desk.cancelTurn(EngineHarness.CALLER, turn.id()));
      old.stop(Duration.ZERO);
      cancel.join();

      node = new EngineHarness(database, provider);
      node.engine.start();

      List<TurnEvent> log = node.awaitEnd(turn.id());
      assertThat(log)
          .filteredOn(TurnEnded.class::isInstance)
          .extracting(event -> ((TurnEnded) event).state())
          .containsExactly(TurnState.CANCELLED);
      assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.CANCELLED);
      node.stop(Duration.ZERO);
      node = new EngineHarness(database, provider);
    }
  }

  @Test
  void a_retry_of_a_lane_that_races_a_hand_over_is_not_lost() throws Exception {
    for (int round = 0; round < RACES; round++) {
      String bad = "bad-" + round;
      String held = "held-" + round;
      script(bad, "[{'fail':'invalid'}]", REPLY, REPLY);
      script(held, HELD, HELD);
      node.engine.start();
      Turn turn = node.submit(node.session(), "Hi", "script/" + bad, "script/" + held);
      node.await(turn.id(), EngineFixture::isDelta);
      EngineHarness old = node;
      eventually(() -> old.turn(turn.id()).lanes().getFirst().state() == LaneState.FAILED);
      Thread retry =
          Thread.ofVirtual()
              .start(() -> old.desk.retryLane(EngineHarness.CALLER, turn.id(), 0, null));
      old.stop(Duration.ZERO);
      retry.join();

      node = new EngineHarness(database, provider);
      node.engine.start();

      node.await(
          turn.id(),
          event ->
              event instanceof LaneEnded ended
                  && ended.lane() == 0
                  && ended.state() == LaneState.COMPLETED);
      node.desk.cancelTurn(EngineHarness.CALLER, turn.id());
      node.awaitEnd(turn.id());
      assertThat(text(turn, 0)).isEqualTo("Hello");
      node.stop(Duration.ZERO);
      node = new EngineHarness(database, provider);
    }
  }

  @Test
  void a_retry_whose_end_is_in_the_log_is_not_run_again_by_the_next_holder() throws Exception {
    AtomicReference<@Nullable String> watched = new AtomicReference<>();
    CountDownLatch dead = new CountDownLatch(1);
    CountDownLatch over = new CountDownLatch(1);
    node.close();
    EngineHarness[] first = new EngineHarness[1];
    node =
        new EngineHarness(
            database,
            provider,
            point -> {
              @Nullable String turn = watched.get();
              if (point == Point.APPENDED && turn != null && completed(first[0], turn)) {
                dead.countDown();
                hang(over);
              }
              if (point == Point.CLAIMING && dead.getCount() == 0) {
                throw new IllegalStateException("The dead claim nothing.");
              }
            });
    first[0] = node;
    script("bad", "[{'fail':'invalid'}]", REPLY, "[{'text':'again'},{'finish':'stop'}]");
    script("held", HELD, REPLY);
    node.engine.start();
    Turn turn = node.submit(node.session(), "Hi", "script/bad", "script/held");
    eventually(() -> node.turn(turn.id()).lanes().getFirst().state() == LaneState.FAILED);
    node.await(turn.id(), EngineFixture::isDelta);
    watched.set(turn.id());
    node.desk.retryLane(CALLER, turn.id(), 0, null);
    // The commit that holds the end of the retry is the last thing that the first node does.
    assertThat(dead.await(30, TimeUnit.SECONDS)).isTrue();
    watched.set(null);
    node.engine.drain();
    try (EngineHarness next = new EngineHarness(database, provider)) {
      database.write(tx ->
          tx.update(
              "UPDATE turn SET state = 'queued', node_id = NULL, crashes = 1 WHERE id = ?",
              turn.id()));
      next.engine.start();
      List<TurnEvent> log = next.awaitEnd(turn.id());
      assertThat(log)
          .filteredOn(event -> event instanceof AttemptStarted start && start.lane() == 0)
          .extracting(event -> ((AttemptStarted) event).reason())
          .containsExactly(null, "retry");
    } finally {
      over.countDown();
    }
    assertThat(text(turn, 0)).isEqualTo("Hello");
    assertThat(node.turn(turn.id()).lanes())
        .extracting(Turn.Lane::state)
        .containsOnly(LaneState.COMPLETED);
  }

  @Test
  void a_cancel_while_nobody_holds_the_turn_ends_it_as_its_lanes_make_it() throws Exception {
    script("whole", REPLY);
    script("bad", "[{'fail':'invalid'}]");
    script("held", HELD, HELD);
    for (String ended : List.of("whole", "bad")) {
      node.engine.start();
      Turn turn = node.submit(node.session(), "Hi", "script/" + ended, "script/held");
      node.await(turn.id(), event -> event instanceof LaneEnded lane && lane.lane() == 0);
      node.await(turn.id(), event -> event instanceof AttemptStarted at && at.lane() == 1);
      node.stop(Duration.ZERO);
      node = new EngineHarness(database, provider);
      assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.QUEUED);

      node.desk.cancelTurn(EngineHarness.CALLER, turn.id());

      Turn end = node.turn(turn.id());
      assertThat(end.lanes().get(1).state()).isEqualTo(LaneState.CANCELLED);
      assertThat(end.state())
          .isEqualTo(ended.equals("whole") ? TurnState.COMPLETED : TurnState.FAILED);
      assertThat(end.error() == null).isEqualTo(ended.equals("whole"));
      assertThat(node.awaitEnd(turn.id()).getLast())
          .isInstanceOfSatisfying(
              TurnEnded.class, last -> assertThat(last.state()).isEqualTo(end.state()));
    }
  }

  private boolean completed(EngineHarness of, String turn) {
    return database.read(tx -> of.log.readAll(tx, turn)).fold().laneSnapshot(0).state()
        == LaneState.COMPLETED;
  }

  private static void hang(CountDownLatch until) {
    try {
      until.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException("Nobody interrupts the log", e);
    }
  }

  /** For a second: a test that goes on is as it should be. */
  private static void awaitWhatMustNotHappen(CountDownLatch event) {
    try {
      var _ = event.await(1, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}

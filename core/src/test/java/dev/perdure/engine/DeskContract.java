package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.Caller;
import dev.perdure.chat.Desk;
import dev.perdure.chat.DeskLimits;
import dev.perdure.chat.IdempotencyKey;
import dev.perdure.chat.Message;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Session;
import dev.perdure.chat.Starter;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnState;
import dev.perdure.provider.ModelRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** What the desk promises, on whatever database. */
abstract class DeskContract extends EngineFixture {
  @Test
  void a_message_is_stored_before_anybody_works_on_it() {
    Turn turn = node.submit(node.session(), "Hi", "script/a");
    assertThat(turn.state()).isEqualTo(TurnState.QUEUED);
    assertThat(message(turn, turn.userMessage()).text()).isEqualTo("Hi");
    assertThat(message(turn, turn.lanes().getFirst().message()).status())
        .isEqualTo(Message.Status.PENDING);
  }

  @Test
  void a_free_session_is_answered_without_the_queue() throws Exception {
    script("a", REPLY);
    node.engine.start();
    eventually(() -> node.engine.seat().map(DeskContract::giveBack).isPresent());
    Turn turn = node.submit(node.session(), "Hi", "script/a");
    assertThat(turn.state()).isEqualTo(TurnState.RUNNING);
    node.awaitEnd(turn.id());
    assertThat(text(turn, 0)).isEqualTo("Hello");
  }

  private static boolean giveBack(Starter.Seat seat) {
    seat.giveBack();
    return true;
  }

  @Test
  void twenty_requests_with_one_key_are_one_turn() throws Exception {
    script("a", REPLY);
    node.engine.start();
    String session = node.session();
    IdempotencyKey key = new IdempotencyKey("k1", "hash");
    Set<String> ids = new HashSet<>();
    List<Callable<Turn>> requests = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      requests.add(() -> node.submit(session, "Hi", WhenBusy.ENQUEUE, key, "script/a"));
    }
    try (ExecutorService pool = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<Turn> turn : pool.invokeAll(requests)) {
        ids.add(turn.get().id());
      }
    }
    assertThat(ids).hasSize(1);
    node.awaitEnd(ids.iterator().next());
    assertThat(provider.requests()).hasSize(1);
    assertThat(node.conversations.messages(CALLER, session, null, 10).items()).hasSize(2);
  }

  @Test
  void a_key_with_another_body_is_a_conflict_and_belongs_to_its_caller() {
    String session = node.session();
    Turn turn =
        node.submit(session, "Hi", WhenBusy.ENQUEUE, new IdempotencyKey("k", "one"), "script/a");
    assertCode(
        () ->
            node.submit(
                session, "Ho", WhenBusy.ENQUEUE, new IdempotencyKey("k", "two"), "script/a"),
        ErrorCode.IDEMPOTENCY_CONFLICT);
    Caller bob = new Caller("acme", "bob");
    String other = node.desk.createSession(bob, Session.Settings.NONE).id();
    Turn his =
        node.desk.submit(
            bob,
            other,
            EngineHarness.message(
                "Ho", WhenBusy.ENQUEUE, List.of("script/a"), List.of(), Recovery.RESTART),
            new IdempotencyKey("k", "two"));
    assertThat(his.id()).isNotEqualTo(turn.id());
  }

  @Test
  void a_repeated_key_is_answered_although_the_limit_is_used_up() {
    Desk small =
        new Desk(
            database,
            node.log,
            Starter.NONE,
            Ids.system(),
            new DeskLimits(1, 1000, 1000, Duration.ofHours(1)));
    String session = node.session();
    IdempotencyKey key = new IdempotencyKey("k", "h");
    var message =
        EngineHarness.message(
            "Hi", WhenBusy.ENQUEUE, List.of("script/a"), List.of(), Recovery.RESTART);
    Turn turn = small.submit(CALLER, session, message, key);
    assertThat(small.submit(CALLER, session, message, key).id()).isEqualTo(turn.id());
    assertCode(() -> small.submit(CALLER, session, message, null), ErrorCode.TOO_MANY_TURNS);
    small.cancelTurn(CALLER, turn.id());
    assertThat(small.submit(CALLER, session, message, null).id()).isNotEqualTo(turn.id());
  }

  @Test
  void a_busy_session_rejects_enqueues_or_interrupts_as_asked() {
    script("a", HELD, REPLY, "[{'text':'third'},{'finish':'stop'}]");
    node.engine.start();
    String session = node.session();
    Turn first = node.submit(session, "1", "script/a");
    node.await(first.id(), EngineFixture::isDelta);
    assertCode(
        () -> node.submit(session, "x", WhenBusy.REJECT, null, "script/a"), ErrorCode.SESSION_BUSY);
    Turn second = node.submit(session, "2", "script/a");
    assertThat(second.state()).isEqualTo(TurnState.QUEUED);
    Turn third = node.submit(session, "3", WhenBusy.INTERRUPT, null, "script/a");
    node.awaitEnd(first.id());
    node.awaitEnd(second.id());
    node.awaitEnd(third.id());
    assertThat(node.turn(first.id()).state()).isEqualTo(TurnState.CANCELLED);
    assertThat(text(first, 0)).isEqualTo("part");
    assertThat(node.turn(second.id()).state()).isEqualTo(TurnState.CANCELLED);
    assertThat(node.turn(third.id()).state()).isEqualTo(TurnState.COMPLETED);
    assertThat(text(third, 0)).isEqualTo("Hello");
    assertThat(provider.requests()).hasSize(2);
  }

  @Test
  void enqueued_messages_are_answered_in_order_with_what_came_before() {
    script("a", REPLY, "[{'text':'two'},{'finish':'stop'}]");
    String session = node.session();
    Turn first = node.submit(session, "1", "script/a");
    Turn second = node.submit(session, "2", "script/a");
    node.engine.start();
    node.awaitEnd(second.id());
    assertThat(text(first, 0)).isEqualTo("Hello");
    assertThat(provider.requests().getLast().messages())
        .containsExactly(
            new ModelRequest.ModelMessage(ModelRequest.Role.USER, "1"),
            new ModelRequest.ModelMessage(ModelRequest.Role.ASSISTANT, "Hello"),
            new ModelRequest.ModelMessage(ModelRequest.Role.USER, "2"));
  }

  @Test
  void a_turn_cancelled_in_the_queue_never_reaches_the_provider() {
    Turn turn = node.submit(node.session(), "Hi", "script/a", "script/b");
    assertThat(node.desk.cancelTurn(CALLER, turn.id()).state()).isEqualTo(TurnState.CANCELLED);
    node.engine.start();
    List<TurnEvent> log = node.awaitEnd(turn.id());
    assertThat(log).filteredOn(LaneEnded.class::isInstance).hasSize(2);
    assertThat(((TurnEnded) log.getLast()).state()).isEqualTo(TurnState.CANCELLED);
    assertThat(message(turn, turn.lanes().getFirst().message()).status())
        .isEqualTo(Message.Status.CANCELLED);
    assertThat(provider.requests()).isEmpty();
  }

  @Test
  void cancelling_a_session_ends_what_runs_and_what_waits() {
    script("a", HELD);
    node.engine.start();
    String session = node.session();
    Turn running = node.submit(session, "1", "script/a");
    node.await(running.id(), EngineFixture::isDelta);
    Turn queued = node.submit(session, "2", "script/a");
    assertThat(node.desk.cancelSession(CALLER, session)).hasSize(2);
    node.awaitEnd(running.id());
    node.awaitEnd(queued.id());
    assertThat(provider.requests()).hasSize(1);
    assertThat(node.conversations.openTurns(CALLER, null, 10)).isEmpty();
  }

  @Test
  void a_cancel_that_races_the_end_leaves_exactly_one_end() throws Exception {
    node.engine.start();
    for (int i = 0; i < 30; i++) {
      script("a", REPLY);
      Turn turn = node.submit(node.session(), "Hi", "script/a");
      Thread canceller = Thread.ofVirtual().start(() -> node.desk.cancelTurn(CALLER, turn.id()));
      List<TurnEvent> log = node.awaitEnd(turn.id());
      canceller.join();
      assertThat(log).filteredOn(TurnEnded.class::isInstance).hasSize(1);
      TurnState state = node.turn(turn.id()).state();
      assertThat(state).isEqualTo(((TurnEnded) log.getLast()).state()).matches(TurnState::terminal);
      String shown =
          log.stream()
              .filter(EngineFixture::isDelta)
              .map(event -> ((PartDelta) event).text())
              .reduce("", String::concat);
      assertThat(text(turn, 0)).isEqualTo(shown);
    }
  }

  @Test
  void lanes_are_seen_cancelled_and_retried_one_by_one() throws Exception {
    script("a", REPLY);
    script("b", HELD);
    script("c", "[{'fail':'auth'}]", "[{'text':'second'},{'finish':'stop'}]");
    node.engine.start();
    Turn turn = node.submit(node.session(), "Hi", "script/a", "script/b", "script/c");
    eventually(() ->
        node.turn(turn.id()).lanes().get(0).state() == LaneState.COMPLETED
            && node.turn(turn.id()).lanes().get(2).state() == LaneState.FAILED);
    assertThat(text(turn, 0)).isEqualTo("Hello");
    assertCode(() -> node.desk.retryLane(CALLER, turn.id(), 1, null), ErrorCode.CONFLICT);
    assertThat(node.desk.retryLane(CALLER, turn.id(), 2, null).id()).isEqualTo(turn.id());
    eventually(() -> node.turn(turn.id()).lanes().get(2).state() == LaneState.COMPLETED);
    node.desk.cancelLane(CALLER, turn.id(), 1);
    node.awaitEnd(turn.id());
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.COMPLETED);
    assertThat(text(turn, 1)).isEqualTo("part");
    assertThat(text(turn, 2)).isEqualTo("second");
    assertThat(message(turn, turn.lanes().get(1).message()).status())
        .isEqualTo(Message.Status.CANCELLED);
  }

  /** A turn of which the first lane is complete and the second at work. */
  private Turn halfDone(String... retries) throws Exception {
    script("a", REPLY);
    script("a", retries);
    script("b", HELD);
    node.engine.start();
    Turn turn = node.submit(node.session(), "Hi", "script/a", "script/b");
    eventually(() -> node.turn(turn.id()).lanes().get(0).state() == LaneState.COMPLETED);
    eventually(() -> provider.requests().size() == 2);
    return turn;
  }

  @Test
  void a_retry_of_a_lane_that_fails_without_a_word_leaves_the_lane_as_it_was() throws Exception {
    Turn turn = halfDone("[{'fail':'auth'}]", "[{'text':'again'},{'finish':'stop'}]");
    assertThat(node.desk.retryLane(CALLER, turn.id(), 0, null).id()).isEqualTo(turn.id());
    node.await(turn.id(), e -> e instanceof Notice told && told.code().equals("kept"));
    eventually(() -> node.turn(turn.id()).lanes().get(0).state() == LaneState.COMPLETED);
    assertThat(text(turn, 0)).isEqualTo("Hello");
    assertThat(node.desk.retryLane(CALLER, turn.id(), 0, null).id()).isEqualTo(turn.id());
    eventually(() -> text(turn, 0).equals("again"));
    provider.letGo();
    node.awaitEnd(turn.id());
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.COMPLETED);
    assertThat(text(turn, 0)).isEqualTo("again");
    assertThat(text(turn, 1)).isEqualTo("part");
  }

  @Test
  void a_retry_of_a_lane_that_is_cancelled_before_its_first_word_leaves_the_lane_as_it_was()
      throws Exception {
    Turn turn = halfDone("[{'hold':true},{'finish':'stop'}]");
    assertThat(node.desk.retryLane(CALLER, turn.id(), 0, null).id()).isEqualTo(turn.id());
    eventually(() -> provider.requests().size() == 3);
    node.desk.cancelTurn(CALLER, turn.id());
    node.awaitEnd(turn.id());
    assertThat(node.turn(turn.id()).lanes())
        .extracting(Turn.Lane::state)
        .containsExactly(LaneState.COMPLETED, LaneState.CANCELLED);
    assertThat(text(turn, 0)).isEqualTo("Hello");
  }

  @Test
  void a_lane_cancelled_in_the_queue_can_be_retried_while_others_run() throws Exception {
    script("a", REPLY);
    script("b", HELD);
    Turn turn = node.submit(node.session(), "Hi", "script/a", "script/b");
    node.desk.cancelLane(CALLER, turn.id(), 0);
    node.engine.start();
    eventually(() -> node.turn(turn.id()).lanes().get(0).state() == LaneState.CANCELLED);
    assertThat(node.desk.retryLane(CALLER, turn.id(), 0, null).id()).isEqualTo(turn.id());
    eventually(() -> node.turn(turn.id()).lanes().get(0).state() == LaneState.COMPLETED);
    node.desk.cancelTurn(CALLER, turn.id());
    node.awaitEnd(turn.id());
    assertThat(text(turn, 0)).isEqualTo("Hello");
  }

  @Test
  void a_lane_of_a_turn_that_is_being_cancelled_is_retried_in_a_new_one() throws Exception {
    script("a", REPLY, "[{'text':'again'},{'finish':'stop'}]");
    script("b", HELD);
    node.engine.start();
    Turn turn = node.submit(node.session(), "Hi", "script/a", "script/b");
    eventually(() -> node.turn(turn.id()).lanes().get(0).state() == LaneState.COMPLETED);
    // As a cancel whose hint is still on its way.
    database.write(
        tx -> tx.update("UPDATE turn SET cancelled_by = 'caller' WHERE id = ?", turn.id()));
    Turn retry = node.desk.retryLane(CALLER, turn.id(), 0, null);
    assertThat(retry.id()).isNotEqualTo(turn.id());
    node.awaitEnd(retry.id());
    assertThat(text(retry, 0)).isEqualTo("again");
    assertThat(text(turn, 0)).isEqualTo("Hello");
  }

  @Test
  void one_model_may_stand_in_two_lanes() {
    script("a", "[{'text':'one'},{'finish':'stop'}]", "[{'text':'two'},{'finish':'stop'}]");
    node.engine.start();
    Turn turn = node.submit(node.session(), "Hi", "script/a", "script/a");
    node.awaitEnd(turn.id());
    assertThat(List.of(text(turn, 0), text(turn, 1))).containsExactlyInAnyOrder("one", "two");
  }

  @Test
  void a_retry_after_the_end_answers_the_same_message_in_a_new_turn() {
    script("a", "[{'fail':'auth'}]", REPLY);
    node.engine.start();
    Turn turn = node.submit(node.session(), "Hi", "script/a");
    node.awaitEnd(turn.id());
    IdempotencyKey key = new IdempotencyKey("again", "h");
    Turn retry = node.desk.retryLane(CALLER, turn.id(), 0, key);
    assertThat(retry.id()).isNotEqualTo(turn.id());
    assertThat(retry.userMessage()).isEqualTo(turn.userMessage());
    assertThat(node.desk.retryLane(CALLER, turn.id(), 0, key).id()).isEqualTo(retry.id());
    node.awaitEnd(retry.id());
    assertThat(text(retry, 0)).isEqualTo("Hello");
    assertThat(provider.requests().getLast().messages()).hasSize(1);
  }

  @Test
  void other_peoples_ids_look_unknown_to_every_verb() {
    String session = node.session();
    Turn turn = node.submit(session, "Hi", "script/a");
    for (Caller other : List.of(new Caller("acme", "bob"), new Caller("evil", "ann"))) {
      assertCode(() -> node.conversations.session(other, session), ErrorCode.NOT_FOUND);
      assertCode(() -> node.conversations.messages(other, session, null, 5), ErrorCode.NOT_FOUND);
      assertCode(() -> node.conversations.turn(other, turn.id()), ErrorCode.NOT_FOUND);
      assertCode(() -> node.desk.changeSession(other, session, now -> now), ErrorCode.NOT_FOUND);
      assertCode(() -> node.desk.deleteSession(other, session), ErrorCode.NOT_FOUND);
      assertCode(() -> node.desk.cancelTurn(other, turn.id()), ErrorCode.NOT_FOUND);
      assertCode(() -> node.desk.cancelSession(other, session), ErrorCode.NOT_FOUND);
      assertCode(() -> node.desk.cancelLane(other, turn.id(), 0), ErrorCode.NOT_FOUND);
      assertCode(() -> node.desk.retryLane(other, turn.id(), 0, null), ErrorCode.NOT_FOUND);
      assertCode(
          () ->
              node.desk.submit(
                  other,
                  session,
                  EngineHarness.message(
                      "x", WhenBusy.ENQUEUE, List.of("script/a"), List.of(), Recovery.RESTART),
                  null),
          ErrorCode.NOT_FOUND);
      assertThat(node.conversations.sessions(other, null, 5).items()).isEmpty();
      assertThat(node.conversations.openTurns(other, null, 5)).isEmpty();
    }
    assertThat(node.turn(turn.id()).state()).isEqualTo(TurnState.QUEUED);
  }
}

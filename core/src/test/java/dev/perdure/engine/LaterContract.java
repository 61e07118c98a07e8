package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.Branches;
import dev.perdure.chat.Caller;
import dev.perdure.chat.IdempotencyKey;
import dev.perdure.chat.LaterTurns;
import dev.perdure.chat.LaterTurns.When;
import dev.perdure.chat.Message;
import dev.perdure.chat.Message.Part;
import dev.perdure.chat.Message.Status;
import dev.perdure.chat.NewTurn;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Origin;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.chat.WaitLimits;
import dev.perdure.file.FileLimits;
import dev.perdure.file.Files;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.TurnAccepted;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEvent.TurnScheduled;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import dev.perdure.protocol.TurnState;
import dev.perdure.testing.FaultPoints.Point;
import dev.perdure.tool.Tools;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Turns that are accepted now and begin later, on either database. */
abstract class LaterContract extends EngineFixture {
  private static final When NOW = new When(null, Duration.ZERO);

  private static When in(Duration delay) {
    return new When(null, delay);
  }

  private Turn later(String session, String text, When when, @Nullable IdempotencyKey key) {
    return node.later.submit(
        CALLER,
        session,
        EngineHarness.message(
            text, WhenBusy.ENQUEUE, List.of("script/a"), List.of(), Recovery.RESTART),
        when,
        key);
  }

  private int begin(int atMost) {
    return database
        .write(tx -> LaterTurns.begin(tx, atMost, null, new ArrayList<>()))
        .queued()
        .size();
  }

  private long wakeAt(Turn turn) {
    Long at = node.turn(turn.id()).wakeAtMillis();
    return at == null ? -1 : at;
  }

  private List<Message> messages(String session) {
    return node.conversations.messages(CALLER, session, null, 100).items().reversed();
  }

  @Test
  void it_joins_the_conversation_at_its_time_behind_what_is_newest() throws Exception {
    script("a", REPLY, REPLY);
    node.engine.start();
    String session = node.session();
    Turn later = later(session, "Later", in(Duration.ofHours(1)), null);
    assertThat(later.state()).isEqualTo(TurnState.SCHEDULED);
    assertThat(messages(session)).isEmpty();
    Turn first = node.submit(session, "First", WhenBusy.REJECT, null, "script/a");
    node.awaitEnd(first.id());
    assertThat(messages(session)).hasSize(2);
    node.later.move(CALLER, later.id(), NOW, wakeAt(later));
    List<TurnEvent> log = node.awaitEnd(later.id());
    assertThat(log.subList(0, 4))
        .extracting(Object::getClass)
        .containsExactly(
            TurnAccepted.class, TurnScheduled.class, TurnScheduled.class, TurnStarted.class);
    List<Message> all = messages(session);
    assertThat(all).extracting(Message::text).containsExactly("First", "Hello", "Later", "Hello");
    assertThat(all).extracting(Message::position).containsExactly(0L, 1L, 2L, 3L);
    assertThat(all.get(2).parent()).isEqualTo(all.get(1).id());
    assertThat(all.get(3).parent()).isEqualTo(all.get(2).id());
    assertThat(all.get(2).id()).isEqualTo(later.userMessage());
    assertThat(node.turn(later.id()).position()).isEqualTo(1);
    assertThat(provider.requests().getLast().messages()).hasSize(3);
  }

  @Test
  void it_joins_a_session_to_which_messages_were_added_but_in_which_nothing_was_asked()
      throws Exception {
    script("a", REPLY);
    String session = node.session();
    new Branches(database, Ids.system())
        .append(
            CALLER,
            session,
            List.of(
                new Origin.Earlier(Message.Role.USER, List.of(new Part(PartKind.TEXT, "Added")))));
    Turn later = later(session, "Later", NOW, null);
    node.engine.start();
    node.awaitEnd(later.id());
    assertThat(messages(session))
        .extracting(Message::text)
        .containsExactly("Added", "Later", "Hello");
    assertThat(node.turn(later.id()).position()).isZero();
  }

  @Test
  void it_begins_by_itself_when_the_time_has_come_even_if_the_node_was_down() throws Exception {
    script("a", REPLY, REPLY);
    node.engine.start();
    String session = node.session();
    Turn soon = later(session, "Soon", in(Duration.ofMillis(200)), null);
    node.awaitEnd(soon.id());
    Turn missed = later(session, "Missed", in(Duration.ofHours(1)), null);
    node.stop(Duration.ZERO);
    database.write(
        tx -> tx.update("UPDATE turn SET wake_at = wake_at - 7200000 WHERE id = ?", missed.id()));
    node = new EngineHarness(database, provider);
    node.engine.start();
    node.awaitEnd(missed.id());
    assertThat(text(missed, 0)).isEqualTo("Hello");
  }

  @Test
  void those_of_one_session_that_are_due_together_come_one_after_the_other() throws Exception {
    script("a", REPLY, REPLY, REPLY);
    String session = node.session();
    Turn one = later(session, "1", in(Duration.ofMillis(1)), null);
    Turn two = later(session, "2", in(Duration.ofMillis(2)), null);
    Turn three = later(session, "3", in(Duration.ofMillis(3)), null);
    eventually(() -> node.conversations.now() > wakeAt(three));
    node.engine.start();
    node.awaitEnd(three.id());
    assertThat(List.of(one, two, three))
        .extracting(turn -> node.turn(turn.id()).position())
        .containsExactly(0L, 1L, 2L);
    List<Message> all = messages(session);
    assertThat(all)
        .extracting(Message::text)
        .containsExactly("1", "Hello", "2", "Hello", "3", "Hello");
    assertThat(all.get(4).parent()).isEqualTo(all.get(3).id());
  }

  @Test
  void a_busy_session_has_it_wait_like_any_other() throws Exception {
    script("a", HELD, REPLY);
    node.engine.start();
    String session = node.session();
    Turn first = node.submit(session, "First", "script/a");
    node.await(first.id(), EngineFixture::isDelta);
    Turn later = later(session, "Later", in(Duration.ofMillis(1)), null);
    eventually(() -> node.turn(later.id()).state() == TurnState.QUEUED);
    provider.letGo();
    node.awaitEnd(later.id());
    assertThat(messages(session))
        .extracting(Message::text)
        .containsExactly("First", "part", "Later", "Hello");
  }

  @Test
  void of_two_who_move_it_one_does() {
    String session = node.session();
    Turn later = later(session, "Later", in(Duration.ofHours(1)), null);
    long was = wakeAt(later);
    Turn moved = node.later.move(CALLER, later.id(), in(Duration.ofHours(2)), was);
    assertThat(moved.wakeAtMillis()).isGreaterThan(was);
    assertCode(
        () -> node.later.move(CALLER, later.id(), in(Duration.ofHours(3)), was),
        ErrorCode.CONFLICT);
    assertCode(
        () -> node.later.move(new Caller("acme", "bob"), later.id(), NOW, wakeAt(later)),
        ErrorCode.NOT_FOUND);
    assertThat(node.later.scheduled(CALLER, 9))
        .singleElement()
        .satisfies(one -> {
          assertThat(one.turn().id()).isEqualTo(later.id());
          assertThat(one.parts().getFirst().text()).isEqualTo("Later");
        });
    assertThat(node.conversations.openTurns(CALLER, session, 9)).isEmpty();
  }

  @Test
  void one_that_is_cancelled_leaves_no_message_behind() {
    script("a", REPLY);
    node.engine.start();
    String session = node.session();
    Turn later = later(session, "Later", in(Duration.ofHours(1)), null);
    node.desk.cancelSession(CALLER, session);
    assertThat(node.turn(later.id()).state()).isEqualTo(TurnState.SCHEDULED);
    Turn cancelled = node.desk.cancelTurn(CALLER, later.id());
    assertThat(cancelled.state()).isEqualTo(TurnState.CANCELLED);
    assertThat(node.awaitEnd(later.id()).getLast()).isInstanceOf(TurnEnded.class);
    assertCode(() -> node.desk.retryLane(CALLER, later.id(), 0, null), ErrorCode.CONFLICT);
    assertCode(() -> node.later.move(CALLER, later.id(), NOW, wakeAt(later)), ErrorCode.CONFLICT);
    Turn first = node.submit(session, "First", "script/a");
    node.awaitEnd(first.id());
    assertThat(messages(session))
        .extracting(Message::text, Message::status)
        .containsExactly(
            org.assertj.core.groups.Tuple.tuple("First", Status.COMPLETE),
            org.assertj.core.groups.Tuple.tuple("Hello", Status.COMPLETE));
    assertThat(messages(session).getFirst().parent()).isNull();
  }

  @Test
  void a_repeated_request_is_the_same_turn() {
    String session = node.session();
    IdempotencyKey key = new IdempotencyKey("k", "h");
    Turn first = later(session, "Later", in(Duration.ofHours(1)), key);
    Turn again = later(session, "Later", in(Duration.ofHours(1)), key);
    assertThat(again.id()).isEqualTo(first.id());
    assertThat(again.wakeAtMillis()).isEqualTo(first.wakeAtMillis());
  }

  @Test
  void there_are_limits() {
    WaitLimits few =
        new WaitLimits(
            Duration.ofDays(10), 1, 1, Duration.ofHours(1), List.of(), Duration.ofMinutes(1));
    node.close();
    node =
        new EngineHarness(
            database, provider, EngineHarness.config(Duration.ofMinutes(5)), Tools.NONE, few);
    String session = node.session();
    assertCode(
        () -> later(session, "Far", in(Duration.ofDays(11)), null), ErrorCode.INVALID_REQUEST);
    Turn later = later(session, "Later", in(Duration.ofDays(9)), null);
    assertCode(() -> later(session, "Two", in(Duration.ofDays(9)), null), ErrorCode.TOO_MANY_TURNS);
    assertCode(
        () -> node.later.move(CALLER, later.id(), in(Duration.ofDays(11)), wakeAt(later)),
        ErrorCode.INVALID_REQUEST);
    node.desk.cancelTurn(CALLER, later.id());
    later(session, "Two", in(Duration.ofDays(9)), null);
  }

  @Test
  void files_are_kept_until_the_time_and_go_with_the_message_or_the_cancel() throws Exception {
    Files files = new Files(database, Ids.system(), FileLimits.DEFAULT);
    Caller bob = new Caller("acme", "bob");
    String cat = image(files, CALLER, 1);
    String dog = image(files, CALLER, 2);
    String his = image(files, bob, 3);
    String session = node.session();
    assertCode(() -> withFile(session, his), ErrorCode.NOT_FOUND);
    Turn begun = withFile(session, cat);
    Turn cancelled = withFile(session, dog);
    assertThat(node.later.scheduled(CALLER, 9).getFirst().files())
        .extracting(Message.Attachment::file, Message.Attachment::mediaType)
        .containsExactly(org.assertj.core.groups.Tuple.tuple(cat, "image/png"));
    database.write(tx -> tx.update("UPDATE file SET used_at = 0"));
    // That of the other caller is held by nobody.
    assertThat(files.sweep()).isEqualTo(1);
    node.later.move(CALLER, begun.id(), NOW, wakeAt(begun));
    assertThat(database.write(tx -> LaterTurns.begin(tx, 9, null, new ArrayList<>())).queued())
        .containsExactly(begun.id());
    assertThat(messages(session).getFirst().files())
        .extracting(Message.Attachment::file, Message.Attachment::after)
        .containsExactly(org.assertj.core.groups.Tuple.tuple(cat, 1));
    assertThat(files.sweep()).isZero();
    node.desk.cancelTurn(CALLER, cancelled.id());
    assertThat(files.sweep()).isEqualTo(1);
    assertThat(files.get(CALLER, cat).id()).isEqualTo(cat);
  }

  private Turn withFile(String session, String file) {
    NewTurn plain =
        EngineHarness.message(
            "Look", WhenBusy.ENQUEUE, List.of("script/a"), List.of(), Recovery.RESTART);
    return node.later.submit(
        CALLER,
        session,
        new NewTurn(
            plain.parts(),
            List.of(new NewTurn.FileAt(file, 1)),
            plain.request(),
            WhenBusy.ENQUEUE,
            plain.origin()),
        in(Duration.ofHours(1)),
        null);
  }

  @Test
  void a_deleted_session_takes_them_along() {
    String session = node.session();
    Turn later = later(session, "Later", in(Duration.ofHours(1)), null);
    node.desk.deleteSession(CALLER, session);
    assertCode(() -> node.turn(later.id()), ErrorCode.NOT_FOUND);
    long left =
        database.read(
            tx -> tx.one("SELECT COUNT(*) FROM later_turn", row -> row.getLong(1)).orElseThrow());
    assertThat(left).isZero();
  }

  @Test
  void nodes_that_look_at_the_same_time_let_each_begin_once() throws Exception {
    String session = node.session();
    for (int i = 0; i < 20; i++) {
      later(session, "n" + i, in(Duration.ofMillis(1)), null);
    }
    Turn last = later(node.session(), "last", in(Duration.ofMillis(1)), null);
    eventually(() -> node.conversations.now() > wakeAt(last));
    List<Integer> begun = new CopyOnWriteArrayList<>();
    List<Thread> nodes =
        List.of(1, 2).stream()
            .map(each ->
                Thread.ofVirtual()
                    .start(() -> {
                      for (int i = 0; i < 10; i++) {
                        begun.add(begin(5));
                      }
                    }))
            .toList();
    for (Thread each : nodes) {
      each.join();
    }
    // What the other one held at that moment is begun by the next look.
    begun.add(begin(100));
    assertThat(begun.stream().mapToInt(Integer::intValue).sum()).isEqualTo(21);
    assertThat(messages(session)).hasSize(40);
  }

  private static long started(List<TurnEvent> log) {
    return log.stream().filter(TurnStarted.class::isInstance).count();
  }

  @Test
  void nodes_that_take_what_is_due_at_the_same_time_hold_each_once() throws Exception {
    List<String> turns = new ArrayList<>();
    for (int i = 0; i < 30; i++) {
      Turn later = later(node.session(), "n" + i, in(Duration.ofMillis(1)), null);
      turns.add(later.id());
      if (i % 2 == 0) {
        database.write(
            tx -> tx.update("UPDATE turn SET state = 'waiting' WHERE id = ?", later.id()));
      }
    }
    String last = turns.getLast();
    eventually(() -> node.conversations.now() > wakeAt(node.turn(last)));
    List<String> held = new CopyOnWriteArrayList<>();
    try (EngineHarness other = new EngineHarness(database, provider)) {
      List<Thread> nodes =
          List.of(node.parts, other.parts).stream()
              .map(parts ->
                  Thread.ofVirtual()
                      .start(() -> {
                        DueTurns due = new DueTurns(parts);
                        for (int i = 0; i < 10; i++) {
                          due.wake(3, true).claims().forEach(claim -> held.add(claim.turn()));
                          due.begin(3, true).claims().forEach(claim -> held.add(claim.turn()));
                        }
                      }))
              .toList();
      for (Thread each : nodes) {
        each.join();
      }
      // What the other one held at that moment is taken by the next look.
      DueTurns due = new DueTurns(node.parts);
      due.wake(100, true).claims().forEach(claim -> held.add(claim.turn()));
      due.begin(100, true).claims().forEach(claim -> held.add(claim.turn()));
    }
    assertThat(held).containsExactlyInAnyOrderElementsOf(turns);
    for (String turn : turns) {
      assertThat(node.await(turn, TurnStarted.class::isInstance).getLast())
          .isInstanceOfSatisfying(
              TurnStarted.class, event -> assertThat(event.epoch()).isEqualTo(1));
      assertThat(epoch(turn)).isEqualTo(1);
    }
  }

  @Test
  void a_batch_holds_no_more_than_there_are_places_for() {
    int crowd = 100;
    int atMost = 10;
    for (int i = 0; i < crowd; i++) {
      Turn _ = later(node.session(), "n" + i, in(Duration.ofMillis(1)), null);
    }
    // As statistics are before a crowd: of turns that wait there is none.
    database.write(tx -> tx.update("ANALYZE turn"));
    database.write(tx ->
        tx.update("UPDATE turn SET state = 'waiting', wake_at = {now} WHERE state = 'scheduled'"));
    DueTurns due = new DueTurns(node.parts);
    assertThat(database.<Integer>read(tx -> DueTurns.waitingDue(tx, atMost))).isEqualTo(atMost);
    for (int held = 0; held < crowd; held += atMost) {
      assertThat(due.wake(atMost, true).claims()).hasSize(atMost);
    }
    assertThat(due.wake(atMost, true).claims()).isEmpty();
  }

  private long epoch(String turn) {
    return database.read(tx ->
        tx.one("SELECT epoch FROM turn WHERE id = ?", row -> row.getLong(1), turn).orElseThrow());
  }

  @Test
  void what_does_not_fit_the_node_any_more_goes_through_the_queue_and_is_answered()
      throws Exception {
    dueTogether(5, EngineConfig.DEFAULT.claimBatch(), 2);
  }

  @Test
  void of_a_crowd_each_begins_once_however_many_batches_it_takes_and_all_places_come_back()
      throws Exception {
    dueTogether(20, 3, 9);
    eventually(() -> node.engine.running() == 0);
    dueTogether(9, 2, 9);
  }

  /** Has a node take so many that are due at once, and checks that each is answered once. */
  private void dueTogether(int count, int claimBatch, int places) throws Exception {
    node.close();
    EngineConfig d = EngineHarness.config(Duration.ofMinutes(5));
    node =
        new EngineHarness(
            database,
            provider,
            EngineConfigs.of(d, claimBatch, places, d.turnTimeLimit(), d.retry()));
    List<Turn> turns = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      script("a", REPLY);
      turns.add(later(node.session(), "n" + i, in(Duration.ofMillis(1)), null));
    }
    node.engine.start();
    for (Turn each : turns) {
      assertThat(started(node.awaitEnd(each.id()))).isEqualTo(1);
    }
  }

  @Test
  void one_that_cannot_begin_keeps_nobody_else_from_it() throws Exception {
    script("a", REPLY, REPLY, REPLY, REPLY);
    List<Turn> turns = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      turns.add(later(node.session(), "n" + i, in(Duration.ofMillis(1)), null));
    }
    String broken = turns.remove(2).id();
    database.write(tx -> tx.update("UPDATE turn SET request = '{' WHERE id = ?", broken));
    node.engine.start();
    for (Turn each : turns) {
      node.awaitEnd(each.id());
      assertThat(text(each, 0)).isEqualTo("Hello");
    }
    eventually(() -> wakesIn(broken) > Duration.ofSeconds(20).toMillis());
  }

  /** Milliseconds until a turn for later is due. */
  private long wakesIn(String turn) {
    return database.<Long>read(tx ->
        tx.one(
                "SELECT wake_at - {now} FROM turn WHERE id = ? AND state = 'scheduled'",
                row -> row.getLong(1),
                turn)
            .orElse(0L));
  }

  @Test
  void a_node_that_dies_with_what_it_has_just_taken_leaves_it_to_the_next() throws Exception {
    node.close();
    CountDownLatch died = new CountDownLatch(1);
    node =
        new EngineHarness(
            database,
            provider,
            point -> {
              if (point == Point.CLAIMED) {
                died.countDown();
                throw new IllegalStateException("Dies with what it has claimed.");
              }
            });
    script("a", REPLY);
    Turn later = later(node.session(), "Hi", in(Duration.ofMillis(1)), null);
    node.engine.start();
    assertThat(died.await(30, TimeUnit.SECONDS)).isTrue();
    node.close();
    node = new EngineHarness(database, provider);
    database.write(tx ->
        tx.update("UPDATE turn SET state = 'queued', node_id = NULL WHERE id = ?", later.id()));
    node.engine.start();
    assertThat(started(node.awaitEnd(later.id()))).isGreaterThanOrEqualTo(2);
    assertThat(text(later, 0)).isEqualTo("Hello");
    assertThat(messages(later.session())).hasSize(2);
  }
}

package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.chat.Admission;
import dev.perdure.chat.Caller;
import dev.perdure.chat.Desk;
import dev.perdure.chat.DeskLimits;
import dev.perdure.chat.IdempotencyKey;
import dev.perdure.chat.LaterTurns;
import dev.perdure.chat.NewTurn;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Session;
import dev.perdure.chat.Starter;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.engine.TurnQueue.Claim;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnError;
import dev.perdure.testing.FaultPoints;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Too much work, on whatever database: who is served next, who is refused, and when. */
abstract class AdmissionContract extends EngineFixture {
  /** More, such as 100000, to see what a long queue costs. */
  private static final int QUEUED = Integer.getInteger("perdure.queued", 3_000);

  private static final Caller BIG = new Caller("big", "ben");
  private static final Caller SMALL = new Caller("small", "sue");
  private static final NewTurn HI =
      EngineHarness.message(
          "Hi", WhenBusy.ENQUEUE, List.of("script/a"), List.of(), Recovery.RESTART);

  private Admission admission(int queued, Duration wait) {
    return new Admission(database, new DeskLimits(1_000, 1_000, queued, wait));
  }

  /** A desk on a node that never has room. */
  private Desk desk(Admission admission) {
    return new Desk(database, node.log, Starter.NONE, Ids.system(), admission, FaultPoints.NONE);
  }

  private static Turn submit(Desk desk, Caller caller, @Nullable IdempotencyKey key) {
    return desk.submit(caller, desk.createSession(caller, Session.Settings.NONE).id(), HI, key);
  }

  private TurnQueue queue() {
    return new TurnQueue(database, node.log, node.nodeId, FaultPoints.NONE);
  }

  private String tenant(Claim claim) {
    return database.read(tx ->
        tx.one("SELECT tenant FROM turn WHERE id = ?", row -> row.getString(1), claim.turn())
            .orElseThrow());
  }

  private List<String> tenants(List<Claim> claims) {
    return claims.stream().map(this::tenant).toList();
  }

  /** Rows as the desk would write them, but quickly: sessions with one queued turn each. */
  private void fill(String tenant, int turns) {
    database.write(tx -> {
      tx.update(
          """
          INSERT INTO session (id, tenant, owner, created_at, updated_at)
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
            SELECT 'sess_' || ? || i, ?, 'o', {now}, {now} FROM n\
          """,
          turns,
          tenant,
          tenant);
      return tx.update(
          """
          INSERT INTO turn (id, session_id, tenant, owner, user_message, state, position, epoch,
                            request, created_at)
          SELECT 'turn_' || id, id, tenant, owner, 'm', 'queued', 0, 0, '{}', created_at
            FROM session WHERE tenant = ?\
          """,
          tenant);
    });
  }

  @Test
  void a_tenants_single_turn_is_next_however_many_another_one_has_queued() {
    fill("big", QUEUED);
    Turn single = submit(desk(admission(1_000_000, Duration.ofHours(1))), SMALL, null);
    TurnQueue queue = queue();
    long began = System.nanoTime();
    List<Claim> claims = new ArrayList<>(queue.claim(1));
    claims.addAll(queue.claim(1));
    long took = System.nanoTime() - began;
    System.out.printf("A claim among %,d queued turns: %,d us%n", QUEUED, took / 2_000);
    assertThat(claims.stream().map(Claim::turn)).contains(single.id());
    assertThat(tenants(claims)).containsExactlyInAnyOrder("big", "small");
  }

  @Test
  void what_is_due_begins_by_its_time_whatever_the_tenant_while_there_is_room() throws Exception {
    List<String> inOrder = new ArrayList<>();
    for (Caller caller : List.of(BIG, BIG, BIG, SMALL)) {
      String session = node.desk.createSession(caller, Session.Settings.NONE).id();
      inOrder.add(
          node.later
              .submit(caller, session, HI, new LaterTurns.When(null, Duration.ZERO), null)
              .id());
    }
    // Due in this order, which is not that of their ids.
    Collections.swap(inOrder, 0, 2);
    for (int i = 0; i < inOrder.size(); i++) {
      int at = i;
      database.write(
          tx -> tx.update("UPDATE turn SET wake_at = ? WHERE id = ?", 1 + at, inOrder.get(at)));
    }
    DueTurns due = new DueTurns(node.parts);
    for (int i = 0; i < 4; i += 2) {
      assertThat(due.begin(2, true).claims())
          .extracting(TurnQueue.Claim::turn)
          .containsExactlyInAnyOrderElementsOf(inOrder.subList(i, i + 2));
    }
  }

  @Test
  void claims_go_round_the_tenants_and_lose_no_place() {
    fill("a", 5);
    fill("b", 2);
    fill("c", 1);
    TurnQueue queue = queue();
    assertThat(tenants(queue.claim(2))).containsExactly("a", "b");
    assertThat(tenants(queue.claim(2))).containsExactlyInAnyOrder("c", "a");
    assertThat(tenants(queue.claim(100))).containsExactlyInAnyOrder("a", "a", "a", "b");
    assertThat(queue.claim(100)).isEmpty();
  }

  @Test
  void many_tenants_and_what_reading_a_long_queue_costs() {
    for (int i = 0; i < 100; i++) {
      fill("t" + i + "x", QUEUED / 100);
    }
    TurnQueue queue = queue();
    Admission admission = admission(1_000_000, Duration.ofHours(1));
    admission.refresh();
    long began = System.nanoTime();
    admission.refresh();
    long read = System.nanoTime() - began;
    began = System.nanoTime();
    List<Claim> claims = queue.claim(100);
    long claimed = System.nanoTime() - began;
    began = System.nanoTime();
    for (int i = 0; i < 50; i++) {
      assertThat(queue.claim(1)).hasSize(1);
    }
    long one = (System.nanoTime() - began) / 50;
    System.out.printf(
        "%,d queued turns of 100 tenants: reading %,d us, claiming 100 %,d us, claiming 1 %,d us%n",
        QUEUED, read / 1000, claimed / 1000, one / 1000);
    assertThat(tenants(claims)).hasSize(100).doesNotHaveDuplicates();
    assertThat(admission.reading().queued()).isEqualTo(QUEUED);
    assertThat(admission.reading().tenants()).hasSize(100);
  }

  @Test
  void a_tenant_fills_half_of_the_queue_and_others_still_find_room() {
    Admission admission = admission(10, Duration.ofHours(1));
    Desk desk = desk(admission);
    for (int i = 0; i < 5; i++) {
      submit(desk, BIG, null);
    }
    assertThatThrownBy(() -> submit(desk, BIG, null))
        .isInstanceOfSatisfying(
            PerdureException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.SERVER_BUSY);
              assertThat(e.busy()).extracting(PerdureException.Busy::queued).isEqualTo(5L);
            });
    submit(desk, SMALL, null);
    // The same by what is stored as by what this node remembers.
    admission.refresh();
    assertThat(admission.reading().tenant("big").queued()).isEqualTo(5);
    assertCode(() -> submit(desk, BIG, null), ErrorCode.SERVER_BUSY);
    submit(desk, SMALL, null);
    assertThat(admission.refused("big")).isEqualTo(2);
    assertThat(admission.refused("small")).isZero();
  }

  @Test
  void a_refusal_stores_nothing_and_what_was_accepted_is_answered() {
    Admission admission = admission(4, Duration.ofHours(1));
    Desk desk = desk(admission);
    List<Turn> accepted = new ArrayList<>();
    String session = desk.createSession(CALLER, Session.Settings.NONE).id();
    IdempotencyKey key = new IdempotencyKey("k", "h");
    accepted.add(desk.submit(CALLER, session, HI, key));
    accepted.add(submit(desk, CALLER, null));
    assertCode(() -> desk.submit(CALLER, session, HI, null), ErrorCode.SERVER_BUSY);
    assertCode(
        () -> desk.submit(CALLER, session, HI, new IdempotencyKey("new", "h")),
        ErrorCode.SERVER_BUSY);
    assertThat(desk.submit(CALLER, session, HI, key).id()).isEqualTo(accepted.getFirst().id());
    assertThat(node.conversations.messages(CALLER, session, null, 10).items()).hasSize(2);
    script("a", REPLY, REPLY);
    node.engine.start();
    accepted.forEach(turn -> node.awaitEnd(turn.id()));
    assertThat(accepted).allSatisfy(turn -> assertThat(text(turn, 0)).isEqualTo("Hello"));
    admission.refresh();
    // The refused key was not used up.
    Turn later = desk.submit(CALLER, session, HI, new IdempotencyKey("new", "h"));
    assertThat(later.id()).isNotEqualTo(accepted.getFirst().id());
  }

  @Test
  void the_wait_of_a_tenant_closes_the_queue_to_it_and_to_nobody_else() {
    Admission admission = admission(1_000, Duration.ofSeconds(1));
    Desk desk = desk(admission);
    Turn old = submit(desk, BIG, null);
    database.write(
        tx -> tx.update("UPDATE turn SET created_at = created_at - 5000 WHERE id = ?", old.id()));
    admission.refresh();
    assertThat(admission.reading().oldestWaitMillis()).isGreaterThanOrEqualTo(5000);
    assertCode(() -> submit(desk, BIG, null), ErrorCode.SERVER_BUSY);
    submit(desk, SMALL, null);
    assertThat(queue().claim(10)).hasSize(2);
    admission.refresh();
    submit(desk, BIG, null);
  }

  @Test
  void a_turn_that_waits_for_its_own_session_does_not_count_as_waiting_for_a_node() {
    Admission admission = admission(1_000, Duration.ofSeconds(1));
    Desk desk = desk(admission);
    String session = desk.createSession(BIG, Session.Settings.NONE).id();
    Turn first = desk.submit(BIG, session, HI, null);
    assertThat(queue().claim(10)).hasSize(1);
    desk.submit(BIG, session, HI, null);
    database.write(tx ->
        tx.update("UPDATE turn SET created_at = created_at - 5000 WHERE session_id = ?", session));
    admission.refresh();
    assertThat(admission.reading().tenant("big")).isEqualTo(new Admission.Tenant(2, 1, 0));
    database.write(tx ->
        tx.update(
            "UPDATE turn SET state = 'completed', ended_at = {now}, node_id = NULL WHERE id = ?",
            first.id()));
    admission.refresh();
    assertThat(admission.reading().oldestWaitMillis()).isZero();
    submit(desk, BIG, null);
  }

  @Test
  void a_tenants_open_turns_are_limited_whether_they_run_or_wait() {
    Admission admission =
        new Admission(database, new DeskLimits(1_000, 3, 1_000, Duration.ofHours(1)));
    Desk desk = desk(admission);
    submit(desk, BIG, null);
    submit(desk, new Caller("big", "bob"), null);
    assertThat(queue().claim(10)).hasSize(2);
    admission.refresh();
    submit(desk, BIG, null);
    assertCode(() -> submit(desk, BIG, null), ErrorCode.TOO_MANY_TURNS);
    submit(desk, SMALL, null);
  }

  private void restart(int maxRunning, Duration poll, int calls) {
    node.close();
    EngineConfig d = EngineHarness.config(Duration.ofMinutes(5));
    RetryPolicy r = d.retry();
    node =
        new EngineHarness(
            database,
            provider,
            EngineConfigs.paced(
                EngineConfigs.of(
                    d,
                    d.claimBatch(),
                    maxRunning,
                    d.turnTimeLimit(),
                    new RetryPolicy(r.attempts(), calls, r.base(), r.max(), r.budget())),
                d.lease(),
                d.beat(),
                poll));
  }

  @Test
  void nobody_takes_a_free_place_past_those_who_wait_for_one() throws Exception {
    // Nothing is claimed but when a place becomes free.
    restart(1, Duration.ofMinutes(5), 100);
    script("a", HELD, REPLY, REPLY);
    node.engine.start();
    eventually(() -> node.engine.seat().map(AdmissionContract::giveBack).isPresent());
    Turn running = node.submit(node.session(), "1", "script/a");
    node.await(running.id(), EngineFixture::isDelta);
    Turn queued = node.submit(node.session(), "2", "script/a");
    provider.letGo();
    node.awaitEnd(running.id());
    Turn late = node.submit(node.session(), "3", "script/a");
    node.awaitEnd(queued.id());
    node.awaitEnd(late.id());
    assertThat(provider.requests().get(1).messages().getFirst().text()).isEqualTo("2");
  }

  private static boolean giveBack(Starter.Seat seat) {
    seat.giveBack();
    return true;
  }

  @Test
  void the_budget_of_calls_counts_attempts_and_fallbacks_together() {
    restart(10, Duration.ofMillis(50), 3);
    String overloaded = "[{'fail':'overloaded'}]";
    script("a", overloaded, overloaded, overloaded, overloaded);
    script("b", overloaded, REPLY);
    node.engine.start();
    Turn turn =
        node.desk.submit(
            CALLER,
            node.session(),
            EngineHarness.message(
                "Hi", WhenBusy.ENQUEUE, List.of("script/a"), List.of("script/b"), Recovery.RESTART),
            null);
    node.awaitEnd(turn.id());
    assertThat(provider.requests()).hasSize(3);
    assertThat(message(turn, turn.lanes().getFirst().message()).error())
        .extracting(TurnError::code)
        .isEqualTo("call_limit");
  }

  @Test
  void the_budget_of_calls_outlives_the_holder_of_a_turn() {
    restart(10, Duration.ofMillis(50), 2);
    Turn turn = node.submit(node.session(), "Hi", "script/a");
    for (int holder = 1; holder <= 2; holder++) {
      assertThat(queue().claim(1)).hasSize(1);
      if (holder == 2) {
        // The second holder's call, as its budget writes it down.
        assertThat(new CallBudget(database, turn.id(), 0, 2, false).take()).isTrue();
      }
      queue().giveBackAll();
    }
    node.engine.start();
    node.awaitEnd(turn.id());
    assertThat(provider.requests()).isEmpty();
    assertThat(node.turn(turn.id()).error()).extracting(TurnError::code).isEqualTo("call_limit");
  }
}

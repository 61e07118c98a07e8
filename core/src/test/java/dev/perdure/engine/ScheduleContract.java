package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.Caller;
import dev.perdure.chat.DeskLimits;
import dev.perdure.chat.IdempotencyKey;
import dev.perdure.chat.LaterTurns;
import dev.perdure.chat.Message;
import dev.perdure.chat.Message.Part;
import dev.perdure.chat.NewTurn.FileAt;
import dev.perdure.chat.TurnRequest;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.chat.WaitLimits;
import dev.perdure.file.FileLimits;
import dev.perdure.file.Files;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.GenerationParams;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PartKind;
import dev.perdure.schedule.Schedule;
import dev.perdure.schedule.Schedule.Missed;
import dev.perdure.schedule.Schedule.Said;
import dev.perdure.schedule.Schedule.Settings;
import dev.perdure.schedule.Schedules;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Turns that come by a schedule, on either database. */
abstract class ScheduleContract extends EngineFixture {
  private static final Said SAID =
      new Said(
          List.of(new Part(PartKind.TEXT, "Report")),
          new TurnRequest(
              List.of("script/a"), List.of(), null, GenerationParams.NONE, Recovery.RESTART));

  private static Settings settings(String cron, Missed missed, @Nullable Long maxRuns) {
    return new Settings("n", SAID, cron, "Europe/Berlin", null, null, maxRuns, missed, false);
  }

  private Schedule create(String session, Settings settings) {
    return node.schedules.create(CALLER, session, settings, null);
  }

  /** It was due that long ago. */
  private void due(Schedule schedule, Duration ago) {
    database.write(tx ->
        tx.update(
            "UPDATE schedule SET next_at = {now} - ? WHERE id = ?", ago.toMillis(), schedule.id()));
  }

  private List<Message> messages(String session) {
    return node.conversations.messages(CALLER, session, null, 100).items().reversed();
  }

  private Schedule now(Schedule schedule) {
    return node.schedules.get(CALLER, schedule.id());
  }

  @Test
  void each_run_is_a_turn_of_the_session() throws Exception {
    script("a", REPLY, REPLY);
    node.engine.start();
    String session = node.session();
    Schedule made = create(session, settings("0 3 * * *", Missed.SKIP, 2L));
    assertThat(Instant.ofEpochMilli(made.nextAtMillis() == null ? 0 : made.nextAtMillis()))
        .isEqualTo(
            made.settings().upcoming(Instant.ofEpochMilli(made.createdAtMillis()), 1).getFirst());
    due(made, Duration.ofSeconds(1));
    eventually(() -> now(made).runs() == 1);
    Schedule once = now(made);
    node.awaitEnd(Optional.ofNullable(once.lastTurn()).orElseThrow());
    assertThat(once.nextAtMillis()).isEqualTo(made.nextAtMillis());
    due(made, Duration.ofSeconds(2));
    eventually(() -> now(made).over());
    node.awaitEnd(Optional.ofNullable(now(made).lastTurn()).orElseThrow());
    assertThat(messages(session))
        .extracting(Message::text)
        .containsExactly("Report", "Hello", "Report", "Hello");
    assertThat(messages(session).get(2).parent()).isEqualTo(messages(session).get(1).id());
  }

  @Test
  void nodes_that_look_at_the_same_time_make_one_turn_of_a_run() throws Exception {
    String session = node.session();
    List<Schedule> made = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      made.add(create(i < 5 ? session : node.session(), settings("0 3 * * *", Missed.SKIP, null)));
    }
    made.forEach(each -> due(each, Duration.ofSeconds(1)));
    Ids ids = Ids.system();
    LaterTurns turns =
        new LaterTurns(database, node.log, ids, DeskLimits.DEFAULT, WaitLimits.DEFAULT);
    List<String> begun = new CopyOnWriteArrayList<>();
    List<Thread> nodes =
        List.of(node.schedules, new Schedules(database, node.log, ids, turns)).stream()
            .map(each ->
                Thread.ofVirtual()
                    .start(() -> {
                      for (int i = 0; i < 10; i++) {
                        each.fire(3, batch -> begun.addAll(batch.queued()));
                      }
                    }))
            .toList();
    for (Thread each : nodes) {
      each.join();
    }
    node.schedules.fire(100, batch -> begun.addAll(batch.queued()));
    assertThat(begun).hasSize(10).doesNotHaveDuplicates();
    assertThat(made).allSatisfy(each -> assertThat(now(each).runs()).isEqualTo(1));
  }

  @Test
  void its_files_are_kept_until_it_is_changed_or_deleted_and_go_with_each_message()
      throws Exception {
    Files files = new Files(database, Ids.system(), FileLimits.DEFAULT);
    String cat = image(files, CALLER, 1);
    String dog = image(files, CALLER, 2);
    String session = node.session();
    Schedule made = create(session, withFile(cat));
    database.write(tx -> tx.update("UPDATE file SET used_at = 0"));
    assertThat(files.sweep()).isEqualTo(1);
    due(made, Duration.ofSeconds(1));
    node.schedules.fire(10, batch -> {});
    assertThat(messages(session).getFirst().files())
        .extracting(Message.Attachment::file)
        .containsExactly(cat);
    assertThat(now(made).settings().said().files()).containsExactly(new FileAt(cat, 1));
    assertCode(
        () -> node.schedules.change(CALLER, made.id(), settings -> withFile(dog)),
        ErrorCode.NOT_FOUND);
    String cow = image(files, CALLER, 3);
    node.schedules.change(CALLER, made.id(), settings -> withFile(cow));
    node.desk.deleteSession(CALLER, session);
    database.write(tx -> tx.update("UPDATE file SET used_at = 0"));
    assertThat(files.sweep()).isEqualTo(2);
  }

  private static Settings withFile(String file) {
    Said said = new Said(SAID.parts(), List.of(new FileAt(file, 1)), SAID.request());
    return new Settings(null, said, "0 3 * * *", "UTC", null, null, null, Missed.SKIP, false);
  }

  @Test
  void a_repeated_request_is_the_same_schedule_until_it_is_deleted() {
    String session = node.session();
    Settings settings = settings("0 3 * * *", Missed.SKIP, null);
    IdempotencyKey key = new IdempotencyKey("k", "h");
    Schedule made = node.schedules.create(CALLER, session, settings, key);
    assertThat(node.schedules.create(CALLER, session, settings, key).id()).isEqualTo(made.id());
    assertThat(node.schedules.list(CALLER, null, 9).items()).hasSize(1);
    assertCode(
        () ->
            node.schedules.create(CALLER, session, settings, new IdempotencyKey("k", "other body")),
        ErrorCode.IDEMPOTENCY_CONFLICT);
    node.schedules.delete(CALLER, made.id());
    assertThat(node.schedules.create(CALLER, session, settings, key).id()).isNotEqualTo(made.id());
  }

  @Test
  void a_run_whose_time_is_in_the_records_already_is_not_made_again() {
    String session = node.session();
    Schedule made = create(session, settings("0 3 * * *", Missed.SKIP, null));
    due(made, Duration.ofSeconds(1));
    Long at = now(made).nextAtMillis();
    node.schedules.fire(10, batch -> {});
    // As if the time had been computed again.
    database.write(tx -> tx.update("UPDATE schedule SET next_at = ?", at));
    node.schedules.fire(10, batch -> {});
    assertThat(messages(session)).hasSize(2);
    assertThat(now(made).runs()).isEqualTo(1);
  }

  @Test
  void runs_that_were_missed_are_skipped_or_made_up_for_once() {
    Schedule skips = create(node.session(), settings("0 3 29 2 *", Missed.SKIP, null));
    Schedule once = create(node.session(), settings("0 3 29 2 *", Missed.ONCE, null));
    due(skips, Duration.ofHours(3));
    due(once, Duration.ofHours(3));
    node.schedules.fire(10, batch -> {});
    assertThat(now(skips).runs()).isZero();
    assertThat(now(once).runs()).isEqualTo(1);
    assertThat(List.of(now(skips), now(once)))
        .extracting(Schedule::nextAtMillis)
        .containsExactly(skips.nextAtMillis(), once.nextAtMillis());
  }

  @Test
  void of_many_missed_runs_the_one_that_is_still_in_time_is_made() {
    Schedule made = create(node.session(), settings("* * * * *", Missed.SKIP, null));
    due(made, Duration.ofHours(3));
    node.schedules.fire(10, batch -> {});
    assertThat(now(made).runs()).isEqualTo(1);
    assertThat(now(made).nextAtMillis()).isGreaterThan(made.createdAtMillis());
  }

  @Test
  void a_run_for_which_the_caller_has_no_room_says_so() {
    String session = node.session();
    Schedule made = create(session, settings("0 3 * * *", Missed.SKIP, null));
    LaterTurns narrow =
        new LaterTurns(
            database,
            node.log,
            Ids.system(),
            new DeskLimits(0, 9, 9, Duration.ofHours(1)),
            WaitLimits.DEFAULT);
    due(made, Duration.ofSeconds(1));
    new Schedules(database, node.log, Ids.system(), narrow).fire(10, batch -> {});
    assertThat(now(made).runs()).isZero();
    assertThat(now(made).trouble()).contains("open turns");
    assertThat(now(made).nextAtMillis()).isEqualTo(made.nextAtMillis());
    assertThat(messages(session)).isEmpty();
  }

  @Test
  void it_can_be_paused_changed_and_deleted_by_its_owner_only() {
    String session = node.session();
    Schedule made = create(session, settings("0 3 * * *", Missed.SKIP, null));
    Caller other = new Caller("acme", "bob");
    assertCode(() -> node.schedules.get(other, made.id()), ErrorCode.NOT_FOUND);
    assertCode(() -> node.schedules.delete(other, made.id()), ErrorCode.NOT_FOUND);
    assertCode(() -> node.schedules.change(other, made.id(), s -> s), ErrorCode.NOT_FOUND);
    assertCode(
        () -> node.schedules.create(other, session, made.settings(), null), ErrorCode.NOT_FOUND);
    assertThat(node.schedules.list(other, null, 9).items()).isEmpty();
    Schedule paused =
        node.schedules.change(
            CALLER,
            made.id(),
            s ->
                new Settings(
                    s.name(), s.said(), s.cron(), s.zone(), null, null, null, s.missed(), true));
    assertThat(paused.nextAtMillis()).isNull();
    assertThat(paused.over()).isFalse();
    Schedule moved =
        node.schedules.change(CALLER, made.id(), s -> settings("30 4 * * *", Missed.ONCE, null));
    assertThat(moved.nextAtMillis()).isNotNull().isNotEqualTo(made.nextAtMillis());
    assertThat(node.schedules.list(CALLER, null, 9).items()).containsExactly(moved);
    node.schedules.delete(CALLER, made.id());
    assertCode(() -> node.schedules.get(CALLER, made.id()), ErrorCode.NOT_FOUND);
    Schedule second = create(session, settings("0 3 * * *", Missed.SKIP, null));
    node.desk.deleteSession(CALLER, session);
    assertCode(() -> node.schedules.get(CALLER, second.id()), ErrorCode.NOT_FOUND);
  }

  @Test
  void what_would_never_run_is_refused() {
    String session = node.session();
    for (String cron : List.of("0 0 30 2 *", "nonsense")) {
      assertCode(
          () -> create(session, settings(cron, Missed.SKIP, null)), ErrorCode.INVALID_REQUEST);
    }
    assertCode(
        () ->
            new Settings(
                null, SAID, "0 3 * * *", "Mars/Olympus", null, null, null, Missed.SKIP, false),
        ErrorCode.INVALID_REQUEST);
    assertCode(
        () ->
            create(
                session,
                new Settings(
                    null, SAID, "0 3 * * *", "UTC", null, 1_000L, null, Missed.SKIP, false)),
        ErrorCode.INVALID_REQUEST);
  }

  @Test
  void one_whose_row_cannot_be_read_does_not_keep_the_others() {
    Schedule bad = create(node.session(), settings("0 3 * * *", Missed.SKIP, null));
    Schedule good = create(node.session(), settings("0 3 * * *", Missed.SKIP, null));
    due(bad, Duration.ofSeconds(2));
    due(good, Duration.ofSeconds(1));
    database.write(
        tx -> tx.update("UPDATE schedule SET zone = 'Gone/Away' WHERE id = ?", bad.id()));
    node.schedules.fire(10, batch -> {});
    assertThat(now(good).runs()).isEqualTo(1);
  }

  @Test
  void one_that_only_a_newer_version_can_read_is_left_to_it_and_does_not_keep_the_others() {
    Schedule newer = create(node.session(), settings("0 3 * * *", Missed.SKIP, null));
    Schedule good = create(node.session(), settings("0 3 * * *", Missed.SKIP, null));
    due(newer, Duration.ofSeconds(2));
    due(good, Duration.ofSeconds(1));
    database.write(tx -> tx.update("UPDATE schedule SET missed = 'all' WHERE id = ?", newer.id()));
    node.schedules.fire(10, batch -> {});
    assertThat(now(good).runs()).isEqualTo(1);
    database.write(tx -> tx.update("UPDATE schedule SET missed = 'skip' WHERE id = ?", newer.id()));
    assertThat(now(newer).nextAtMillis())
        .isBetween(node.conversations.now(), newer.createdAtMillis() + 120_000);
    assertThat(now(newer).runs()).isZero();
  }
}

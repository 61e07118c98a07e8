package dev.perdure.schedule;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.perdure.chat.Caller;
import dev.perdure.chat.Conversations.Page;
import dev.perdure.chat.DeskLimits;
import dev.perdure.chat.IdempotencyKey;
import dev.perdure.chat.LaterTurns;
import dev.perdure.chat.LaterTurns.Begun;
import dev.perdure.chat.Replays;
import dev.perdure.chat.WaitLimits;
import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.log.LogBlock;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.schedule.Schedule.Missed;
import dev.perdure.schedule.Schedule.Said;
import dev.perdure.schedule.Schedule.Settings;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The schedules of callers, and the turns that come of them. A run is one transaction: the turn,
 * the idempotency record of (schedule, time), and when the next one is due. So each time makes at
 * most one turn, whichever nodes look and wherever one dies. Thread-safe.
 */
public final class Schedules {
  private static final Logger LOG = System.getLogger(Schedules.class.getName());

  private static final String COLUMNS =
      "id, session_id, name, message, cron, zone, starts_at, ends_at, max_runs, missed, paused,"
          + " runs, next_at, last_at, last_turn, trouble, created_at, updated_at";

  /** What only a newer version can read is left to its nodes for so long. */
  private static final long FOR_A_NEWER_MILLIS = 60_000;

  /** Reads what an older or newer version wrote, so unknown members are passed over. */
  private static final ObjectMapper STORED =
      Json.MAPPER.copy().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

  private final Database database;
  private final TurnLog log;
  private final Ids ids;
  private final LaterTurns turns;
  private final WaitLimits limits;

  public Schedules(Database database, TurnLog log, Ids ids, LaterTurns turns) {
    this.database = database;
    this.log = log;
    this.ids = ids;
    this.turns = turns;
    this.limits = turns.limits();
  }

  /** Schedules, and the turns for later that they share a clock with. */
  public static Schedules of(
      Database database, TurnLog log, Ids ids, DeskLimits deskLimits, WaitLimits limits) {
    return new Schedules(
        database, log, ids, new LaterTurns(database, log, ids, deskLimits, limits));
  }

  /** Turns that begin at a time to come. */
  public LaterTurns turns() {
    return turns;
  }

  /**
   * Makes a schedule, or returns the one that was made with this key before.
   *
   * @throws PerdureException NOT_FOUND for the session, INVALID_REQUEST if it would never run,
   *     CONFLICT if the caller has too many, IDEMPOTENCY_CONFLICT
   */
  public Schedule create(
      Caller caller, String session, Settings settings, @Nullable IdempotencyKey key) {
    String id = ids.schedule();
    Schedule made =
        database.write(tx -> {
          requireSession(tx, caller, session);
          Optional<String> earlier = Replays.used(tx, caller, key, id);
          if (earlier.isPresent()) {
            return find(tx, caller, earlier.get(), "");
          }
          checkRoom(tx, caller);
          tx.update(
              """
              INSERT INTO schedule (id, tenant, owner, session_id, message, cron, zone, missed,
                                    created_at, updated_at)
              VALUES (?, ?, ?, ?, '', '', '', '', {now}, {now})\
              """,
              id,
              caller.tenant(),
              caller.owner(),
              session);
          return store(tx, caller, id, settings, 0);
        });
    ring(made);
    return made;
  }

  private static void requireSession(Tx tx, Caller caller, String session) throws SQLException {
    boolean there =
        tx.one(
                "SELECT id FROM session WHERE id = ? AND tenant = ? AND owner = ?",
                row -> true,
                session,
                caller.tenant(),
                caller.owner())
            .isPresent();
    if (!there) {
      throw PerdureException.notFound("session", session);
    }
  }

  private void checkRoom(Tx tx, Caller caller) throws SQLException {
    long present =
        tx.one(
                "SELECT COUNT(*) FROM schedule WHERE tenant = ? AND owner = ?",
                row -> row.getLong(1),
                caller.tenant(),
                caller.owner())
            .orElse(0L);
    if (present >= limits.schedulesPerOwner()) {
      throw new PerdureException(
          ErrorCode.CONFLICT,
          "You have "
              + present
              + " schedules; the limit is "
              + limits.schedulesPerOwner()
              + ". Delete one first.");
    }
  }

  /** Writes settings to a row, with the next time that follows from them. */
  private Schedule store(Tx tx, Caller caller, String id, Settings settings, long runs)
      throws SQLException {
    boolean done = settings.maxRuns() != null && runs >= settings.maxRuns();
    Optional<Instant> next =
        done ? Optional.empty() : settings.next(Instant.ofEpochMilli(tx.now()));
    if (next.isEmpty() && !done) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "The schedule would never run: '"
              + settings.cron()
              + "' names no time to come up to its end. Change 'cron' or 'endsAt'.");
    }
    tx.update(
        """
        UPDATE schedule SET name = ?, message = ?, cron = ?, zone = ?,
               starts_at = CAST(? AS BIGINT), ends_at = CAST(? AS BIGINT),
               max_runs = CAST(? AS BIGINT), missed = ?, paused = ?,
               next_at = CAST(? AS BIGINT), updated_at = {now}
         WHERE id = ?\
        """,
        settings.name(),
        json(settings.said()),
        settings.cron(),
        settings.zone(),
        settings.startsAtMillis(),
        settings.endsAtMillis(),
        settings.maxRuns(),
        settings.missed().wire(),
        settings.paused() ? 1 : 0,
        settings.paused() ? null : next.map(Instant::toEpochMilli).orElse(null),
        id);
    LaterTurns.keepFiles(tx, caller, id, settings.said().files());
    return find(tx, caller, id, "");
  }

  /**
   * Changes a schedule; its next time follows anew from what is then said, from now on.
   *
   * @throws PerdureException NOT_FOUND, INVALID_REQUEST
   */
  public Schedule change(Caller caller, String id, UnaryOperator<Settings> change) {
    Schedule changed =
        database.write(tx -> {
          Schedule now = find(tx, caller, id, " {lock}");
          return store(tx, caller, id, change.apply(now.settings()), now.runs());
        });
    ring(changed);
    return changed;
  }

  private void ring(Schedule schedule) {
    if (schedule.nextAtMillis() != null) {
      turns.ring(schedule.nextAtMillis());
    }
  }

  /**
   * One schedule.
   *
   * @throws PerdureException NOT_FOUND
   */
  public Schedule get(Caller caller, String id) {
    return database.read(tx -> find(tx, caller, id, ""));
  }

  /** A caller's schedules, the newest first; {@code before} is the {@code next} of a page. */
  public Page<Schedule> list(Caller caller, @Nullable String before, int limit) {
    List<Schedule> rows =
        database.read(tx ->
            tx.list(
                "SELECT "
                    + COLUMNS
                    + " FROM schedule WHERE tenant = ? AND owner = ? AND id < ?"
                    + " ORDER BY id DESC LIMIT ?",
                Schedules::row,
                caller.tenant(),
                caller.owner(),
                before == null ? "~" : before,
                limit + 1));
    return rows.size() <= limit
        ? new Page<>(rows, null)
        : new Page<>(rows.subList(0, limit), rows.get(limit - 1).id());
  }

  /**
   * Deletes a schedule; turns that it has made stay.
   *
   * @throws PerdureException NOT_FOUND
   */
  public void delete(Caller caller, String id) {
    int gone =
        database.write(tx -> {
          Replays.forgetOf(tx, caller, id);
          return tx.update(
              "DELETE FROM schedule WHERE id = ? AND tenant = ? AND owner = ?",
              id,
              caller.tenant(),
              caller.owner());
        });
    if (gone == 0) {
      throw PerdureException.notFound("schedule", id);
    }
  }

  private static Schedule find(Tx tx, Caller caller, String id, String lock) throws SQLException {
    return tx.one(
            "SELECT " + COLUMNS + " FROM schedule WHERE id = ? AND tenant = ? AND owner = ?" + lock,
            Schedules::row,
            id,
            caller.tenant(),
            caller.owner())
        .orElseThrow(() -> PerdureException.notFound("schedule", id));
  }

  /** The next time at which a schedule of any caller is due; empty for never. */
  public Optional<Long> next(Tx tx) throws SQLException {
    return tx.one(
        "SELECT next_at FROM schedule WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1",
        row -> row.getLong(1));
  }

  /**
   * Makes the turns that are due.
   *
   * @param atMost in one transaction
   * @param begun told of each batch after its commit
   * @return how many schedules were due
   */
  public int fire(int atMost, Consumer<Begun> begun) {
    int all = 0;
    int fired = atMost;
    while (fired == atMost) {
      List<LogBlock> blocks = new ArrayList<>();
      List<String> made = new ArrayList<>();
      Set<String> owners = new LinkedHashSet<>();
      fired =
          log.write(tx -> {
            blocks.clear();
            made.clear();
            owners.clear();
            return fire(tx, atMost, blocks, made, owners);
          });
      log.published(blocks);
      begun.accept(new Begun(List.copyOf(made), Map.of(), Set.copyOf(owners)));
      all += fired;
    }
    return all;
  }

  /**
   * @param schedule null if its row cannot be read
   * @param newer whether a newer version can read it
   */
  private record Due(Caller caller, String id, @Nullable Schedule schedule, boolean newer) {}

  private static Due due(ResultSet row) throws SQLException {
    Caller caller = new Caller(row.getString(19), row.getString(20));
    try {
      return new Due(caller, row.getString(1), row(row), false);
    } catch (PerdureException e) {
      LOG.log(
          e.isNewer() ? Level.WARNING : Level.ERROR,
          "Schedule {0} cannot be read: {1} It {2}; the others go on.",
          row.getString(1),
          e.getMessage(),
          e.isNewer() ? "is looked at again in a minute" : "stops");
      return new Due(caller, row.getString(1), null, e.isNewer());
    }
  }

  private int fire(Tx tx, int atMost, List<LogBlock> blocks, List<String> made, Set<String> owners)
      throws SQLException {
    // The session's rows too, as by everybody who changes the open turns of a session.
    String columns = "s." + COLUMNS.replace(", ", ", s.");
    List<Due> due =
        tx.list(
            "SELECT "
                + columns
                + """
                , s.tenant, s.owner FROM schedule s JOIN session x ON x.id = s.session_id
                 WHERE s.next_at <= (SELECT {now}) ORDER BY s.next_at, s.id LIMIT ? {skip}\
                """,
            Schedules::due,
            atMost);
    long now = tx.now();
    for (Due one : due) {
      if (one.schedule == null) {
        tx.update(
            "UPDATE schedule SET next_at = CAST(? AS BIGINT), trouble = 'It cannot be read.'"
                + " WHERE id = ?",
            one.newer ? Long.valueOf(now + FOR_A_NEWER_MILLIS) : null,
            one.id);
        continue;
      }
      Optional<String> turn = run(tx, one.caller, one.schedule, now, blocks);
      if (turn.isPresent()) {
        made.add(turn.get());
        owners.add(one.caller.signalKey());
      }
    }
    return due.size();
  }

  /** One schedule that is due: its turn, if there is to be one, and its next time. */
  private Optional<String> run(
      Tx tx, Caller caller, Schedule schedule, long now, List<LogBlock> blocks)
      throws SQLException {
    Optional<Instant> at = planned(schedule, now);
    Optional<String> turn = Optional.empty();
    @Nullable String trouble = null;
    if (at.isPresent()) {
      try {
        turn = submit(tx, caller, schedule, at.get(), blocks);
      } catch (PerdureException e) {
        if (e.code() != ErrorCode.TOO_MANY_TURNS && e.code() != ErrorCode.NOT_FOUND) {
          throw e;
        }
        trouble = e.getMessage();
      }
    }
    long runs = schedule.runs() + (turn.isPresent() ? 1 : 0);
    Settings settings = schedule.settings();
    boolean done = settings.maxRuns() != null && runs >= settings.maxRuns();
    Optional<Instant> next = done ? Optional.empty() : settings.next(Instant.ofEpochMilli(now));
    tx.update(
        """
        UPDATE schedule SET runs = ?, next_at = CAST(? AS BIGINT),
               last_at = COALESCE(CAST(? AS BIGINT), last_at),
               last_turn = CASE WHEN ? = 1 THEN ? ELSE last_turn END,
               trouble = CASE WHEN ? = 1 THEN ? ELSE trouble END
         WHERE id = ?\
        """,
        runs,
        next.map(Instant::toEpochMilli).orElse(null),
        at.map(Instant::toEpochMilli).orElse(null),
        at.isPresent() ? 1 : 0,
        turn.orElse(null),
        at.isPresent() ? 1 : 0,
        trouble,
        schedule.id());
    return turn;
  }

  /** For which of its times a schedule that is due runs now; empty if it missed them. */
  private Optional<Instant> planned(Schedule schedule, long now) {
    Instant first =
        Instant.ofEpochMilli(schedule.nextAtMillis() == null ? now : schedule.nextAtMillis());
    Instant inTime = Instant.ofEpochMilli(now).minus(limits.lateness());
    if (!first.isBefore(inTime)) {
      return Optional.of(first);
    }
    Optional<Instant> late =
        schedule.settings().next(inTime).filter(at -> at.toEpochMilli() <= now);
    return late.isPresent() || schedule.settings().missed() == Missed.SKIP
        ? late
        : Optional.of(first);
  }

  private Optional<String> submit(
      Tx tx, Caller caller, Schedule schedule, Instant at, List<LogBlock> blocks)
      throws SQLException {
    return turns.submitNow(
        tx,
        caller,
        schedule.session(),
        schedule.settings().said().sent(),
        "schedule " + schedule.id() + " " + at.toEpochMilli(),
        blocks);
  }

  private static Schedule row(ResultSet row) throws SQLException {
    return new Schedule(
        row.getString(1),
        row.getString(2),
        new Settings(
            row.getString(3),
            said(row.getString(4)),
            row.getString(5),
            row.getString(6),
            longOrNull(row, 7),
            longOrNull(row, 8),
            longOrNull(row, 9),
            Missed.of(row.getString(10)),
            row.getLong(11) != 0),
        row.getLong(12),
        longOrNull(row, 13),
        longOrNull(row, 14),
        row.getString(15),
        row.getString(16),
        row.getLong(17),
        row.getLong(18));
  }

  private static @Nullable Long longOrNull(ResultSet row, int column) throws SQLException {
    long value = row.getLong(column);
    return row.wasNull() ? null : Long.valueOf(value);
  }

  private static String json(Said said) {
    try {
      return STORED.writeValueAsString(said);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A record that cannot be written as JSON", e);
    }
  }

  private static Said said(String json) {
    try {
      return STORED.readValue(json, Said.class);
    } catch (JsonProcessingException e) {
      throw new PerdureException(
          ErrorCode.INTERNAL, "A stored schedule cannot be read; the database is damaged.", e);
    }
  }
}

package dev.perdure.chat;

import dev.perdure.chat.Message.Part;
import dev.perdure.db.Database;
import dev.perdure.db.Signals.Topic;
import dev.perdure.db.Tx;
import dev.perdure.log.LogBlock;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.ToolWaiting;
import dev.perdure.protocol.TurnEvent.TurnScheduled;
import dev.perdure.protocol.TurnState;
import dev.perdure.protocol.WaitFor;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Turns that are accepted now and begin later. Such a turn is stored with its ids and event 0, but
 * becomes part of its session's conversation only at its time: then its messages are written behind
 * what is newest, and it is queued. Until then it keeps nothing else waiting. Thread-safe.
 */
public final class LaterTurns {
  private final Database database;
  private final TurnLog log;
  private final Ids ids;
  private final TurnInsert insert;
  private final WaitLimits limits;
  private volatile LongConsumer alarm = at -> {};

  public LaterTurns(
      Database database, TurnLog log, Ids ids, DeskLimits deskLimits, WaitLimits limits) {
    this.database = database;
    this.log = log;
    this.ids = ids;
    this.insert = new TurnInsert(log, ids, deskLimits);
    this.limits = limits;
  }

  /**
   * Has the listener told of each time at which something becomes due that this node has stored.
   *
   * @param listener takes milliseconds since 1970 by the database's clock; must not block
   */
  public void onDue(LongConsumer listener) {
    alarm = listener;
  }

  /** Something that this node has stored becomes due then. */
  public void ring(long atMillis) {
    alarm.accept(atMillis);
  }

  public WaitLimits limits() {
    return limits;
  }

  /**
   * When a turn is to begin: at a time, or after a while from now on.
   *
   * @param notBeforeMillis since 1970 by the database's clock
   */
  public record When(@Nullable Long notBeforeMillis, @Nullable Duration delay) {
    long at(long now) {
      if (notBeforeMillis != null) {
        return notBeforeMillis;
      }
      return now + (delay == null ? 0 : delay.toMillis());
    }
  }

  private record Stored(Turn turn, List<LogBlock> blocks, boolean fresh) {}

  /**
   * Accepts a message for later; it is answered like one that comes at that time with {@code
   * whenBusy} of {@code enqueue}. A time that has passed is now.
   *
   * @throws PerdureException NOT_FOUND, INVALID_REQUEST for a time too far ahead, TOO_MANY_TURNS,
   *     IDEMPOTENCY_CONFLICT
   */
  public Turn submit(
      Caller caller, String session, NewTurn message, When when, @Nullable IdempotencyKey key) {
    String id = ids.turn();
    Stored done =
        log.write(tx -> {
          Session.Settings settings = Locks.sessionSettings(tx, caller, session);
          Optional<Turn> earlier = Replays.replay(tx, caller, key, id);
          if (earlier.isPresent()) {
            return new Stored(earlier.get(), List.of(), false);
          }
          checkRoom(tx, caller);
          long now = tx.now();
          List<LogBlock> blocks = new ArrayList<>();
          insert.insertLater(
              tx,
              caller,
              session,
              id,
              message.withDefaults(settings),
              checked(when.at(now), now),
              blocks);
          return new Stored(Conversations.turn(tx, caller, id), blocks, true);
        });
    log.published(done.blocks);
    if (done.fresh) {
      ring(done.turn);
    }
    return done.turn;
  }

  private void checkRoom(Tx tx, Caller caller) throws SQLException {
    long scheduled =
        tx.one(
                "SELECT COUNT(*) FROM turn WHERE tenant = ? AND owner = ? AND state = 'scheduled'",
                row -> row.getLong(1),
                caller.tenant(),
                caller.owner())
            .orElse(0L);
    if (scheduled >= limits.scheduledPerOwner()) {
      throw new PerdureException(
          ErrorCode.TOO_MANY_TURNS,
          "You have "
              + scheduled
              + " scheduled turns; the limit is "
              + limits.scheduledPerOwner()
              + ". Wait for some to begin, or cancel them.");
    }
  }

  private long checked(long at, long now) {
    if (at - now > limits.longest().toMillis()) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "The time is more than "
              + limits.longest().toDays()
              + " days ahead. Choose an earlier one, in milliseconds since 1970.");
    }
    return Math.max(at, now);
  }

  private void ring(Turn turn) {
    if (turn.wakeAtMillis() != null) {
      ring(turn.wakeAtMillis());
    }
  }

  /**
   * Moves a turn that is scheduled, or that waits for a time, to another one.
   *
   * @param was the time that it now has, so that of two who move it only one does
   * @throws PerdureException NOT_FOUND, CONFLICT, INVALID_REQUEST
   */
  public Turn move(Caller caller, String turn, When to, long was) {
    Stored done =
        log.write(tx -> {
          Locks.OpenTurn row = Locks.lockTurn(tx, caller, turn);
          long now = tx.now();
          long at = checked(to.at(now), now);
          List<TurnEvent> events =
              row.state() == TurnState.SCHEDULED
                  ? moveScheduled(tx, turn, at, was, now)
                  : moveWaiting(tx, turn, row.state(), at, was);
          List<LogBlock> blocks = List.of(log.insert(tx, turn, log.nextSeq(tx, turn), events));
          return new Stored(Conversations.turn(tx, caller, turn), blocks, true);
        });
    log.published(done.blocks);
    ring(done.turn);
    return done.turn;
  }

  private static List<TurnEvent> moveScheduled(Tx tx, String turn, long at, long was, long now)
      throws SQLException {
    if (tx.update("UPDATE turn SET wake_at = ? WHERE id = ? AND wake_at = ?", at, turn, was) == 0) {
      Long present =
          tx.one("SELECT wake_at FROM turn WHERE id = ?", row -> row.getLong(1), turn).orElse(0L);
      throw conflict(turn, "is to begin at " + present + ", not at " + was);
    }
    return List.of(new TurnScheduled(at, now));
  }

  private List<TurnEvent> moveWaiting(Tx tx, String turn, TurnState state, long at, long was)
      throws SQLException {
    if (state != TurnState.WAITING) {
      throw conflict(turn, "does not wait for a time: it is " + state.wire());
    }
    List<TurnEvent> events =
        new ArrayList<>(
            tx.list(
                """
                UPDATE tool_call SET expires_at = ?, updated_at = {now}
                 WHERE turn_id = ? AND state = 'time' AND expires_at = ? RETURNING lane, id\
                """,
                row -> new ToolWaiting(row.getInt(1), row.getString(2), WaitFor.TIME, null, at),
                at,
                turn,
                was));
    if (events.isEmpty()) {
      throw conflict(turn, "does not wait for " + was);
    }
    tx.update(
        "UPDATE turn SET wake_at = CAST(? AS BIGINT) WHERE id = ?",
        ToolCalls.nextWake(tx, turn, limits.reminders()),
        turn);
    return events;
  }

  private static PerdureException conflict(String turn, String why) {
    return new PerdureException(
        ErrorCode.CONFLICT,
        "The turn '" + turn + "' " + why + ". Read it again, and send the time that it has.");
  }

  /** A turn that is scheduled, with what the user wrote. */
  public record Later(Turn turn, List<Part> parts, List<Message.Attachment> files) {
    public Later {
      parts = List.copyOf(parts);
      files = List.copyOf(files);
    }
  }

  /** A caller's turns that are scheduled, the next first. */
  public List<Later> scheduled(Caller caller, int limit) {
    return database.read(tx -> {
      List<Turn> turns =
          Rows.turns(
              tx,
              "WHERE tenant = ? AND owner = ? AND state = 'scheduled' ORDER BY wake_at, id LIMIT ?",
              caller.tenant(),
              caller.owner(),
              limit);
      List<Later> out = new ArrayList<>();
      for (Turn turn : turns) {
        out.add(
            tx.one(
                    "SELECT parts, files FROM later_turn WHERE turn_id = ?",
                    row ->
                        new Later(turn, Rows.parts(row.getString(1)), Rows.files(row.getString(2))),
                    turn.id())
                .orElse(new Later(turn, List.of(), List.of())));
      }
      return out;
    });
  }

  /** A caller's turns that wait, the oldest first. */
  public List<Turn> waiting(Caller caller, int limit) {
    return database.read(tx ->
        Rows.turns(
            tx,
            "WHERE tenant = ? AND owner = ? AND state IN ('queued', 'running', 'waiting')"
                + " AND state = 'waiting' ORDER BY id LIMIT ?",
            caller.tenant(),
            caller.owner(),
            limit));
  }

  /**
   * Accepts a turn within a transaction of the caller's, which publishes the blocks after it.
   *
   * @param key makes it one turn; it must hold a space, as no caller's key can
   * @return the turn; empty if there was one for the key
   * @throws PerdureException NOT_FOUND, TOO_MANY_TURNS
   */
  public Optional<String> submitNow(
      Tx tx, Caller caller, String session, NewTurn message, String key, List<LogBlock> blocks)
      throws SQLException {
    Session.Settings settings = Locks.sessionSettings(tx, caller, session);
    String id = ids.turn();
    if (Replays.replay(tx, caller, new IdempotencyKey(key, key), id).isPresent()) {
      return Optional.empty();
    }
    insert.checkRoom(tx, caller);
    insert.insert(tx, caller, session, id, message.withDefaults(settings), null, blocks);
    return Optional.of(id);
  }

  /**
   * Keeps the files of a schedule's message, and no others that it had before.
   *
   * @throws PerdureException NOT_FOUND for a file that is not the caller's
   */
  public static void keepFiles(Tx tx, Caller caller, String schedule, List<NewTurn.FileAt> files)
      throws SQLException {
    List<Message.Attachment> _ = TurnInsert.attachments(tx, caller, files);
    tx.update("DELETE FROM schedule_file WHERE schedule_id = ?", schedule);
    TurnInsert.hold(tx, TurnInsert.Holder.SCHEDULE, schedule, files);
  }

  /**
   * What has begun in a batch.
   *
   * @param queued turns that any node may claim now
   * @param started the epochs of turns that the node holds already
   * @param owners keys of their hints
   */
  public record Begun(List<String> queued, Map<String, Long> started, Set<String> owners) {
    /** Tells everybody; call it after the commit. */
    public void publish(Database database) {
      if (!queued.isEmpty()) {
        database.signals().publish(Topic.QUEUE, queued);
      }
      if (!owners.isEmpty()) {
        database.signals().publish(Topic.OWNER, owners);
      }
    }
  }

  /**
   * Lets turns whose time has come join their conversations and the queue.
   *
   * @param node starts at once those that are next in their conversation; null for none. Then the
   *     caller has to write that they have started, in the same transaction
   * @param looked takes the turns that were looked at, in order, also if one of them makes it fail
   */
  public static Begun begin(Tx tx, int atMost, @Nullable String node, List<String> looked)
      throws SQLException {
    looked.clear();
    Set<String> owners = new LinkedHashSet<>();
    // The session's rows too, as by everybody who changes the open turns of a session; who holds
    // one of them now has it again a moment later.
    List<Joining.Due> due =
        tx.list(
            """
            SELECT t.id, t.session_id, t.tenant, t.owner, t.request,
                   CASE WHEN EXISTS (SELECT 1 FROM later_file f WHERE f.turn_id = t.id)
                        THEN 1 ELSE 0 END,
                   (SELECT COUNT(*) FROM lane l WHERE l.turn_id = t.id),
                   (SELECT l.message_id FROM lane l WHERE l.turn_id = t.id ORDER BY l.lane LIMIT 1)
              FROM turn t JOIN session s ON s.id = t.session_id
             WHERE t.state = 'scheduled' AND t.wake_at <= (SELECT {now})
             ORDER BY t.wake_at, t.id LIMIT ? {skip}\
            """,
            row -> {
              looked.add(row.getString(1));
              owners.add(new Caller(row.getString(3), row.getString(4)).signalKey());
              return new Joining.Due(
                  row.getString(1),
                  row.getString(2),
                  row.getLong(7),
                  row.getString(8),
                  row.getLong(6) != 0,
                  Json.trusted(row.getString(5)).hasNonNull("output"));
            },
            atMost);
    if (due.isEmpty()) {
      return new Begun(List.of(), Map.of(), Set.of());
    }
    Map<String, Long> started = new Joining(tx, due).write(node);
    return new Begun(
        due.stream().map(Joining.Due::turn).filter(turn -> !started.containsKey(turn)).toList(),
        started,
        owners);
  }

  /** The next time at which a turn of any caller is due; empty if none ever is. */
  public static Optional<Long> nextDue(Tx tx) throws SQLException {
    return tx.one(
        "SELECT wake_at FROM turn WHERE state = 'scheduled' ORDER BY wake_at LIMIT 1",
        row -> row.getLong(1));
  }
}

package dev.perdure.engine;

import dev.perdure.chat.LaterTurns;
import dev.perdure.chat.LaterTurns.Begun;
import dev.perdure.chat.ToolCalls;
import dev.perdure.db.Tx;
import dev.perdure.engine.TurnQueue.Claim;
import dev.perdure.log.LogBlock;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.testing.FaultPoints;
import dev.perdure.testing.FaultPoints.Point;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * The statements that take turns out of their wait when their time has come: into the queue, or
 * where this node has room for them at once into its hands, which is the same as a claim but needs
 * no second look at each of them. Thread-safe.
 */
final class DueTurns {
  /**
   * The clock as a value of its own, or PostgreSQL, whose clock moves, would look at every row. And
   * read once: within a join it would be read again for each row, pass over those that the
   * statement has changed already, and give others beyond the limit.
   */
  private static final String FIRST_DUE =
      """
      WITH due AS MATERIALIZED (
        SELECT id FROM turn WHERE state = 'waiting' AND wake_at <= (SELECT {now})
         ORDER BY wake_at LIMIT ? {skip})
      """;

  /** Until a turn is tried again that could not begin. */
  private static final Duration PUT_OFF = Duration.ofMinutes(1);

  private static final Logger LOG = System.getLogger(DueTurns.class.getName());

  private final TurnLog log;
  private final String nodeId;
  private final List<Duration> reminders;
  private final FaultPoints faults;

  DueTurns(EngineParts parts) {
    this.log = parts.log();
    this.nodeId = parts.nodeId();
    this.reminders = parts.later().limits().reminders();
    this.faults = parts.faults();
  }

  /**
   * What was done with some that were due.
   *
   * @param count of all of them, those included that wait on
   * @param begun those that are in the queue now, and what their owners are to be told of
   */
  record Batch(int count, List<Claim> claims, Begun begun) {}

  private interface Taking {
    Batch take(Tx tx, List<LogBlock> blocks) throws SQLException;
  }

  private Batch write(Taking work) {
    List<LogBlock> blocks = new ArrayList<>();
    Batch batch =
        log.urgently(tx -> {
          blocks.clear();
          Batch out = work.take(tx, blocks);
          if (!out.claims.isEmpty()) {
            faults.at(Point.CLAIMING);
          }
          return out;
        });
    if (!batch.claims.isEmpty()) {
      faults.at(Point.CLAIMED);
    }
    log.published(blocks);
    return batch;
  }

  private List<Claim> started(Tx tx, Map<String, Long> epochs, List<LogBlock> blocks)
      throws SQLException {
    TurnQueue.started(tx, log, epochs, blocks);
    List<Claim> claims = new ArrayList<>();
    epochs.forEach((turn, epoch) -> claims.add(new Claim(turn, epoch)));
    return claims;
  }

  /**
   * How many turns wait for something whose time has come.
   *
   * @param atMost where counting stops
   */
  static int waitingDue(Tx tx, int atMost) throws SQLException {
    return count(tx, "waiting", atMost);
  }

  /** How many turns for later are due; see {@link #waitingDue}. */
  static int laterDue(Tx tx, int atMost) throws SQLException {
    return count(tx, "scheduled", atMost);
  }

  private static int count(Tx tx, String state, int atMost) throws SQLException {
    // The state as a literal, so that the partial index of it is used.
    String due = "SELECT id FROM turn WHERE state = '" + state + "' AND wake_at <= (SELECT {now})";
    return tx.one(
            "SELECT COUNT(*) FROM (" + due + " ORDER BY wake_at LIMIT ?) AS d",
            row -> row.getInt(1),
            atMost)
        .orElse(0);
  }

  /** The next time at which a turn that waits is to be looked at; empty for never. */
  static Optional<Long> nextWake(Tx tx) throws SQLException {
    return tx.one(
        """
        SELECT wake_at FROM turn WHERE state = 'waiting' AND wake_at IS NOT NULL
         ORDER BY wake_at LIMIT 1\
        """,
        row -> row.getLong(1));
  }

  /**
   * Wakes turns in the middle of a reply whose time to wait is over. Those that are only to be
   * reminded wait on; while there are any, nothing else is done, as what is behind them in a crowd
   * may be more of them.
   *
   * @param here whether this node has room for as many
   */
  Batch wake(int atMost, boolean here) {
    return write((tx, blocks) -> {
      int reminded = reminders.isEmpty() ? 0 : remind(tx, atMost, blocks);
      if (reminded > 0) {
        return new Batch(reminded, List.of(), new Begun(List.of(), Map.of(), Set.of()));
      }
      Map<String, Long> woken = here ? hold(tx, atMost) : Map.of();
      List<String> queued = here ? List.of() : queue(tx, atMost);
      return new Batch(
          woken.size() + queued.size(),
          started(tx, woken, blocks),
          new Begun(queued, Map.of(), Set.of()));
    });
  }

  /** A turn that waits holds its session, so it is the next in it. */
  private Map<String, Long> hold(Tx tx, int atMost) throws SQLException {
    Map<String, Long> epochs = new TreeMap<>();
    tx.list(
        FIRST_DUE
            + "UPDATE turn SET "
            + TurnQueue.HOLD
            + " WHERE state = 'waiting' AND id IN (SELECT id FROM due) RETURNING id, epoch",
        row -> epochs.put(row.getString(1), row.getLong(2)),
        atMost,
        nodeId);
    return epochs;
  }

  private static List<String> queue(Tx tx, int atMost) throws SQLException {
    return tx.list(
        FIRST_DUE
            + """
            UPDATE turn SET state = 'queued', wake_at = NULL
             WHERE state = 'waiting' AND id IN (SELECT id FROM due) RETURNING id\
            """,
        row -> row.getString(1),
        atMost);
  }

  /**
   * Lets turns for later join their conversations. One that cannot must not keep the others from
   * it: of a batch that fails a part is tried, down to the one that fails alone, and that is put
   * off.
   *
   * @param here whether this node has room for as many
   */
  Batch begin(int atMost, boolean here) {
    List<String> looked = new ArrayList<>();
    try {
      return write((tx, blocks) -> {
        Begun begun = LaterTurns.begin(tx, atMost, here ? nodeId : null, looked);
        return new Batch(
            begun.queued().size() + begun.started().size(),
            started(tx, begun.started(), blocks),
            begun);
      });
    } catch (RuntimeException e) {
      boolean away = e instanceof PerdureException known && known.code() != ErrorCode.INTERNAL;
      if (away || looked.isEmpty()) {
        throw e;
      }
      return looked.size() > 1 ? begin(looked.size() / 2, here) : putOff(looked.getFirst(), e);
    }
  }

  private Batch putOff(String turn, RuntimeException cause) {
    LOG.log(
        Level.ERROR,
        "Turn "
            + turn
            + " cannot begin though its time has come. It is tried again in "
            + PUT_OFF.toSeconds()
            + " seconds; the others go on.",
        cause);
    int count =
        log.urgently(tx ->
            tx.update(
                "UPDATE turn SET wake_at = {now} + ? WHERE id = ? AND state = 'scheduled'",
                PUT_OFF.toMillis(),
                turn));
    return new Batch(count, List.of(), new Begun(List.of(), Map.of(), Set.of()));
  }

  /** Puts the reminders that are due into the logs of turns that wait on; returns how many. */
  private int remind(Tx tx, int atMost, List<LogBlock> blocks) throws SQLException {
    List<String> turns =
        tx.list(
            """
            SELECT t.id FROM turn t
             WHERE t.id IN (SELECT d.id FROM turn d
                             WHERE d.state = 'waiting' AND d.wake_at <= (SELECT {now})
                             ORDER BY d.wake_at LIMIT ?)
               AND t.state = 'waiting'
               AND EXISTS (SELECT 1 FROM tool_call c
                            WHERE c.turn_id = t.id AND c.state = 'input')
               AND NOT EXISTS (SELECT 1 FROM tool_call c
                                WHERE c.turn_id = t.id AND c.expires_at <= (SELECT {now})
                                  AND c.state IN ('approval', 'client', 'time', 'input'))
             ORDER BY t.wake_at {skip}\
            """,
            row -> row.getString(1),
            atMost);
    for (String turn : turns) {
      remind(tx, turn, blocks);
    }
    return turns.size();
  }

  private void remind(Tx tx, String turn, List<LogBlock> blocks) throws SQLException {
    List<TurnEvent> events = new ArrayList<>();
    for (ToolCalls.Reminder one : ToolCalls.remind(tx, turn, reminders)) {
      events.add(new Notice("reminder", "A question waits for an answer.", one.lane()));
    }
    if (!events.isEmpty()) {
      blocks.add(log.insert(tx, turn, log.nextSeq(tx, turn), events));
    }
    tx.update(
        "UPDATE turn SET wake_at = CAST(? AS BIGINT) WHERE id = ?",
        ToolCalls.nextWake(tx, turn, reminders),
        turn);
  }
}

package dev.perdure.engine;

import static java.util.Objects.requireNonNull;

import dev.perdure.chat.Caller;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.Endings;
import dev.perdure.chat.ToolCalls;
import dev.perdure.chat.Turn;
import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.log.LogBlock;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import dev.perdure.protocol.TurnState;
import dev.perdure.testing.FaultPoints;
import dev.perdure.testing.FaultPoints.Point;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The turn's row as queue entry, lease and place of intents: every statement with which the engine
 * claims, gives back, takes over and asks what it is meant to do. Thread-safe, except for {@link
 * #claim}.
 */
final class TurnQueue {
  /**
   * What lets this node judge others: its own lease holds when the statement is run. One that the
   * database has kept waiting for longer than a lease would find the leases of all nodes over, its
   * own as well.
   */
  private static final String JUDGES =
      "EXISTS (SELECT 1 FROM node me WHERE me.id = ? AND me.lease_until >= {now})";

  /** What a claim changes; its argument is the node. */
  static final String HOLD =
      """
      state = 'running', node_id = ?, epoch = epoch + 1, closing = 0, wake_at = NULL,
      started_at = COALESCE(started_at, {now})\
      """;

  /** The lock of a database that is not shared says already that all others are dead. */
  private static final String ALONE = "? IS NOT NULL";

  private final Database database;
  private final TurnLog log;
  private final String nodeId;
  private final FaultPoints faults;
  private final ClaimOrder order = new ClaimOrder();

  TurnQueue(Database database, TurnLog log, String nodeId, FaultPoints faults) {
    this.database = database;
    this.log = log;
    this.nodeId = nodeId;
    this.faults = faults;
  }

  /** A turn that this node holds. */
  record Claim(String turn, long epoch) {}

  /**
   * Claims queued turns in the order of {@link ClaimOrder}; by one thread only. The epoch is raised
   * and {@code turn.started} is written in the same transaction: the log's unique key then refuses
   * whatever the last holder still has on its way.
   */
  List<Claim> claim(int atMost) {
    List<LogBlock> blocks = new ArrayList<>();
    List<Claim> claims =
        log.urgently(tx -> {
          blocks.clear();
          List<Claim> out = claim(tx, atMost, blocks);
          if (!out.isEmpty()) {
            faults.at(Point.CLAIMING);
          }
          return out;
        });
    if (!claims.isEmpty()) {
      faults.at(Point.CLAIMED);
    }
    log.published(blocks);
    return claims;
  }

  private List<Claim> claim(Tx tx, int atMost, List<LogBlock> blocks) throws SQLException {
    List<String> ids = order.next(tx, atMost);
    if (ids.isEmpty()) {
      return List.of();
    }
    Map<String, Long> epochs = new HashMap<>();
    tx.list(
        "UPDATE turn SET "
            + HOLD
            + " WHERE state = 'queued' AND id IN (SELECT j.value ->> 0 FROM {rows})"
            + " RETURNING id, epoch",
        row -> epochs.put(row.getString(1), row.getLong(2)),
        nodeId,
        Tx.rowsOf(ids));
    started(tx, log, epochs, blocks);
    return ids.stream()
        .filter(epochs::containsKey)
        .map(id -> new Claim(id, requireNonNull(epochs.get(id))))
        .toList();
  }

  /** Writes into the logs that turns have started; in the transaction that raised their epochs. */
  static void started(Tx tx, TurnLog log, Map<String, Long> epochs, List<LogBlock> blocks)
      throws SQLException {
    long now = tx.now();
    Map<String, TurnEvent> events = new TreeMap<>();
    epochs.forEach((id, epoch) -> events.put(id, new TurnStarted(epoch, now)));
    if (!events.isEmpty()) {
      blocks.addAll(log.insertBehind(tx, events));
    }
  }

  /** Whether the lease of a node is over that still has turns. */
  boolean hasDead() {
    return database.urgently(tx ->
        tx.one(
                """
                SELECT 1 FROM node n
                 WHERE n.lease_until < {now}
                   AND EXISTS (SELECT 1 FROM turn t WHERE t.node_id = n.id AND t.state = 'running')
                   AND %s
                 LIMIT 1\
                """
                    .formatted(JUDGES),
                row -> true,
                nodeId)
            .isPresent());
  }

  /** Queues again the turns of nodes whose lease is over; returns their ids. */
  List<String> requeueDead(int atMost) {
    return database.urgently(tx -> {
      List<String> turns =
          tx.list(
              """
              SELECT t.id FROM turn t
               WHERE t.state = 'running'
                 AND NOT EXISTS (SELECT 1 FROM node n
                                  WHERE n.id = t.node_id AND n.lease_until >= {now})
                 AND %s
               ORDER BY t.id LIMIT ? {skip}\
              """
                  .formatted(database.shared() ? JUDGES : ALONE),
              row -> row.getString(1),
              nodeId,
              atMost);
      List<@Nullable Object[]> rows = new ArrayList<>();
      turns.forEach(turn -> rows.add(new Object[] {turn}));
      tx.batch(
          """
          UPDATE turn SET state = 'queued', node_id = NULL, crashes = crashes + 1
           WHERE id = ? AND state = 'running'\
          """,
          rows);
      return turns;
    });
  }

  /** Gives back every turn of this node, so that peers start them at once. */
  List<String> giveBackAll() {
    return database.urgently(tx ->
        tx.list(
            """
            UPDATE turn SET state = 'queued', node_id = NULL
             WHERE node_id = ? AND state = 'running' RETURNING id\
            """,
            row -> row.getString(1),
            nodeId));
  }

  /**
   * Gives back one turn that this node holds but nobody here works on; it counts as a crash, so
   * that a turn which breaks its runner does not come back for ever.
   */
  void giveBackOrphan(Claim claim) {
    database.write(tx ->
        tx.update(
            """
            UPDATE turn SET state = 'queued', node_id = NULL, crashes = crashes + 1
             WHERE id = ? AND epoch = ? AND node_id = ? AND state = 'running'\
            """,
            claim.turn,
            claim.epoch,
            nodeId));
  }

  /** A turn that is this node's by its row. */
  record Held(Claim claim, boolean hasIntent) {}

  /** All turns that are this node's by their rows. */
  List<Held> held() {
    return database.urgently(tx ->
        tx.list(
            """
            SELECT id, epoch,
                   CASE WHEN cancelled_by IS NOT NULL
                          OR EXISTS (SELECT 1 FROM lane l WHERE l.turn_id = turn.id
                                      AND (l.cancelled_by IS NOT NULL OR l.retry_asked = 1))
                        THEN 1 ELSE 0 END
              FROM turn WHERE node_id = ? AND state = 'running'\
            """,
            row -> new Held(new Claim(row.getString(1), row.getLong(2)), row.getLong(3) != 0),
            nodeId));
  }

  /**
   * What callers want of a turn that this node holds.
   *
   * @param owner whose turn it is
   * @param crashes how many holders have died
   * @param lanes by number
   */
  record Intents(Caller owner, boolean cancelled, long crashes, Map<Integer, LaneIntent> lanes) {
    /** Whether the lane is to stop, for its own sake or with its turn. */
    boolean cancelled(int lane) {
      @Nullable LaneIntent intent = lanes.get(lane);
      return cancelled || (intent != null && intent.cancelled);
    }
  }

  record LaneIntent(boolean cancelled, boolean retry) {}

  /** A held turn and what callers want of it. */
  record Work(Turn turn, Intents intents) {}

  /** Reads what there is to do; empty if the turn is not held with this epoch any more. */
  Optional<Work> work(Claim claim) {
    return database.read(tx -> {
      Optional<Intents> intents = intents(tx, claim);
      return intents.isEmpty()
          ? Optional.empty()
          : Conversations.unscoped(tx, claim.turn).map(turn -> new Work(turn, intents.get()));
    });
  }

  /** Reads the intents; empty if the turn is not held with this epoch any more. */
  Optional<Intents> intents(Claim claim) {
    return database.read(tx -> intents(tx, claim));
  }

  private Optional<Intents> intents(Tx tx, Claim claim) throws SQLException {
    Optional<Intents> turn =
        tx.one(
            """
            SELECT tenant, owner, cancelled_by, crashes FROM turn
             WHERE id = ? AND epoch = ? AND node_id = ?\
            """,
            row ->
                new Intents(
                    new Caller(row.getString(1), row.getString(2)),
                    row.getString(3) != null,
                    row.getLong(4),
                    new HashMap<>()),
            claim.turn,
            claim.epoch,
            nodeId);
    if (turn.isPresent()) {
      tx.list(
          "SELECT lane, cancelled_by, retry_asked FROM lane WHERE turn_id = ?",
          row ->
              turn.get()
                  .lanes
                  .put(
                      row.getInt(1), new LaneIntent(row.getString(2) != null, row.getLong(3) != 0)),
          claim.turn);
    }
    return turn;
  }

  /** Whether somebody wants this lane, or its turn, to stop. */
  boolean cancelAsked(String turn, int lane) {
    return database.read(tx ->
        tx.one(
                """
                SELECT 1 FROM turn t JOIN lane l ON l.turn_id = t.id
                 WHERE t.id = ? AND l.lane = ?
                   AND (t.cancelled_by IS NOT NULL OR l.cancelled_by IS NOT NULL)\
                """,
                row -> true,
                turn,
                lane)
            .isPresent());
  }

  /**
   * Takes up a retry that was asked for. The wish stays in its row until the lane has ended again,
   * so that a crash before the first token does not lose it.
   *
   * @return false if it is not wanted any more, or the turn is held by another node
   */
  boolean reopenLane(Claim claim, int lane) {
    return database.write(tx ->
        lockHeld(tx, claim)
            && tx.update(
                    """
                    UPDATE lane SET state = ?
                     WHERE turn_id = ? AND lane = ? AND retry_asked = 1\
                    """,
                    LaneState.PENDING.wire(),
                    claim.turn,
                    lane)
                == 1);
  }

  /**
   * Says that the turn takes no more retries of its lanes, unless one has just been asked for.
   * After it a retry becomes a turn of its own.
   *
   * @return false if there is a retry to take up first
   */
  boolean close(Claim claim) {
    return database.write(tx -> {
      if (!lockHeld(tx, claim)) {
        // The final transaction will find out, and say so.
        return true;
      }
      boolean asked =
          tx.one(
                  "SELECT 1 FROM lane WHERE turn_id = ? AND retry_asked = 1",
                  row -> true,
                  claim.turn)
              .isPresent();
      if (!asked) {
        tx.update("UPDATE turn SET closing = 1 WHERE id = ?", claim.turn);
      }
      return !asked;
    });
  }

  /** Fails a turn that cannot be read; see {@link Endings#abandon}. */
  boolean abandon(Claim claim, TurnError error) {
    return database.write(tx -> Endings.abandon(tx, claim.turn, claim.epoch, nodeId, error));
  }

  /** Which of the calls still wait for somebody's word. */
  Set<String> waiting(Collection<String> calls) {
    return Set.copyOf(database.read(tx -> ToolCalls.waiting(tx, calls)));
  }

  /**
   * Lets a turn go of which nothing is left but to wait: its row says so, or that it is to go on at
   * once because somebody was quicker.
   *
   * @param calls what it waits for
   * @param reminders how long after a question the log reminds of it
   * @return false if another node holds the turn by now
   */
  boolean park(Tx tx, Claim claim, Collection<String> calls, List<Duration> reminders)
      throws SQLException {
    if (!lockHeld(tx, claim)) {
      return false;
    }
    boolean intent =
        tx.one(
                """
                SELECT 1 FROM turn t
                 WHERE t.id = ?
                   AND (t.cancelled_by IS NOT NULL
                        OR EXISTS (SELECT 1 FROM lane l WHERE l.turn_id = t.id
                                    AND (l.retry_asked = 1
                                         OR (l.cancelled_by IS NOT NULL AND l.state NOT IN
                                             ('completed', 'failed', 'cancelled')))))\
                """,
                row -> true,
                claim.turn)
            .isPresent();
    boolean answered = ToolCalls.waiting(tx, calls).size() < calls.size();
    TurnState to = TurnState.RUNNING.to(intent || answered ? TurnState.QUEUED : TurnState.WAITING);
    tx.update(
        "UPDATE turn SET state = ?, node_id = NULL, wake_at = CAST(? AS BIGINT) WHERE id = ?",
        to.wire(),
        to == TurnState.WAITING ? ToolCalls.nextWake(tx, claim.turn, reminders) : null,
        claim.turn);
    tx.update(
        "UPDATE lane SET state = 'waiting' WHERE turn_id = ? AND state IN ('pending', 'streaming')",
        claim.turn);
    return true;
  }

  boolean lockHeld(Tx tx, Claim claim) throws SQLException {
    return tx.one(
            "SELECT id FROM turn WHERE id = ? AND epoch = ? AND node_id = ? {lock}",
            row -> true,
            claim.turn,
            claim.epoch,
            nodeId)
        .isPresent();
  }
}

package dev.perdure.log;

import dev.perdure.db.Database;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.LaneRef;
import dev.perdure.protocol.TurnEvent.TurnAccepted;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** The rows and first events that the desk and the engine would have made. */
final class TurnRows {
  private static final AtomicInteger NEXT = new AtomicInteger();

  private TurnRows() {}

  static void empty(Database database) {
    database.write(tx -> {
      tx.update("DELETE FROM session");
      tx.update("DELETE FROM idempotency");
      return tx.update("DELETE FROM log_block");
    });
  }

  /** A turn that is accepted and waits in the queue: its log holds event 0. */
  static String queued(Database database, TurnLog log) {
    int number = NEXT.incrementAndGet();
    String turn = "turn_%05d".formatted(number);
    LogBlock block =
        database.write(tx -> {
          String session = "sess_" + number;
          tx.update(
              "INSERT INTO session (id, tenant, owner, created_at, updated_at)"
                  + " VALUES (?, 't', 'o', {now}, {now})",
              session);
          tx.update(
              """
              INSERT INTO turn (id, session_id, tenant, owner, user_message, state, position,
                                epoch, request, created_at)
              VALUES (?, ?, 't', 'o', 'm', 'queued', 0, 0, '{}', {now})\
              """,
              turn,
              session);
          TurnEvent accepted =
              new TurnAccepted(
                  turn, session, "m", List.of(new LaneRef(0, "msg", "demo/a")), tx.now());
          return log.insert(tx, turn, 0, List.of(accepted));
        });
    log.published(List.of(block));
    return turn;
  }

  /** Claims a queued or running turn for a node as the engine does; returns its epoch. */
  static long claim(TurnLog log, String turn, String node) {
    LogBlock[] block = new LogBlock[1];
    long epoch =
        log.<Long>write(tx -> {
          long raised =
              tx.one(
                      """
                      UPDATE turn SET state = 'running', node_id = ?, epoch = epoch + 1
                       WHERE id = ? RETURNING epoch\
                      """,
                      row -> row.getLong(1),
                      node,
                      turn)
                  .orElseThrow();
          long next = log.readAll(tx, turn).fold().seq() + 1;
          block[0] = log.insert(tx, turn, next, List.of(new TurnStarted(raised, 0)));
          return raised;
        });
    log.published(List.of(block[0]));
    return epoch;
  }

  /** The engine's share of a final transaction. */
  static TurnWriter.FinalWork ending(String turn, long epoch, String node) {
    return end ->
        tx ->
            tx.update(
                    """
                    UPDATE turn SET state = ?, node_id = NULL, ended_at = {now}
                     WHERE id = ? AND epoch = ? AND node_id = ? AND state = 'running'\
                    """,
                    end.state().wire(),
                    turn,
                    epoch,
                    node)
                == 1;
  }
}

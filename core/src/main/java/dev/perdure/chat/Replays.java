package dev.perdure.chat;

import dev.perdure.db.Tx;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.sql.SQLException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What an idempotency key was used for: the table {@code idempotency}. Its {@code turn_id} is the
 * id of what the key made, which may be a schedule: a body's hash covers the path, so a key never
 * finds what is of another kind. Stateless.
 */
public final class Replays {
  private Replays() {}

  /**
   * Claims the key for turn {@code id}, or returns the turn that it was used for. Two transactions
   * with one key meet at the primary key: the second waits for the first and then sees its row.
   */
  static Optional<Turn> replay(Tx tx, Caller caller, @Nullable IdempotencyKey key, String id)
      throws SQLException {
    Optional<String> used = used(tx, caller, key, id);
    return used.isEmpty()
        ? Optional.empty()
        : Optional.of(Conversations.turn(tx, caller, used.get()));
  }

  /** Claims the key for what will have this id, or returns the id of what it was used for. */
  public static Optional<String> used(Tx tx, Caller caller, @Nullable IdempotencyKey key, String id)
      throws SQLException {
    if (key == null || claimKey(tx, caller, key, id)) {
      return Optional.empty();
    }
    record Used(String bodyHash, String turn) {}
    Used used =
        tx.one(
                """
                SELECT body_hash, turn_id FROM idempotency
                 WHERE tenant = ? AND owner = ? AND key = ?\
                """,
                row -> new Used(row.getString(1), row.getString(2)),
                caller.tenant(),
                caller.owner(),
                key.key())
            .orElseThrow(() ->
                new PerdureException(
                    ErrorCode.CONFLICT, "The idempotency key has just expired. Send again."));
    if (!used.bodyHash.equals(key.bodyHash())) {
      throw new PerdureException(
          ErrorCode.IDEMPOTENCY_CONFLICT,
          "The idempotency key was used before with another request. Use a new key for each new"
              + " message, and the same body when you repeat one.");
    }
    return Optional.of(used.turn);
  }

  /** Forgets the keys with which one thing was made. */
  public static void forgetOf(Tx tx, Caller caller, String id) throws SQLException {
    tx.update(
        "DELETE FROM idempotency WHERE tenant = ? AND owner = ? AND turn_id = ?",
        caller.tenant(),
        caller.owner(),
        id);
  }

  /** Whether the key was used before, be it for another request. */
  static boolean known(Tx tx, Caller caller, IdempotencyKey key) throws SQLException {
    return tx.one(
            "SELECT 1 FROM idempotency WHERE tenant = ? AND owner = ? AND key = ?",
            row -> true,
            caller.tenant(),
            caller.owner(),
            key.key())
        .isPresent();
  }

  private static boolean claimKey(Tx tx, Caller caller, IdempotencyKey key, String turn)
      throws SQLException {
    return tx.update(
            """
            INSERT INTO idempotency (tenant, owner, key, body_hash, turn_id, created_at)
            VALUES (?, ?, ?, ?, ?, {now}) ON CONFLICT DO NOTHING\
            """,
            caller.tenant(),
            caller.owner(),
            key.key(),
            key.bodyHash(),
            turn)
        == 1;
  }

  /** A retry inside a running turn claims its key for that turn, not for the new id. */
  static void remember(
      Tx tx, Caller caller, @Nullable IdempotencyKey key, String claimed, String turn)
      throws SQLException {
    if (key != null) {
      tx.update(
          "UPDATE idempotency SET turn_id = ? WHERE tenant = ? AND owner = ? AND turn_id = ?",
          turn,
          caller.tenant(),
          caller.owner(),
          claimed);
    }
  }

  /**
   * Forgets the keys of a session, found by their caller as they have no index by what they made.
   */
  static void forget(Tx tx, Caller caller, String session) throws SQLException {
    tx.update(
        """
        DELETE FROM idempotency WHERE tenant = ? AND owner = ?
           AND turn_id IN (SELECT id FROM turn WHERE session_id = ?
                           UNION ALL SELECT id FROM schedule WHERE session_id = ?)\
        """,
        caller.tenant(),
        caller.owner(),
        session,
        session);
  }
}

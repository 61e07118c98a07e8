package dev.perdure.retrieval;

import dev.perdure.db.Tx;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The table {@code chunk_vector}, as far as one model is concerned, and who makes its vectors.
 * Immutable.
 *
 * @param model see {@link dev.perdure.embedding.Embedder#model()}
 * @param node this one
 */
record VectorTable(String model, String node) {
  /** A piece that has no vector. */
  record Piece(long id, String text) {}

  /** Whether this node has the lease of the model, by then for that time from now. */
  boolean lease(Tx tx, Duration time) throws SQLException {
    return tx.update(
            """
            INSERT INTO embedding_model (model, holder, lease_until) VALUES (?, ?, {now} + ?)
            ON CONFLICT (model) DO UPDATE SET holder = excluded.holder,
                                              lease_until = excluded.lease_until
             WHERE embedding_model.holder = excluded.holder
                OR embedding_model.lease_until < {now}\
            """,
            model,
            node,
            time.toMillis())
        == 1;
  }

  boolean release(Tx tx) throws SQLException {
    return tx.update(
            "UPDATE embedding_model SET lease_until = {now} - 1 WHERE model = ? AND holder = ?",
            model,
            node)
        == 1;
  }

  /** Nobody has a lease any more. */
  int endLeases(Tx tx) throws SQLException {
    return tx.update(
        "UPDATE embedding_model SET lease_until = {now} - 1 WHERE lease_until > {now}");
  }

  /** The largest id of a piece; 0 for none. */
  long lastPiece(Tx tx) throws SQLException {
    return tx.one("SELECT COALESCE(MAX(id), 0) FROM chunk", row -> row.getLong(1)).orElseThrow();
  }

  /** Pieces without a vector, those with the largest ids first. */
  List<Piece> without(Tx tx, long after, long upTo, int limit) throws SQLException {
    return tx.list(
        """
        SELECT c.id, c.text FROM chunk c
         WHERE c.id > ? AND c.id <= ?
           AND NOT EXISTS (SELECT 1 FROM chunk_vector v WHERE v.chunk_id = c.id AND v.model = ?)
         ORDER BY c.id DESC LIMIT ?\
        """,
        row -> new Piece(row.getLong(1), row.getString(2)),
        after,
        upTo,
        model,
        limit);
  }

  /** How many pieces have no vector. */
  long pending(Tx tx) throws SQLException {
    return tx.one(
            """
            SELECT (SELECT COUNT(*) FROM chunk)
                   - (SELECT COUNT(*) FROM chunk_vector WHERE model = ?)\
            """,
            row -> row.getLong(1),
            model)
        .orElseThrow();
  }

  /** Stores vectors; those of pieces that have been deleted meanwhile are not. */
  boolean insert(Tx tx, List<Piece> pieces, List<byte[]> vectors) throws SQLException {
    List<@Nullable Object[]> rows = new ArrayList<>();
    for (int i = 0; i < pieces.size(); i++) {
      rows.add(new @Nullable Object[] {model, vectors.get(i), pieces.get(i).id()});
    }
    tx.batch(
        """
        INSERT INTO chunk_vector (chunk_id, model, tenant, owner, session_id, position, vector)
        SELECT c.id, ?, c.tenant, c.owner, c.session_id, c.position, ? FROM chunk c WHERE c.id = ?
        ON CONFLICT (chunk_id, model) DO NOTHING\
        """,
        rows);
    return true;
  }

  /** Models whose vectors nobody has made for some time. */
  Set<String> unusedModels(Tx tx, Duration time) throws SQLException {
    return new HashSet<>(
        tx.list(
            "SELECT model FROM embedding_model WHERE model <> ? AND lease_until < {now} - ?",
            row -> row.getString(1),
            model,
            time.toMillis()));
  }

  /** Deletes vectors of other models. */
  boolean forget(Tx tx, Set<String> models, long after, long upTo) throws SQLException {
    for (String other : models) {
      tx.update(
          "DELETE FROM chunk_vector WHERE chunk_id > ? AND chunk_id <= ? AND model = ?",
          after,
          upTo,
          other);
    }
    return true;
  }

  /** What is left of models all of whose vectors are deleted. */
  boolean forgetModels(Tx tx, Set<String> models) throws SQLException {
    for (String other : models) {
      tx.update("DELETE FROM embedding_model WHERE model = ?", other);
    }
    return true;
  }
}

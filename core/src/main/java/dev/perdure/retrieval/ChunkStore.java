package dev.perdure.retrieval;

import dev.perdure.db.Dialect;
import dev.perdure.db.Tx;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The table {@code chunk} and the full-text search over it, which the two databases have in ways of
 * their own. Implementations are stateless. All reads are scoped to tenant and owner in the SQL.
 */
interface ChunkStore {
  /** Columns for {@link #chunk}, of tables c, d and m as in {@link #FROM}. */
  String COLUMNS =
      "c.id, c.document_id, d.name, d.media_type, c.message_id, m.role, c.part, c.text";

  String FROM =
      " FROM chunk c LEFT JOIN document d ON d.id = c.document_id"
          + " LEFT JOIN message m ON m.id = c.message_id ";

  /** What may be shown: tenant, owner, session, position; documents only when they are ready. */
  String VISIBLE =
      " c.tenant = ? AND c.owner = ? AND (c.session_id IS NULL OR c.session_id = ?)"
          + " AND (c.position IS NULL OR c.position < ?) ";

  static ChunkStore of(Tx tx) {
    return tx.dialect() == Dialect.SQLITE ? SqliteChunkStore.INSTANCE : PostgresChunkStore.INSTANCE;
  }

  /** Where a new chunk belongs. */
  record Place(
      Scope scope, @Nullable String document, @Nullable String message, @Nullable Long position) {}

  /** Inserts the pieces of one document or message, numbered from {@code firstPart}. */
  void insert(Tx tx, Place place, int firstPart, List<String> pieces) throws SQLException;

  /**
   * The ids of the chunks that have some of the terms, those with the rarer and more of them first.
   *
   * @param before only messages with a smaller position
   */
  List<Long> search(Tx tx, Scope scope, List<String> terms, long before, int limit)
      throws SQLException;

  /** Like {@link #search} but by the letters of a question; empty where that cannot be had. */
  List<Long> searchFuzzily(Tx tx, Scope scope, List<String> words, long before, int limit)
      throws SQLException;

  static Chunk chunk(ResultSet row) throws SQLException {
    return new Chunk(
        row.getLong(1),
        row.getString(2),
        row.getString(3),
        row.getString(4),
        row.getString(5),
        row.getString(6),
        row.getInt(7),
        row.getString(8),
        List.of());
  }
}

package dev.perdure.retrieval;

import dev.perdure.db.Tx;
import java.sql.SQLException;
import java.util.List;
import java.util.stream.Collectors;

/** FTS5 (sqlite.org/fts5.html), ranked by its BM25. */
final class SqliteChunkStore implements ChunkStore {
  static final SqliteChunkStore INSTANCE = new SqliteChunkStore();

  private static final String SEARCH =
      """
      SELECT c.id FROM chunk_words w
        JOIN chunk c ON c.id = w.rowid
        LEFT JOIN document d ON d.id = c.document_id
       WHERE chunk_words MATCH ? AND\
      """
          + VISIBLE
          + " AND (d.id IS NULL OR d.state = 'ready')"
          // The scope is in all of them and says nothing.
          + " ORDER BY bm25(chunk_words, 0.0, 1.0), c.id LIMIT ?";

  private SqliteChunkStore() {}

  @Override
  public void insert(Tx tx, Place place, int firstPart, List<String> pieces) throws SQLException {
    int part = firstPart;
    for (String piece : pieces) {
      long id =
          tx.one(
                  """
                  INSERT INTO chunk (tenant, owner, session_id, document_id, message_id, position,
                                     part, text)
                  VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id\
                  """,
                  row -> row.getLong(1),
                  place.scope().owner().tenant(),
                  place.scope().owner().owner(),
                  place.scope().session(),
                  place.document(),
                  place.message(),
                  place.position(),
                  part++,
                  piece)
              .orElseThrow();
      tx.update(
          "INSERT INTO chunk_words (rowid, scope, terms) VALUES (?, ?, ?)",
          id,
          place.scope().sessionTerm(),
          String.join(" ", Terms.of(piece)));
    }
  }

  @Override
  public List<Long> search(Tx tx, Scope scope, List<String> terms, long before, int limit)
      throws SQLException {
    // Terms are letters and digits; quoted, none of them can be a word of the query language.
    String wanted =
        terms.stream().map(term -> '"' + term + '"').collect(Collectors.joining(" OR "));
    String query =
        "scope : ("
            + scope.ownerTerm()
            + " OR "
            + scope.sessionTerm()
            + ") AND terms : ("
            + wanted
            + ")";
    return tx.list(
        SEARCH,
        row -> row.getLong(1),
        query,
        scope.owner().tenant(),
        scope.owner().owner(),
        scope.session(),
        before,
        limit);
  }

  @Override
  public List<Long> searchFuzzily(Tx tx, Scope scope, List<String> words, long before, int limit) {
    return List.of();
  }
}

package dev.perdure.retrieval;

import dev.perdure.db.Tx;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Text search with a GIN index. PostgreSQL's own ranks do not know how rare a word is, so that the
 * common words of a question would drown the telling one; the rank here is the sum of the inverse
 * document frequencies of the terms that a chunk has, as in BM25 without counting repetitions. The
 * letters are compared by pg_trgm, if the database has it.
 */
final class PostgresChunkStore implements ChunkStore {
  static final PostgresChunkStore INSTANCE = new PostgresChunkStore();

  private static final String SEARCH =
      """
      WITH asked AS (SELECT unnest(CAST(? AS text[])) AS term),
      hit AS (
        SELECT asked.term, c.id FROM asked
          JOIN chunk c ON c.words @@ CAST('''' || asked.term || ''' & (' || ? || ')' AS tsquery)
          LEFT JOIN document d ON d.id = c.document_id
         WHERE\
      """
          + VISIBLE
          + """
               AND (d.id IS NULL OR d.state = 'ready')),
          rarity AS (
            SELECT term, ln(1 + (SELECT COUNT(DISTINCT id) FROM hit) / CAST(COUNT(*) AS real)) AS idf
              FROM hit GROUP BY term)
          SELECT id FROM hit JOIN rarity USING (term)
           GROUP BY id ORDER BY SUM(idf) DESC, id LIMIT ?\
          """;

  private static final String FUZZY =
      """
      SELECT c.id, MAX(word_similarity(word, c.text)) AS likeness
        FROM unnest(CAST(? AS text[])) AS word
        JOIN chunk c ON c.text %> word
        LEFT JOIN document d ON d.id = c.document_id
       WHERE\
      """
          + VISIBLE
          + " AND (d.id IS NULL OR d.state = 'ready')"
          + " GROUP BY c.id ORDER BY likeness DESC, c.id LIMIT ?";

  private PostgresChunkStore() {}

  @Override
  public void insert(Tx tx, Place place, int firstPart, List<String> pieces) throws SQLException {
    List<@Nullable Object[]> rows = new ArrayList<>();
    for (String piece : pieces) {
      Set<String> terms = Terms.of(piece);
      terms.add(place.scope().sessionTerm());
      rows.add(
          new @Nullable Object[] {
            place.scope().owner().tenant(),
            place.scope().owner().owner(),
            place.scope().session(),
            place.document(),
            place.message(),
            place.position() == null ? null : place.position().toString(),
            firstPart + rows.size(),
            piece,
            terms.toArray(String[]::new)
          });
    }
    tx.batch(
        """
        INSERT INTO chunk (tenant, owner, session_id, document_id, message_id, position, part, text,
                           words)
        VALUES (?, ?, ?, ?, ?, CAST(? AS bigint), ?, ?, array_to_tsvector(?))\
        """,
        rows);
  }

  @Override
  public List<Long> search(Tx tx, Scope scope, List<String> terms, long before, int limit)
      throws SQLException {
    return tx.list(
        SEARCH,
        row -> row.getLong(1),
        terms.toArray(String[]::new),
        "'" + scope.ownerTerm() + "' | '" + scope.sessionTerm() + "'",
        scope.owner().tenant(),
        scope.owner().owner(),
        scope.session(),
        before,
        limit);
  }

  @Override
  public List<Long> searchFuzzily(Tx tx, Scope scope, List<String> words, long before, int limit)
      throws SQLException {
    boolean possible =
        tx.one(
                "SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'"
                    + " AND to_regclass('chunk_trigrams') IS NOT NULL",
                row -> true)
            .isPresent();
    if (!possible) {
      return List.of();
    }
    return tx.list(
        FUZZY,
        row -> row.getLong(1),
        words.toArray(String[]::new),
        scope.owner().tenant(),
        scope.owner().owner(),
        scope.session(),
        before,
        limit);
  }
}

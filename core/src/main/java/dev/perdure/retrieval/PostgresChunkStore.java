package dev.perdure.retrieval;

import static java.util.stream.Collectors.joining;

import dev.perdure.db.Tx;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
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

  /** A term that more chunks have is common; candidates are looked for by the rarer ones. */
  private static final int COMMON = 1_000;

  /** How many chunks of the scope have each of the terms; counted as far as it matters. */
  private static final String COUNT =
      """
      SELECT asked.term,
             (SELECT COUNT(*)
                FROM (SELECT 1 FROM chunk c
                       WHERE c.words @@ CAST(asked.query AS tsquery)
                         AND c.tenant = ? AND c.owner = ? LIMIT 1001) AS having_it)
        FROM unnest(CAST(? AS text[]), CAST(? AS text[])) AS asked (term, query)\
      """;

  /** The candidates, by the rarity of all the terms that they have. */
  private static final String SEARCH =
      """
      WITH asked AS MATERIALIZED (
        SELECT * FROM unnest(CAST(? AS tsquery[]), CAST(? AS float8[])) AS asked (term, idf))
      SELECT c.id FROM chunk c LEFT JOIN document d ON d.id = c.document_id
       WHERE c.words @@ CAST(? AS tsquery) AND\
      """
          + VISIBLE
          + """
               AND (d.id IS NULL OR d.state = 'ready')
             ORDER BY (SELECT SUM(idf) FROM asked WHERE c.words @@ asked.term) DESC, c.id LIMIT ?\
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
    String within = " & ('" + scope.ownerTerm() + "' | '" + scope.sessionTerm() + "')";
    record Count(String term, long chunks) {}
    List<Count> counts =
        tx
            .list(
                COUNT,
                row -> new Count(row.getString(1), row.getLong(2)),
                scope.owner().tenant(),
                scope.owner().owner(),
                terms.toArray(String[]::new),
                terms.stream().map(term -> "'" + term + "'" + within).toArray(String[]::new))
            .stream()
            .filter(count -> count.chunks > 0)
            .sorted(Comparator.comparingLong(Count::chunks))
            .toList();
    if (counts.isEmpty()) {
      return List.of();
    }
    double all = counts.getLast().chunks;
    // A common term alone says so little that its chunks come last; with a rare one it counts.
    List<Count> telling =
        counts.stream()
            .filter(count -> count.chunks <= COMMON || count.equals(counts.getFirst()))
            .toList();
    String candidates =
        "("
            + telling.stream().map(count -> "'" + count.term + "'").collect(joining(" | "))
            + ")"
            + within;
    return tx.list(
        SEARCH,
        row -> row.getLong(1),
        counts.stream().map(count -> "'" + count.term + "'").toArray(String[]::new),
        counts.stream()
            .map(count -> Double.toString(Math.log(1 + all / count.chunks)))
            .toArray(String[]::new),
        candidates,
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

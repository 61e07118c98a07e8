package dev.perdure.retrieval;

import dev.perdure.chat.Caller;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.Message;
import dev.perdure.chat.Message.Status;
import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.retrieval.Chunk.By;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Finds what of an owner's documents and of a session's earlier messages matters to a question. All
 * reads are scoped to tenant and owner in the SQL. Thread-safe.
 *
 * <p>Messages are not searchable from the start, since hardly any ever needs to be: those of a
 * session are cut and indexed when for the first time they do not fit the window, and then each
 * time what has been pushed out since.
 */
public final class Retriever {
  /** Messages that one call indexes; what is left is indexed by the calls after it. */
  private static final int MESSAGES_AT_ONCE = 400;

  /** Chunks that a search returns at the most. */
  private static final int MAX_FOUND = 40;

  /** With fewer chunks than this, words that may be misspelled are searched by their letters. */
  private static final int FEW = 3;

  private final Database database;
  private final @Nullable SemanticSearch semantic;
  private final Ancestry ancestry = new Ancestry();

  /** By words only. */
  public Retriever(Database database) {
    this(database, null);
  }

  /**
   * @param semantic finds by vectors as well; null for words only
   */
  public Retriever(Database database, @Nullable SemanticSearch semantic) {
    this.database = database;
    this.semantic = semantic;
  }

  /** What came of the search by vectors. */
  public enum Semantic {
    /** There is none. */
    OFF,
    /** Nothing has a vector yet, so the question was given none. */
    EMPTY,
    DONE,
    /** The question's vector did not come in time. */
    LATE,
    /** The question was given no vector. */
    FAILED
  }

  /**
   * What was found.
   *
   * @param chunks the best first
   */
  public record Found(List<Chunk> chunks, Semantic semantic) {
    public Found {
      chunks = List.copyOf(chunks);
    }
  }

  /**
   * What is asked.
   *
   * @param question the texts to be found, the most important one first
   * @param before messages with a smaller position than this may be found; 0 for none
   * @param leaf the message that is to be answered; only those on its branch may be found
   */
  public record Query(
      Caller owner, String session, List<String> question, long before, String leaf) {
    public Query {
      question = List.copyOf(question);
    }

    Scope scope() {
      return new Scope(owner, session);
    }
  }

  /** Whether there are documents that a session may draw upon, for a SQL with session s. */
  public static final String HAS_DOCUMENTS =
      """
      EXISTS (SELECT 1 FROM document d
               WHERE d.tenant = s.tenant AND d.owner = s.owner AND d.state = 'ready'
                 AND (d.session_id IS NULL OR d.session_id = s.id))\
      """;

  /**
   * The chunks that matter most, the best first. If nothing of a session's own documents is found,
   * as with "summarise this", their beginnings are.
   */
  public Found find(Query query) {
    return begin(query).found();
  }

  /** Begins to find, so that whoever asks can let go of what he holds while he waits. */
  public Search begin(Query query) {
    if (query.before > 0) {
      index(query);
    }
    return new Search(query);
  }

  /** A search under way: its question may be without its vector yet. Used by one thread. */
  public final class Search {
    private final Query query;
    private final SemanticSearch.@Nullable Asked asked;

    /** What was found while the vector was being made; null where there are no vectors. */
    private final @Nullable Ranks words;

    private SemanticSearch.@Nullable Answer answer;

    private Search(Query query) {
      this.query = query;
      this.asked = semantic == null ? null : semantic.ask(query);
      this.words = semantic == null ? null : database.read(tx -> byWords(tx, query));
    }

    /** Waits for the vector, but not for long. Reads nothing, so no connection is held. */
    public void await() {
      if (semantic != null && asked != null && answer == null) {
        answer = semantic.await(asked);
      }
    }

    /** What was found; waits if that was not done before. */
    public Found found() {
      await();
      SemanticSearch.@Nullable Answer had = answer;
      byte @Nullable [] vector = had == null ? null : had.vector();
      return database.read(tx -> {
        List<Long> near =
            semantic == null || vector == null
                ? List.of()
                : semantic.nearest(tx, query, branch(tx, query), vector, MAX_FOUND);
        return new Found(
            finish(tx, query, words == null ? byWords(tx, query) : words, near),
            had == null ? Semantic.OFF : had.outcome());
      });
    }
  }

  private static Ranks byWords(Tx tx, Query query) throws SQLException {
    Ranks ranks = new Ranks();
    List<String> terms = Terms.asked(String.join("\n", query.question));
    if (!terms.isEmpty()) {
      ChunkStore store = ChunkStore.of(tx);
      ranks.add(By.WORDS, store.search(tx, query.scope(), terms, query.before, MAX_FOUND));
      if (ranks.size() < FEW) {
        ranks.add(
            By.LETTERS, store.searchFuzzily(tx, query.scope(), terms, query.before, MAX_FOUND));
      }
    }
    return ranks;
  }

  private List<Chunk> finish(Tx tx, Query query, Ranks words, List<Long> near) throws SQLException {
    // The work may be run again, so what it was given stays as it is.
    Ranks ranks = new Ranks(words);
    ranks.add(By.VECTOR, near);
    if (ranks.size() < FEW) {
      ranks.add(By.BEGINNING, beginnings(tx, query));
    }
    return chunks(tx, query, ranks);
  }

  private BitSet branch(Tx tx, Query query) throws SQLException {
    return query.before > 0 ? ancestry.of(tx, query.session, query.leaf) : new BitSet();
  }

  /** The first chunks of the session's own documents, the newest document first. */
  private static List<Long> beginnings(Tx tx, Query query) throws SQLException {
    return tx.list(
        """
        SELECT c.id FROM chunk c JOIN document d ON d.id = c.document_id
         WHERE c.tenant = ? AND c.owner = ? AND d.session_id = ? AND d.state = 'ready'
         ORDER BY d.id DESC, c.part LIMIT ?\
        """,
        row -> row.getLong(1),
        query.owner.tenant(),
        query.owner.owner(),
        query.session,
        MAX_FOUND);
  }

  private record Placed(Chunk chunk, int position) {}

  private List<Chunk> chunks(Tx tx, Query query, Ranks ranks) throws SQLException {
    List<Long> ids = ranks.order(2 * MAX_FOUND);
    if (ids.isEmpty()) {
      return List.of();
    }
    List<@Nullable Object> args = new ArrayList<>();
    args.add(query.owner.tenant());
    args.add(query.owner.owner());
    args.add(query.session);
    args.add(query.before);
    args.addAll(ids);
    List<Placed> found =
        tx.list(
            "SELECT "
                + ChunkStore.COLUMNS
                + ", c.position"
                + ChunkStore.FROM
                + "WHERE"
                + ChunkStore.VISIBLE
                + "AND (d.id IS NULL OR d.state = 'ready') AND c.id IN ("
                + Tx.placeholders(ids.size())
                + ")",
            row -> new Placed(ChunkStore.chunk(row), row.getInt(9)),
            args.toArray());
    boolean messages = found.stream().anyMatch(placed -> placed.chunk.message() != null);
    BitSet branch = messages ? branch(tx, query) : new BitSet();
    Map<Long, Chunk> byId = new HashMap<>();
    for (Placed placed : found) {
      if (placed.chunk.message() == null || branch.get(placed.position)) {
        long id = placed.chunk.id();
        byId.put(id, placed.chunk.foundBy(ranks.hits(id)));
      }
    }
    return ids.stream().filter(byId::containsKey).limit(MAX_FOUND).map(byId::get).toList();
  }

  /** Makes messages before a position searchable, unless they are. */
  private void index(Query query) {
    if (database.<Long>read(tx -> indexed(tx, query.session)) >= query.before) {
      return;
    }
    database.<Boolean>write(tx -> {
      tx.update(
          """
          INSERT INTO session_index (session_id, position) SELECT id, 0 FROM session WHERE id = ?
          ON CONFLICT DO NOTHING\
          """,
          query.session);
      // Two lanes of a turn come here at once.
      @Nullable Long from =
          tx.one(
                  "SELECT position FROM session_index WHERE session_id = ? {lock}",
                  row -> row.getLong(1),
                  query.session)
              .orElse(null);
      if (from == null || from >= query.before) {
        return true;
      }
      long next = from;
      for (Message message :
          Conversations.after(tx, query.session, from - 1, query.before, MESSAGES_AT_ONCE)) {
        index(tx, query, message);
        next = message.position() + 1;
      }
      tx.update(
          "UPDATE session_index SET position = ? WHERE session_id = ?",
          next == from ? query.before : next,
          query.session);
      return true;
    });
  }

  private static long indexed(Tx tx, String session) throws SQLException {
    return tx.one(
            "SELECT position FROM session_index WHERE session_id = ?",
            row -> row.getLong(1),
            session)
        .orElse(0L);
  }

  private static void index(Tx tx, Query query, Message message) throws SQLException {
    if (message.status() == Status.COMPLETE && !message.text().isBlank()) {
      ChunkStore.of(tx)
          .insert(
              tx,
              new ChunkStore.Place(query.scope(), null, message.id(), message.position()),
              0,
              Chunker.chunks(message.text()));
    }
  }
}

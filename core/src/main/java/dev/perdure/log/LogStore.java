package dev.perdure.log;

import com.fasterxml.jackson.databind.node.ArrayNode;
import dev.perdure.db.Database;
import dev.perdure.db.Dialect;
import dev.perdure.db.Tx;
import dev.perdure.protocol.Json;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The table {@code log_block}: every statement that reads or appends; on SQLite together with
 * {@link RecentCommits}. Thread-safe.
 */
final class LogStore {
  private static final String INSERT =
      """
      INSERT INTO log_block (turn_id, first_seq, last_seq, payload) VALUES (?, ?, ?, ?)
      ON CONFLICT DO NOTHING\
      """;

  /**
   * One statement for all turns. Its snapshot may be older than a claim that commits meanwhile;
   * then the claim has taken the very place in the log that this wants, and the unique key refuses
   * it. Rows go in the order of their turns, as claims do, so that the two do not deadlock.
   *
   * <p>The question about the turn is asked by its key alone: with all of it as a condition, a
   * planner without statistics walks through all running turns for each block.
   */
  private static final String APPEND_POSTGRES =
      """
      INSERT INTO log_block (turn_id, first_seq, last_seq, payload)
      SELECT b.turn_id, b.first_seq, b.last_seq, b.payload
        FROM unnest(?::text[], ?::bigint[], ?::bigint[], ?::bigint[], ?::bytea[])
             AS b (turn_id, epoch, first_seq, last_seq, payload)
       WHERE (SELECT t.epoch = b.epoch AND t.node_id = ? AND t.state IN ('running', 'waiting')
                FROM turn t WHERE t.id = b.turn_id)
       ORDER BY b.turn_id
      ON CONFLICT DO NOTHING\
      """;

  private static final String APPEND_SQLITE =
      """
      INSERT INTO log_block (turn_id, first_seq, last_seq, payload)
      SELECT ?, ?, ?, ?
       WHERE EXISTS (SELECT 1 FROM turn t
                      WHERE t.id = ? AND t.epoch = ? AND t.node_id = ?
                        AND t.state IN ('running', 'waiting'))
      ON CONFLICT DO NOTHING\
      """;

  /** From the block that holds the event after the cursor, found by the key, to the end. */
  private static final String READ_FROM =
      """
      SELECT first_seq, last_seq, payload FROM log_block
       WHERE turn_id = ?
         AND first_seq >= COALESCE((SELECT MAX(first_seq) FROM log_block
                                     WHERE turn_id = ? AND first_seq <= ?), 0)
         AND last_seq >= ?
       ORDER BY first_seq\
      """;

  /** Blocks of one turn that one {@link #news} brings at the most. */
  static final int NEWS_BLOCKS = 200;

  private static final String NEWS_COLUMNS =
      """
      CASE WHEN t.id IS NULL OR t.log_expired = 1 THEN 2
           WHEN t.ended_at IS NOT NULL THEN 1 ELSE 0 END,
      b.first_seq, b.last_seq, b.payload\
      """;

  private static final String NEWS_POSTGRES =
      "SELECT f.turn_id, "
          + NEWS_COLUMNS
          + """
           FROM unnest(?::text[], ?::bigint[]) AS f (turn_id, head)
           LEFT JOIN turn t ON t.id = f.turn_id
           LEFT JOIN LATERAL (SELECT l.first_seq, l.last_seq, l.payload FROM log_block l
                               WHERE l.turn_id = f.turn_id AND l.first_seq > f.head
                               ORDER BY l.first_seq LIMIT\
          """
          + " "
          + NEWS_BLOCKS
          + ") b ON TRUE ORDER BY f.turn_id, b.first_seq";

  private static final String NEWS_SQLITE =
      "SELECT f.value ->> 0, "
          + NEWS_COLUMNS
          + """
           FROM json_each(?) f
           LEFT JOIN turn t ON t.id = f.value ->> 0
           LEFT JOIN log_block b
                  ON b.turn_id = f.value ->> 0 AND b.first_seq > f.value ->> 1
                 AND b.first_seq <= (f.value ->> 1) + ?
          ORDER BY 1, b.first_seq\
          """;

  private final Database database;
  private final String nodeId;

  /** On SQLite: what crowds have written, before it is in {@code log_block}. */
  private final @Nullable RecentCommits recent;

  LogStore(Database database, String nodeId) {
    this(database, nodeId, database.shared() ? null : new RecentCommits(nodeId));
  }

  LogStore(Database database, String nodeId, @Nullable RecentCommits recent) {
    this.database = database;
    this.nodeId = nodeId;
    this.recent = recent;
    if (recent != null) {
      recent.recover(database);
    }
  }

  /** What the turn's row says about its log. */
  enum Fate {
    OPEN,
    ENDED,
    /** Deleted: by retention, or with its session. */
    GONE
  }

  /**
   * A block and the epoch with which it may be stored.
   *
   * @param rows what changes in the same transaction
   */
  record Fenced(LogBlock block, long epoch, List<Database.Work<?>> rows) {
    Fenced(LogBlock block, long epoch) {
      this(block, epoch, List.of());
    }

    void storeRows(Tx tx) throws SQLException {
      for (Database.Work<?> work : rows) {
        work.run(tx);
      }
    }
  }

  /**
   * Some of a log.
   *
   * @param last the last sequence number of the log, where {@code blocks} reach it; else -2
   */
  record Page(List<LogBlock> blocks, long last, Fate fate) {
    boolean reachesEnd() {
      return last != UNKNOWN;
    }
  }

  /** What has happened to a turn's log since somebody looked. */
  record News(Fate fate, List<LogBlock> blocks) {}

  static final long UNKNOWN = -2;

  /**
   * Stores the blocks whose turns are still held by this node with their epoch, at most one for
   * each turn, with the rows that belong to them; returns the turns whose block is in the log now.
   */
  Set<String> append(Tx tx, List<Fenced> blocks) throws SQLException {
    List<Fenced> withRows = new ArrayList<>();
    for (Fenced fenced : blocks) {
      // A block that is there already has brought its rows along, and they may have changed since.
      if (!fenced.rows.isEmpty() && !holds(tx, fenced.block)) {
        withRows.add(fenced);
      }
    }
    Set<String> stored = appendHeld(tx, blocks);
    for (Fenced fenced : withRows) {
      if (stored.contains(fenced.block.turn())) {
        fenced.storeRows(tx);
      }
    }
    return stored;
  }

  private Set<String> appendHeld(Tx tx, List<Fenced> blocks) throws SQLException {
    Set<String> stored =
        recent == null ? appendPostgres(tx, blocks) : appendSqlite(tx, blocks, recent);
    if (stored.size() < blocks.size()) {
      for (Fenced fenced : blocks) {
        // An earlier commit may have gone through although its answer was lost.
        if (!stored.contains(fenced.block.turn()) && holds(tx, fenced.block)) {
          stored.add(fenced.block.turn());
        }
      }
    }
    return stored;
  }

  private Set<String> appendPostgres(Tx tx, List<Fenced> blocks) throws SQLException {
    int count = blocks.size();
    String[] turns = new String[count];
    Long[] epochs = new Long[count];
    Long[] firsts = new Long[count];
    Long[] lasts = new Long[count];
    byte[][] payloads = new byte[count][];
    for (int i = 0; i < count; i++) {
      LogBlock block = blocks.get(i).block;
      turns[i] = block.turn();
      epochs[i] = blocks.get(i).epoch;
      firsts[i] = block.firstSeq();
      lasts[i] = block.lastSeq();
      payloads[i] = block.payload();
    }
    int stored = tx.update(APPEND_POSTGRES, turns, epochs, firsts, lasts, payloads, nodeId);
    // Which ones is asked only if it is not all of them: naming them costs as much as storing them.
    return stored == count ? new HashSet<>(Arrays.asList(turns)) : new HashSet<>();
  }

  private Set<String> appendSqlite(Tx tx, List<Fenced> blocks, RecentCommits commits)
      throws SQLException {
    if (blocks.size() >= RecentCommits.CROWD) {
      return commits.append(tx, blocks);
    }
    commits.appendElsewhere(tx);
    List<@Nullable Object[]> rows = new ArrayList<>(blocks.size());
    for (Fenced fenced : blocks) {
      LogBlock block = fenced.block;
      rows.add(
          new Object[] {
            block.turn(),
            block.firstSeq(),
            block.lastSeq(),
            block.payload(),
            block.turn(),
            fenced.epoch,
            nodeId
          });
    }
    int[] counts = tx.batch(APPEND_SQLITE, rows);
    Set<String> stored = new HashSet<>();
    for (int i = 0; i < counts.length; i++) {
      if (counts[i] == 1) {
        stored.add(blocks.get(i).block.turn());
      }
    }
    return stored;
  }

  /** The transaction of the last {@link #append} has committed. */
  void appended() {
    if (recent != null) {
      recent.confirm();
    }
  }

  /** The last block of a turn is stored. */
  void ended(String turn) {
    if (recent != null) {
      recent.ended(turn);
    }
  }

  /** Stores a block without asking who holds the turn; false if its place is taken. */
  boolean insert(Tx tx, LogBlock block) throws SQLException {
    if (recent != null && !recent.seal(tx, block.turn(), block.firstSeq())) {
      return false;
    }
    return tx.update(INSERT, block.turn(), block.firstSeq(), block.lastSeq(), block.payload()) == 1;
  }

  /** Stores blocks of different turns as {@link #insert} does, or says whose place is taken. */
  Optional<LogBlock> insertAll(Tx tx, List<LogBlock> blocks) throws SQLException {
    List<@Nullable Object[]> rows = new ArrayList<>(blocks.size());
    for (LogBlock block : blocks) {
      if (recent != null && !recent.seal(tx, block.turn(), block.firstSeq())) {
        return Optional.of(block);
      }
      rows.add(new Object[] {block.turn(), block.firstSeq(), block.lastSeq(), block.payload()});
    }
    int[] counts = tx.batch(INSERT, rows);
    for (int i = 0; i < counts.length; i++) {
      if (counts[i] != 1) {
        return Optional.of(blocks.get(i));
      }
    }
    return Optional.empty();
  }

  /** What a transaction has to read besides the table; to be asked first. */
  private List<LogBlock> recent(Tx tx, String turn) throws SQLException {
    return recent == null ? List.of() : recent.of(tx, turn);
  }

  /** The place of the next event, in a transaction that writes. */
  long nextSeq(Tx tx, String turn) throws SQLException {
    List<LogBlock> behind = recent(tx, turn);
    return 1 + Math.max(last(tx, turn), behind.isEmpty() ? -1 : behind.getLast().lastSeq());
  }

  /** The same for several turns. */
  Map<String, Long> nextSeqs(Tx tx, Collection<String> turns) throws SQLException {
    Map<String, Long> next = new HashMap<>();
    for (String turn : turns) {
      List<LogBlock> behind = recent(tx, turn);
      next.put(turn, behind.isEmpty() ? 0 : 1 + behind.getLast().lastSeq());
    }
    tx.list(
        """
        SELECT turn_id, MAX(last_seq) FROM log_block
         WHERE turn_id IN (SELECT j.value ->> 0 FROM {rows}) GROUP BY turn_id\
        """,
        row -> next.merge(row.getString(1), 1 + row.getLong(2), Math::max),
        Tx.rowsOf(turns));
    return next;
  }

  /** Whether exactly this block is stored. */
  boolean holds(Tx tx, LogBlock block) throws SQLException {
    for (LogBlock other : recent(tx, block.turn())) {
      if (other.firstSeq() == block.firstSeq()) {
        return Arrays.equals(other.payload(), block.payload());
      }
    }
    return tx.one(
            "SELECT payload FROM log_block WHERE turn_id = ? AND first_seq = ?",
            row -> Arrays.equals(row.getBytes(1), block.payload()),
            block.turn(),
            block.firstSeq())
        .orElse(false);
  }

  boolean holds(LogBlock block) {
    return database.<Boolean>read(tx -> holds(tx, block));
  }

  /** Whether the log has come to this event. */
  boolean reaches(String turn, long seq) {
    return database.read(tx -> last(tx, turn) >= seq);
  }

  /** About {@code maxBytes} of a log from the event after {@code after}; at least one block. */
  Page read(String turn, long after, int maxBytes) {
    return database.read(tx -> {
      List<LogBlock> behind =
          recent(tx, turn).stream().filter(block -> block.lastSeq() > after).toList();
      List<LogBlock> stored = new ArrayList<>();
      boolean[] cut = new boolean[1];
      int[] bytes = new int[1];
      tx.scan(
          READ_FROM,
          row -> {
            if (bytes[0] >= maxBytes) {
              cut[0] = true;
              return false;
            }
            LogBlock block = block(turn, row, 1);
            bytes[0] += block.payload().length;
            return stored.add(block);
          },
          turn,
          turn,
          after + 1,
          after + 1);
      if (stored.isEmpty() && behind.isEmpty()) {
        return new Page(List.of(), nextSeq(tx, turn) - 1, fate(tx, turn));
      }
      List<LogBlock> blocks = RecentCommits.union(stored, behind);
      if (cut[0]) {
        long last = stored.getLast().lastSeq();
        blocks = blocks.stream().filter(block -> block.lastSeq() <= last).toList();
      }
      return page(blocks, cut[0], maxBytes);
    });
  }

  private static Page page(List<LogBlock> blocks, boolean cut, int maxBytes) {
    int count = 0;
    for (int bytes = 0; count < blocks.size() && bytes < maxBytes; count++) {
      bytes += blocks.get(count).payload().length;
    }
    LogBlock last = blocks.get(count - 1);
    return new Page(
        blocks.subList(0, count),
        cut || count < blocks.size() ? UNKNOWN : last.lastSeq(),
        last.endsTurn() ? Fate.ENDED : Fate.OPEN);
  }

  private static LogBlock block(String turn, ResultSet row, int column) throws SQLException {
    return new LogBlock(
        turn, row.getLong(column), row.getLong(column + 1), row.getBytes(column + 2));
  }

  private static long last(Tx tx, String turn) throws SQLException {
    return tx.one(
            "SELECT COALESCE(MAX(last_seq), -1) FROM log_block WHERE turn_id = ?",
            row -> row.getLong(1),
            turn)
        .orElse(-1L);
  }

  private static Fate fate(Tx tx, String turn) throws SQLException {
    return tx.one(
            """
            SELECT CASE WHEN log_expired = 1 THEN 2 WHEN ended_at IS NOT NULL THEN 1 ELSE 0 END
              FROM turn WHERE id = ?\
            """,
            row -> fate(row.getInt(1)),
            turn)
        .orElse(Fate.GONE);
  }

  private static Fate fate(int number) {
    return switch (number) {
      case 0 -> Fate.OPEN;
      case 1 -> Fate.ENDED;
      default -> Fate.GONE;
    };
  }

  /**
   * What several logs have got behind the given sequence numbers, in one query.
   *
   * @param heads sequence number by turn
   * @param out filled with an entry for each turn
   */
  void news(Map<String, Long> heads, Map<String, News> out) {
    database.read(tx -> {
      Map<String, List<LogBlock>> behind = new HashMap<>();
      for (Map.Entry<String, Long> turn : heads.entrySet()) {
        List<LogBlock> blocks = recent(tx, turn.getKey());
        if (!blocks.isEmpty()) {
          behind.put(
              turn.getKey(),
              blocks.stream().filter(block -> block.firstSeq() > turn.getValue()).toList());
        }
      }
      Tx.Visitor visitor =
          row -> {
            String turn = row.getString(1);
            Fate fate = fate(row.getInt(2));
            News news = out.computeIfAbsent(turn, t -> new News(fate, new ArrayList<>()));
            if (row.getBytes(5) != null) {
              news.blocks.add(block(turn, row, 3));
            }
            return true;
          };
      if (tx.dialect() == Dialect.POSTGRES) {
        tx.scan(
            NEWS_POSTGRES,
            visitor,
            heads.keySet().toArray(String[]::new),
            heads.values().toArray(Long[]::new));
      } else {
        ArrayNode pairs = Json.MAPPER.createArrayNode();
        heads.forEach((turn, head) -> pairs.addArray().add(turn).add(head));
        tx.scan(NEWS_SQLITE, visitor, Json.text(pairs), (long) NEWS_BLOCKS);
      }
      behind.forEach((turn, blocks) ->
          out.computeIfPresent(
              turn, (key, news) -> new News(news.fate, RecentCommits.union(news.blocks, blocks))));
      return true;
    });
  }

  /** A whole log, folded. */
  LogContent readAll(Tx tx, String turn) throws SQLException {
    Deque<LogBlock> behind = new ArrayDeque<>(recent(tx, turn));
    LogContent content = LogContent.empty();
    tx.scan(
        "SELECT first_seq, last_seq, payload FROM log_block WHERE turn_id = ? ORDER BY first_seq",
        row -> {
          LogBlock block = block(turn, row, 1);
          while (!behind.isEmpty() && behind.getFirst().firstSeq() < block.firstSeq()) {
            content.add(behind.removeFirst());
          }
          content.add(block);
          return true;
        },
        turn);
    behind.forEach(content::add);
    return content;
  }
}

package dev.perdure.log;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.log.LogStore.Fenced;
import dev.perdure.protocol.Json;
import java.io.ByteArrayOutputStream;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * SQLite only: the commits of a crowd. In {@code log_block} each turn has a place of its own in the
 * file, so a commit of many turns writes as many pages, however little each of them has said. A
 * commit of a crowd is therefore one row of {@code log_recent}, some pages in a line; the blocks
 * stay in memory, and are moved to {@code log_block} a few turns at a time, with some dozen blocks
 * of a turn in one row. The idea is that of a log-structured merge tree (O'Neil et al., 1996).
 *
 * <pre>
 *   id         ascending, never used again in a process
 *   directory  "turn first_seq last_seq bytes\n" for each block
 *   payload    the payloads of the blocks in this order
 * </pre>
 *
 * <p>The table is read at the start only, for what a crash has left there. Everybody else sees the
 * union of {@code log_block} and the memory. Who asks for the memory's part before the first
 * statement of his transaction, or in the transaction that writes, misses nothing: a block leaves
 * the memory after the transaction that has moved it. What has been moved may be seen twice.
 *
 * <p>Thread-safe. {@link #append} and {@link #confirm} are for the appender, one after the other.
 */
final class RecentCommits {
  /** From how many turns on it costs less to write them here first. */
  static final int CROWD = 6;

  /** Blocks in memory, beyond which the oldest are moved. */
  private static final int KEPT_BLOCKS = 16 * 1024;

  /** Bytes of their payloads. */
  private static final int KEPT_BYTES = 8 * 1024 * 1024;

  /** Turns whose blocks one commit moves, so that no commit takes long. */
  private static final int MOVES = 64;

  /** Rows of moved commits that one commit deletes. */
  private static final int DELETES = 8;

  /** About the bytes of a row of moved blocks. */
  private static final int ROW_BYTES = 64 * 1024;

  private static final String INSERT =
      "INSERT INTO log_recent (id, directory, payload) VALUES (?, ?, ?)";

  /** Turns that this node does not hold any more. The row is found by its key alone. */
  private static final String REFUSED =
      """
      SELECT f.value ->> 0 FROM json_each(?) f
       WHERE NOT COALESCE(
         (SELECT t.epoch = f.value ->> 1 AND t.node_id = ? AND t.state IN ('running', 'waiting')
            FROM turn t WHERE t.id = f.value ->> 0), 0)\
      """;

  /** A longer row at the same place holds the same and more. */
  private static final String MOVE =
      """
      INSERT INTO log_block (turn_id, first_seq, last_seq, payload)
      SELECT ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM turn WHERE id = ? AND log_expired = 0)
      ON CONFLICT (turn_id, first_seq) DO UPDATE
         SET last_seq = excluded.last_seq, payload = excluded.payload
       WHERE excluded.last_seq > log_block.last_seq\
      """;

  private final String nodeId;
  private final int mostBlocks;
  private final ReentrantLock lock = new ReentrantLock();

  /** Committed blocks by turn; the turn whose oldest block is the oldest comes first. */
  @GuardedBy("lock")
  private final LinkedHashMap<String, List<Kept>> kept = new LinkedHashMap<>();

  @GuardedBy("lock")
  private int keptBlocks;

  @GuardedBy("lock")
  private int keptBytes;

  /** Commits of which it is not known whether they have happened; the last one is under way. */
  @GuardedBy("lock")
  private final List<Commit> unconfirmed = new ArrayList<>();

  @GuardedBy("lock")
  private long lastId;

  /** No row below is left. */
  @GuardedBy("lock")
  private long deletedBelow;

  RecentCommits(String nodeId) {
    this(nodeId, KEPT_BLOCKS);
  }

  RecentCommits(String nodeId, int mostBlocks) {
    this.nodeId = nodeId;
    this.mostBlocks = mostBlocks;
  }

  private record Kept(long commit, LogBlock block) {}

  /**
   * @param moved how many blocks of which turns it moves
   * @param deletesBelow what rows are gone with it
   */
  private record Commit(
      long id, Map<String, LogBlock> blocks, Map<String, Integer> moved, long deletesBelow) {}

  /** Moves what a crash has left. Before anything else. */
  void recover(Database database) {
    long last =
        database.write(tx -> {
          Map<String, List<LogBlock>> found = new LinkedHashMap<>();
          long[] highest = new long[1];
          tx.scan(
              "SELECT id, directory, payload FROM log_recent ORDER BY id",
              row -> {
                highest[0] = row.getLong(1);
                parse(row.getString(2), row.getBytes(3), found);
                return true;
              });
          for (Map.Entry<String, List<LogBlock>> turn : found.entrySet()) {
            move(tx, turn.getKey(), continuing(turn.getValue(), stored(tx, turn.getKey())));
          }
          tx.update("DELETE FROM log_recent");
          return highest[0];
        });
    lock.lock();
    try {
      lastId = last;
      deletedBelow = last;
    } finally {
      lock.unlock();
    }
  }

  private static void parse(String directory, byte[] payload, Map<String, List<LogBlock>> out) {
    int at = 0;
    for (String line : directory.split("\n", -1)) {
      if (!line.isEmpty()) {
        String[] fields = line.split(" ", -1);
        int bytes = Integer.parseInt(fields[3]);
        out.computeIfAbsent(fields[0], turn -> new ArrayList<>())
            .add(
                new LogBlock(
                    fields[0],
                    Long.parseLong(fields[1]),
                    Long.parseLong(fields[2]),
                    Arrays.copyOfRange(payload, at, at + bytes)));
        at += bytes;
      }
    }
  }

  private static List<LogBlock> stored(Tx tx, String turn) throws SQLException {
    return tx.list(
        "SELECT first_seq, last_seq FROM log_block WHERE turn_id = ? ORDER BY first_seq",
        row -> new LogBlock(turn, row.getLong(1), row.getLong(2), new byte[0]),
        turn);
  }

  /** Of what was found, what is not stored and has its place in the log. */
  private static List<LogBlock> continuing(List<LogBlock> found, List<LogBlock> stored) {
    List<LogBlock> all = new ArrayList<>(stored);
    Set<LogBlock> known = new HashSet<>(stored);
    all.addAll(found);
    List<LogBlock> out = new ArrayList<>();
    long next = 0;
    for (LogBlock block : inOrder(all)) {
      if (block.firstSeq() == next || known.contains(block)) {
        next = block.lastSeq() + 1;
        if (!known.contains(block)) {
          out.add(block);
        }
      }
    }
    return out;
  }

  /**
   * Stores the blocks whose turns are still held by this node; returns these turns. {@link
   * #confirm} must be called when the transaction has committed.
   */
  Set<String> append(Tx tx, List<Fenced> blocks) throws SQLException {
    forgetUnconfirmed(tx);
    Set<String> refused = refused(tx, blocks);
    Map<String, LogBlock> accepted = new LinkedHashMap<>();
    StringBuilder directory = new StringBuilder(blocks.size() * 48);
    ByteArrayOutputStream payload = new ByteArrayOutputStream(blocks.size() * 256);
    for (Fenced fenced : blocks) {
      LogBlock block = fenced.block();
      if (!refused.contains(block.turn())) {
        accepted.put(block.turn(), block);
        payload.writeBytes(block.payload());
        directory.append(block.turn()).append(' ').append(block.firstSeq());
        directory.append(' ').append(block.lastSeq()).append(' ');
        directory.append(block.payload().length).append('\n');
      }
    }
    Map<String, List<LogBlock>> oldest;
    long id;
    long from;
    long below;
    lock.lock();
    try {
      id = ++lastId;
      oldest = oldest();
      from = deletedBelow;
      below = deletable(id);
      Map<String, Integer> moved = new HashMap<>();
      oldest.forEach((turn, moving) -> moved.put(turn, moving.size()));
      unconfirmed.add(new Commit(id, accepted, moved, below));
    } finally {
      lock.unlock();
    }
    tx.update(INSERT, id, directory.toString(), payload.toByteArray());
    for (Map.Entry<String, List<LogBlock>> turn : oldest.entrySet()) {
      move(tx, turn.getKey(), turn.getValue());
    }
    delete(tx, from, below);
    return new HashSet<>(accepted.keySet());
  }

  private Set<String> refused(Tx tx, List<Fenced> blocks) throws SQLException {
    ArrayNode wanted = Json.MAPPER.createArrayNode();
    for (Fenced fenced : blocks) {
      wanted.addArray().add(fenced.block().turn()).add(fenced.epoch());
    }
    return new HashSet<>(tx.list(REFUSED, row -> row.getString(1), Json.text(wanted), nodeId));
  }

  /** Before an append that does without this table. To be confirmed as the others. */
  void appendElsewhere(Tx tx) throws SQLException {
    boolean forgotten = forgetUnconfirmed(tx);
    long from;
    long below;
    lock.lock();
    try {
      from = deletedBelow;
      below = deletable(lastId + 1);
      if (forgotten || below > from) {
        unconfirmed.add(new Commit(++lastId, Map.of(), Map.of(), below));
      }
    } finally {
      lock.unlock();
    }
    delete(tx, from, below);
  }

  /** Up to which row the next commit deletes: only rows whose blocks have all been moved. */
  @GuardedBy("lock")
  private long deletable(long next) {
    long needed = kept.isEmpty() ? next : kept.firstEntry().getValue().getFirst().commit();
    return Math.max(deletedBelow, Math.min(needed, deletedBelow + DELETES));
  }

  private static void delete(Tx tx, long from, long below) throws SQLException {
    if (below > from) {
      tx.update("DELETE FROM log_recent WHERE id >= ? AND id < ?", from, below);
    }
  }

  /** Removes what earlier appends have left whose outcome is unknown; it is stored again. */
  private boolean forgetUnconfirmed(Tx tx) throws SQLException {
    List<Commit> unknown;
    lock.lock();
    try {
      unknown = List.copyOf(unconfirmed);
    } finally {
      lock.unlock();
    }
    for (Commit commit : unknown) {
      tx.update("DELETE FROM log_recent WHERE id = ?", commit.id);
    }
    return !unknown.isEmpty();
  }

  /** The turns with the oldest blocks, as far as there are too many blocks. */
  @GuardedBy("lock")
  private Map<String, List<LogBlock>> oldest() {
    Map<String, List<LogBlock>> out = new LinkedHashMap<>();
    int blocks = keptBlocks;
    int bytes = keptBytes;
    for (Map.Entry<String, List<Kept>> turn : kept.entrySet()) {
      if (out.size() == MOVES || (blocks <= mostBlocks && bytes <= KEPT_BYTES)) {
        break;
      }
      List<LogBlock> moving = turn.getValue().stream().map(Kept::block).toList();
      out.put(turn.getKey(), moving);
      blocks -= moving.size();
      bytes -= moving.stream().mapToInt(block -> block.payload().length).sum();
    }
    return out;
  }

  /** The last append has committed. */
  void confirm() {
    lock.lock();
    try {
      if (unconfirmed.isEmpty()) {
        return;
      }
      Commit commit = unconfirmed.getLast();
      unconfirmed.clear();
      commit.moved.forEach(this::drop);
      for (LogBlock block : commit.blocks.values()) {
        kept.computeIfAbsent(block.turn(), turn -> new ArrayList<>())
            .add(new Kept(commit.id, block));
        keptBlocks++;
        keptBytes += block.payload().length;
      }
      deletedBelow = commit.deletesBelow;
    } finally {
      lock.unlock();
    }
  }

  /** Forgets the first blocks of a turn; if there are others, it is among the youngest then. */
  @GuardedBy("lock")
  private void drop(String turn, int blocks) {
    List<Kept> all = kept.remove(turn);
    if (all != null) {
      int dropped = Math.min(blocks, all.size());
      keptBlocks -= dropped;
      keptBytes -= all.subList(0, dropped).stream().mapToInt(k -> k.block.payload().length).sum();
      if (dropped < all.size()) {
        kept.put(turn, new ArrayList<>(all.subList(dropped, all.size())));
      }
    }
  }

  /** A turn has ended: {@link #seal} has moved its blocks. */
  void ended(String turn) {
    lock.lock();
    try {
      drop(turn, Integer.MAX_VALUE);
    } finally {
      lock.unlock();
    }
  }

  /**
   * The blocks of a turn that may not be in {@code log_block}, in order. To be asked before the
   * first statement of a transaction that reads, or anywhere in one that writes.
   */
  List<LogBlock> of(Tx tx, String turn) throws SQLException {
    List<LogBlock> out = new ArrayList<>();
    List<Commit> unknown = new ArrayList<>();
    lock.lock();
    try {
      kept.getOrDefault(turn, List.of()).forEach(entry -> out.add(entry.block));
      for (Commit commit : unconfirmed) {
        if (commit.blocks.containsKey(turn)) {
          unknown.add(commit);
        }
      }
    } finally {
      lock.unlock();
    }
    for (Commit commit : unknown) {
      if (happened(tx, commit.id)) {
        out.add(commit.blocks.get(turn));
      }
    }
    return out.isEmpty() || hasLog(tx, turn) ? out : List.of();
  }

  private static boolean happened(Tx tx, long id) throws SQLException {
    return tx.one("SELECT 1 FROM log_recent WHERE id = ?", row -> row.getInt(1), id).isPresent();
  }

  private static boolean hasLog(Tx tx, String turn) throws SQLException {
    return tx.one("SELECT 1 FROM turn WHERE id = ? AND log_expired = 0", row -> row.getInt(1), turn)
        .isPresent();
  }

  /**
   * Moves what there is of a turn, in the transaction that stores a block of it outside of a crowd.
   *
   * @return whether the place from {@code firstSeq} on is free
   */
  boolean seal(Tx tx, String turn, long firstSeq) throws SQLException {
    List<LogBlock> recent = of(tx, turn);
    if (recent.isEmpty()) {
      return true;
    }
    move(tx, turn, recent);
    return recent.getLast().lastSeq() < firstSeq;
  }

  /** Stores blocks in {@code log_block}, those that follow each other in one row. */
  private static void move(Tx tx, String turn, List<LogBlock> blocks) throws SQLException {
    int from = 0;
    while (from < blocks.size()) {
      ByteArrayOutputStream payload = new ByteArrayOutputStream();
      int to = from;
      do {
        payload.writeBytes(blocks.get(to++).payload());
      } while (to < blocks.size()
          && blocks.get(to).firstSeq() == blocks.get(to - 1).lastSeq() + 1
          && payload.size() < ROW_BYTES);
      tx.update(
          MOVE,
          turn,
          blocks.get(from).firstSeq(),
          blocks.get(to - 1).lastSeq(),
          payload.toByteArray(),
          turn);
      from = to;
    }
  }

  /** What is stored and what is recent, in order and without what is in both. */
  static List<LogBlock> union(List<LogBlock> stored, List<LogBlock> recent) {
    if (recent.isEmpty()) {
      return stored;
    }
    List<LogBlock> all = new ArrayList<>(stored);
    all.addAll(recent);
    List<LogBlock> out = new ArrayList<>();
    long last = -1;
    for (LogBlock block : inOrder(all)) {
      if (block.lastSeq() > last) {
        out.add(block);
        last = block.lastSeq();
      }
    }
    return out;
  }

  private static List<LogBlock> inOrder(List<LogBlock> blocks) {
    return blocks.stream()
        .sorted(
            Comparator.comparingLong(LogBlock::firstSeq)
                .thenComparing(Comparator.comparingLong(LogBlock::lastSeq).reversed()))
        .toList();
  }
}

package dev.perdure.retrieval;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.chat.Caller;
import dev.perdure.db.Tx;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The vectors of scopes that were searched lately, in memory: those of an owner's documents, and of
 * one session's documents and messages. Each search asks the database first how many there are and
 * for the sum of their ids, and reads what has changed; ids are never used again. All reads name
 * tenant and owner in the SQL. Thread-safe.
 */
final class VectorCache {
  /** Beside the vector itself: id, position and norm. */
  private static final int BYTES_AROUND = 16;

  /** Whose vectors: a session's, or for null those of all sessions of the owner. */
  private record Key(Caller owner, @Nullable String session, String model) {}

  /** What a scope has, and by whether it is the same tells whether anything has changed. */
  private record State(long count, long sum) {}

  /**
   * Vectors one after the other in one array, in the order of their ids. Immutable once it is made.
   */
  private static final class Segment {
    final State state;

    /** Of all that was read, those included that are no vectors of this length. */
    final long lastId;

    final int dimensions;
    final long[] ids;
    final int[] positions;
    final float[] norms;
    final byte[] vectors;

    Segment(State state, int dimensions) {
      this.state = state;
      this.lastId = 0;
      this.dimensions = dimensions;
      this.ids = new long[0];
      this.positions = new int[0];
      this.norms = new float[0];
      this.vectors = new byte[0];
    }

    /** Those before with more behind them. A vector of another length cannot be compared. */
    Segment(State state, Segment before, List<Row> more) {
      List<Row> fit = more.stream().filter(row -> row.vector.length == before.dimensions).toList();
      int first = before.ids.length;
      int count = first + fit.size();
      this.state = state;
      this.lastId = more.isEmpty() ? before.lastId : more.getLast().id;
      this.dimensions = before.dimensions;
      this.ids = Arrays.copyOf(before.ids, count);
      this.positions = Arrays.copyOf(before.positions, count);
      this.norms = Arrays.copyOf(before.norms, count);
      this.vectors = Arrays.copyOf(before.vectors, count * dimensions);
      for (int i = 0; i < fit.size(); i++) {
        Row row = fit.get(i);
        ids[first + i] = row.id;
        positions[first + i] = row.position;
        norms[first + i] = ByteVector.inverseNorm(row.vector);
        System.arraycopy(row.vector, 0, vectors, (first + i) * dimensions, dimensions);
      }
    }

    long bytes() {
      return (long) ids.length * (dimensions + BYTES_AROUND);
    }
  }

  private static final class Row {
    final long id;
    final int position;
    final byte[] vector;

    Row(long id, int position, byte[] vector) {
      this.id = id;
      this.position = position;
      this.vector = vector;
    }
  }

  private final long maxBytes;
  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private final Map<Key, Segment> kept = new LinkedHashMap<>(16, 0.75f, true);

  @GuardedBy("lock")
  private long bytes;

  VectorCache(long maxBytes) {
    this.maxBytes = maxBytes;
  }

  /** Whether there is anything to search. */
  boolean hasAny(Tx tx, Scope scope, String model) throws SQLException {
    for (Key key : keys(scope, model)) {
      if (state(tx, key).count > 0) {
        return true;
      }
    }
    return false;
  }

  /**
   * What is asked.
   *
   * @param before only messages with a smaller position
   * @param branch the positions of messages that may be found
   * @param least the least cosine
   */
  record Search(Scope scope, String model, long before, BitSet branch, float least) {}

  /** The ids of the pieces whose vectors are nearest, the nearest first. */
  List<Long> nearest(Tx tx, Search search, byte[] question, int limit) throws SQLException {
    Nearest nearest = new Nearest(limit);
    float norm = ByteVector.inverseNorm(question);
    for (Key key : keys(search.scope, search.model)) {
      Segment segment = segment(tx, key, question.length);
      for (int i = 0; i < segment.ids.length; i++) {
        int position = segment.positions[i];
        if (position < 0 || (position < search.before && search.branch.get(position))) {
          int dot = ByteVector.dot(question, segment.vectors, i * question.length);
          float cosine = dot * norm * segment.norms[i];
          if (cosine >= search.least) {
            nearest.offer(segment.ids[i], cosine);
          }
        }
      }
    }
    return nearest.ids();
  }

  private static List<Key> keys(Scope scope, String model) {
    Key all = new Key(scope.owner(), null, model);
    return scope.session() == null
        ? List.of(all)
        : List.of(all, new Key(scope.owner(), scope.session(), model));
  }

  private Segment segment(Tx tx, Key key, int dimensions) throws SQLException {
    State now = state(tx, key);
    @Nullable Segment before = kept(key);
    if (before != null && before.dimensions == dimensions && before.state.equals(now)) {
      return before;
    }
    if (before != null && before.dimensions == dimensions && before.state.count < now.count) {
      List<Row> more = rows(tx, key, before.lastId);
      long sum = before.state.sum + more.stream().mapToLong(row -> row.id).sum();
      if (new State(before.state.count + more.size(), sum).equals(now)) {
        return keep(key, new Segment(now, before, more));
      }
    }
    List<Row> all = rows(tx, key, 0);
    return keep(key, new Segment(now, new Segment(now, dimensions), all));
  }

  private @Nullable Segment kept(Key key) {
    lock.lock();
    try {
      return kept.get(key);
    } finally {
      lock.unlock();
    }
  }

  private Segment keep(Key key, Segment segment) {
    lock.lock();
    try {
      @Nullable Segment old = kept.put(key, segment);
      bytes += segment.bytes() - (old == null ? 0 : old.bytes());
      for (Iterator<Segment> i = kept.values().iterator(); bytes > maxBytes && i.hasNext(); ) {
        bytes -= i.next().bytes();
        i.remove();
      }
    } finally {
      lock.unlock();
    }
    return segment;
  }

  private static State state(Tx tx, Key key) throws SQLException {
    return tx.one(
            "SELECT COUNT(*), COALESCE(SUM(chunk_id), 0)" + where(key),
            row -> new State(row.getLong(1), row.getLong(2)),
            args(key))
        .orElseThrow();
  }

  /** Of more than there is room for, the newest. */
  private List<Row> rows(Tx tx, Key key, long after) throws SQLException {
    List<Row> out = new ArrayList<>();
    // Half of it, so that an owner's and a session's are kept side by side.
    long[] room = {maxBytes / 2};
    @Nullable Object[] args = Arrays.copyOf(args(key), args(key).length + 1);
    args[args.length - 1] = after;
    tx.scan(
        "SELECT chunk_id, COALESCE(position, -1), vector"
            + where(key)
            + " AND chunk_id > ? ORDER BY chunk_id DESC",
        row -> {
          byte[] vector = row.getBytes(3);
          room[0] -= vector.length + BYTES_AROUND;
          if (room[0] >= 0) {
            out.add(new Row(row.getLong(1), row.getInt(2), vector));
          }
          return room[0] > 0;
        },
        args);
    return out.reversed();
  }

  private static String where(Key key) {
    return " FROM chunk_vector WHERE tenant = ? AND owner = ? AND session_id "
        + (key.session == null ? "IS NULL" : "= ?")
        + " AND model = ?";
  }

  private static @Nullable Object[] args(Key key) {
    return key.session == null
        ? new @Nullable Object[] {key.owner.tenant(), key.owner.owner(), key.model}
        : new @Nullable Object[] {key.owner.tenant(), key.owner.owner(), key.session, key.model};
  }

  /** The best of many, kept in order: they are few, and most of those offered are worse. */
  private static final class Nearest {
    private final long[] ids;
    private final float[] cosines;
    private int count;

    Nearest(int limit) {
      ids = new long[limit];
      cosines = new float[limit];
    }

    void offer(long id, float cosine) {
      if (count == ids.length && cosine <= cosines[count - 1]) {
        return;
      }
      int at = count < ids.length ? count++ : count - 1;
      for (; at > 0 && cosines[at - 1] < cosine; at--) {
        ids[at] = ids[at - 1];
        cosines[at] = cosines[at - 1];
      }
      ids[at] = id;
      cosines[at] = cosine;
    }

    List<Long> ids() {
      return Arrays.stream(ids, 0, count).boxed().toList();
    }
  }
}

package dev.perdure.retrieval;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.db.Tx;
import java.sql.SQLException;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Which messages of a session are on the branch of one: its parent, and so on to the first. What
 * was said before a message was edited, or a reply written again, was not said. Thread-safe.
 *
 * <p>A message's parent never changes and ids are never used again, so what was found once stays
 * true. Of each session the branch that was asked for last is kept; the next question mostly is a
 * few messages further on.
 */
final class Ancestry {
  /** Sessions whose branch is kept: a bit for each message of a session. */
  private static final int MAX_KEPT = 2_000;

  /** Messages that are looked up one by one before all of them are read. */
  private static final int STEPS = 16;

  private record Known(String leaf, BitSet positions) {}

  private record Link(String id, @Nullable String parent, int position) {}

  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private final Map<String, Known> kept =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Known> eldest) {
          return size() > MAX_KEPT;
        }
      };

  /** The positions of the messages on a branch, its leaf included; not to be changed. */
  BitSet of(Tx tx, String session, String leaf) throws SQLException {
    @Nullable Known known = known(session);
    @Nullable BitSet positions = known == null ? null : further(tx, session, leaf, known);
    if (positions == null) {
      positions = read(tx, session, leaf);
    }
    keep(session, new Known(leaf, positions));
    return positions;
  }

  private @Nullable Known known(String session) {
    lock.lock();
    try {
      return kept.get(session);
    } finally {
      lock.unlock();
    }
  }

  private void keep(String session, Known known) {
    lock.lock();
    try {
      kept.put(session, known);
    } finally {
      lock.unlock();
    }
  }

  /** A branch that goes on where a known one ended; null if it does not. */
  private static @Nullable BitSet further(Tx tx, String session, String leaf, Known known)
      throws SQLException {
    BitSet more = new BitSet();
    @Nullable String at = leaf;
    for (int step = 0; at != null && step < STEPS; step++) {
      if (at.equals(known.leaf)) {
        if (more.isEmpty()) {
          return known.positions;
        }
        more.or(known.positions);
        return more;
      }
      @Nullable Link link =
          tx.one(
                  """
                  SELECT id, parent_id, position FROM message WHERE id = ? AND session_id = ?\
                  """,
                  row -> new Link(row.getString(1), row.getString(2), row.getInt(3)),
                  at,
                  session)
              .orElse(null);
      if (link == null) {
        return null;
      }
      more.set(link.position);
      at = link.parent;
    }
    return null;
  }

  /** One pass from the newest to the oldest: a parent always stands before its children. */
  private static BitSet read(Tx tx, String session, String leaf) throws SQLException {
    BitSet positions = new BitSet();
    @Nullable String[] wanted = {leaf};
    tx.scan(
        """
        SELECT id, parent_id, position FROM message
         WHERE session_id = ?
           AND position <= (SELECT position FROM message WHERE id = ? AND session_id = ?)
         ORDER BY position DESC\
        """,
        row -> {
          if (row.getString(1).equals(wanted[0])) {
            positions.set(row.getInt(3));
            wanted[0] = row.getString(2);
          }
          return wanted[0] != null;
        },
        session,
        leaf,
        session);
    return positions;
  }
}

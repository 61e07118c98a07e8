package dev.perdure.context;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.chat.Turn;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Sessions whose older messages could not be summed up a short while ago: the next turns do without
 * and do not wait for the same failure. Kept by this process only. Thread-safe.
 */
final class Setbacks {
  /** For so many turns, the one that failed included, it is not tried again. */
  private static final int TURNS = 5;

  private static final int MAX_KEPT = 10_000;

  private final ReentrantLock lock = new ReentrantLock();

  /** The position of the turn that failed, by session. */
  @GuardedBy("lock")
  private final Map<String, Long> failed =
      new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Long> eldest) {
          return size() > MAX_KEPT;
        }
      };

  void add(Turn turn) {
    lock.lock();
    try {
      failed.put(turn.session(), turn.position());
    } finally {
      lock.unlock();
    }
  }

  /** Whether a turn is too soon behind a failure. */
  boolean of(Turn turn) {
    lock.lock();
    try {
      @Nullable Long at = failed.get(turn.session());
      if (at != null && turn.position() >= at + TURNS) {
        failed.remove(turn.session());
        return false;
      }
      return at != null;
    } finally {
      lock.unlock();
    }
  }
}

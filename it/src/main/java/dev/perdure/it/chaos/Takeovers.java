package dev.perdure.it.chaos;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How long the turns of a killed node wait for another one: from the kill until the row says that
 * somebody has claimed the turn. Thread-safe.
 */
final class Takeovers {
  private static final long POLL_MILLIS = 10;

  /** A node that comes back to its own file has to start first. */
  private static final long PATIENCE_MILLIS = 60_000;

  private final String url;

  @GuardedBy("this")
  private final List<Long> times = new ArrayList<>();

  /** The longest of each kill. */
  @GuardedBy("this")
  private final List<Long> longest = new ArrayList<>();

  @GuardedBy("this")
  private final List<Thread> watchers = new ArrayList<>();

  Takeovers(String url) {
    this.url = url;
  }

  /** What a node held just before something happened to it: epochs by turn. */
  static final class Before {
    private final Map<String, Long> epochs;

    private Before(Map<String, Long> epochs) {
      this.epochs = epochs;
    }

    int count() {
      return epochs.size();
    }
  }

  Before before(Node node) {
    Map<String, Long> epochs = new HashMap<>();
    @Nullable String id = node.id();
    if (id != null) {
      try (Archive archive = new Archive(url)) {
        archive.list(
            "SELECT id, epoch FROM turn WHERE node_id = ? AND state = 'running'",
            row -> epochs.put(row.getString(1), row.getLong(2)),
            id);
      } catch (IllegalStateException e) {
        // The database is away: this takeover is not measured.
        epochs.clear();
      }
    }
    return new Before(epochs);
  }

  /** The node has just been killed: measures until all of its turns are somebody's again. */
  void after(Before before) {
    long killed = System.nanoTime();
    Thread watcher =
        Thread.ofVirtual()
            .name("takeover")
            .start(() -> watch(new HashMap<>(before.epochs), killed));
    synchronized (this) {
      watchers.add(watcher);
    }
  }

  private void watch(Map<String, Long> waiting, long killedNanos) {
    long[] last = {-1};
    try {
      while (!waiting.isEmpty() && millisSince(killedNanos) < PATIENCE_MILLIS) {
        Thread.sleep(POLL_MILLIS);
        look(waiting, killedNanos, last);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (last[0] >= 0) {
      synchronized (this) {
        longest.add(last[0]);
      }
    }
  }

  /** A turn's row. */
  private record Now(String turn, long epoch, boolean ended) {}

  private void look(Map<String, Long> waiting, long killedNanos, long[] last)
      throws InterruptedException {
    try (Archive archive = new Archive(url)) {
      while (!waiting.isEmpty() && millisSince(killedNanos) < PATIENCE_MILLIS) {
        String[] ids = waiting.keySet().toArray(String[]::new);
        String places = String.join(", ", Collections.nCopies(ids.length, "?"));
        List<Now> all =
            archive.list(
                "SELECT id, epoch, ended_at IS NOT NULL FROM turn WHERE id IN (" + places + ")",
                row -> new Now(row.getString(1), row.getLong(2), row.getBoolean(3)),
                ids);
        long millis = millisSince(killedNanos);
        for (Now now : all) {
          if (now.epoch > waiting.getOrDefault(now.turn, Long.MAX_VALUE)) {
            waiting.remove(now.turn);
            claimed(millis);
            last[0] = millis;
          } else if (now.ended) {
            // In the instant before the kill.
            waiting.remove(now.turn);
          }
        }
        Thread.sleep(POLL_MILLIS);
      }
    } catch (IllegalStateException e) {
      // The database is away; the next look may find it.
    }
  }

  private static long millisSince(long nanos) {
    return (System.nanoTime() - nanos) / 1_000_000;
  }

  private synchronized void claimed(long millis) {
    times.add(millis);
  }

  /** Waits until nothing is being measured. */
  void await() throws InterruptedException {
    List<Thread> all;
    synchronized (this) {
      all = List.copyOf(watchers);
    }
    for (Thread one : all) {
      one.join();
    }
  }

  /** The time of each turn in milliseconds, in order. */
  synchronized long[] times() {
    return sorted(times);
  }

  /** The time of the last turn of each kill in milliseconds, in order. */
  synchronized long[] longest() {
    return sorted(longest);
  }

  private static long[] sorted(List<Long> values) {
    return values.stream().mapToLong(Long::longValue).sorted().toArray();
  }
}

package dev.perdure.server.http;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.chat.Caller;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Counts the streams, long polls and waiting requests of each caller and can ask all of them to
 * leave. Thread-safe.
 *
 * <p>A client that has vanished is noticed only when something is written to it, so its place may
 * be taken for as long as a heartbeat. Whoever finds no place therefore nudges the others first:
 * each writes at once, and those that write to nobody go.
 */
final class OpenStreams {
  /** Between two nudges: the first write to a closed socket succeeds, the next one fails. */
  private static final long NUDGE_MILLIS = 100;

  /** How often the others are nudged before a caller is refused. */
  private static final int NUDGES = 3;

  private final int perCaller;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition freed = lock.newCondition();

  @GuardedBy("lock")
  private final Map<Caller, Integer> counts = new HashMap<>();

  @GuardedBy("lock")
  private final Set<Place> places = new HashSet<>();

  OpenStreams(int perCaller) {
    this.perCaller = perCaller;
  }

  /**
   * Takes a place; give it back by closing it.
   *
   * @throws PerdureException TOO_MANY_STREAMS
   */
  Place take(Caller caller) throws InterruptedException {
    lock.lock();
    try {
      int nudges = 0;
      while (counts.getOrDefault(caller, 0) >= perCaller) {
        if (nudges++ == NUDGES) {
          throw new PerdureException(
              ErrorCode.TOO_MANY_STREAMS,
              "You have "
                  + perCaller
                  + " streams open on this server, which is the most. Close some, or follow all"
                  + " turns over one with GET /v1/inbox/events.");
        }
        places.stream().filter(place -> place.caller.equals(caller)).forEach(Place::nudge);
        // Timed out or not, the count is looked at again.
        boolean _ = freed.await(NUDGE_MILLIS, TimeUnit.MILLISECONDS);
      }
      counts.merge(caller, 1, Integer::sum);
      Place place = new Place(caller);
      places.add(place);
      Http2Work.becomesStream();
      return place;
    } finally {
      lock.unlock();
    }
  }

  int open() {
    lock.lock();
    try {
      return places.size();
    } finally {
      lock.unlock();
    }
  }

  int open(Caller caller) {
    lock.lock();
    try {
      return counts.getOrDefault(caller, 0);
    } finally {
      lock.unlock();
    }
  }

  /** Asks every stream that is open now to end; those opened later are not concerned. */
  void askToLeave() {
    List<Place> now;
    lock.lock();
    try {
      now = List.copyOf(places);
    } finally {
      lock.unlock();
    }
    now.forEach(Place::askToLeave);
  }

  private void giveBack(Place place) {
    lock.lock();
    try {
      if (places.remove(place)) {
        counts.computeIfPresent(place.caller, (key, count) -> count == 1 ? null : count - 1);
        freed.signalAll();
      }
    } finally {
      lock.unlock();
    }
  }

  /** The place of one stream. */
  final class Place implements AutoCloseable {
    private final Caller caller;
    private volatile boolean leaving;
    private volatile boolean nudged;
    private volatile Runnable wake = () -> {};

    private Place(Caller caller) {
      this.caller = caller;
    }

    /** Sets what ends the stream's present wait; it must not block. */
    void onWake(Runnable wakeUp) {
      wake = wakeUp;
      if (leaving || nudged) {
        wakeUp.run();
      }
    }

    /** Whether the stream has been asked to end. */
    boolean leaving() {
      return leaving;
    }

    /** Whether the stream is to write something now; false again afterwards. */
    boolean takeNudge() {
      boolean was = nudged;
      nudged = false;
      return was;
    }

    private void nudge() {
      nudged = true;
      wake.run();
    }

    /** Asks this stream to end. */
    void askToLeave() {
      leaving = true;
      wake.run();
    }

    @Override
    public void close() {
      giveBack(this);
    }
  }
}

package dev.perdure.server.http;

import dev.perdure.chat.Caller;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Counts the streams, long polls and waiting requests of each caller and can ask all of them to
 * leave. Thread-safe.
 */
final class OpenStreams {
  private final int perCaller;
  private final ConcurrentHashMap<Caller, Integer> counts = new ConcurrentHashMap<>();
  private final Set<Place> places = ConcurrentHashMap.newKeySet();

  OpenStreams(int perCaller) {
    this.perCaller = perCaller;
  }

  /**
   * Takes a place; give it back by closing it.
   *
   * @throws PerdureException TOO_MANY_STREAMS
   */
  Place take(Caller caller) {
    counts.compute(
        caller,
        (key, count) -> {
          int now = count == null ? 0 : count;
          if (now >= perCaller) {
            throw new PerdureException(
                ErrorCode.TOO_MANY_STREAMS,
                "You have "
                    + now
                    + " streams open on this server, which is the most. Close some, or follow all"
                    + " turns over one with GET /v1/inbox/events.");
          }
          return now + 1;
        });
    Place place = new Place(caller);
    places.add(place);
    return place;
  }

  int open() {
    return places.size();
  }

  int open(Caller caller) {
    return counts.getOrDefault(caller, 0);
  }

  /** Asks every stream that is open now to end; those opened later are not concerned. */
  void askToLeave() {
    places.forEach(Place::askToLeave);
  }

  /** The place of one stream. */
  final class Place implements AutoCloseable {
    private final Caller caller;
    private volatile boolean leaving;
    private volatile Runnable wake = () -> {};

    private Place(Caller caller) {
      this.caller = caller;
    }

    /** Sets what ends the stream's present wait. */
    void onLeave(Runnable wakeUp) {
      wake = wakeUp;
      if (leaving) {
        wakeUp.run();
      }
    }

    /** Whether the stream has been asked to end. */
    boolean leaving() {
      return leaving;
    }

    private void askToLeave() {
      leaving = true;
      wake.run();
    }

    @Override
    public void close() {
      if (places.remove(this)) {
        counts.computeIfPresent(caller, (key, count) -> count == 1 ? null : count - 1);
      }
    }
  }
}

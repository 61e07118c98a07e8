package dev.perdure.server.durablestreams;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.server.http.Projection;
import java.util.ArrayList;
import java.util.List;

/**
 * The messages of a stream in JSON mode: the data of the frames that a projection writes. Used by
 * one thread.
 */
final class Items {
  private final Projection projection;
  private final long after;
  private long last = Offset.START;
  private boolean closed;

  /**
   * @param after only events with a greater sequence number are told
   */
  Items(Projection projection, long after) {
    this.projection = projection;
    this.after = after;
  }

  /** The messages of the next event; none if it is not behind the offset. */
  List<String> of(long seq, TurnEvent event) {
    List<String> items = new ArrayList<>();
    Projection.Out out = seq > after ? new Collected(items) : Projection.Out.NOWHERE;
    Projection.Then _ = projection.apply(seq, event, out);
    last = seq;
    closed = event instanceof TurnEnded;
    return items;
  }

  private record Collected(List<String> items) implements Projection.Out {
    @Override
    public void data(byte[] data) {
      items.add(new String(data, UTF_8));
    }

    /** A closed stream says it. */
    @Override
    public void done() {}

    @Override
    public void passing(String name, byte[] data) {
      data(data);
    }
  }

  /** The sequence number of the last event read, or the offset if that is greater. */
  long next() {
    return Math.max(last, after);
  }

  boolean closed() {
    return closed;
  }
}

package dev.perdure.server.durablestreams;

import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.server.http.FrameBuffer;
import dev.perdure.server.http.Projection;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The messages of a stream in JSON mode: the data of the frames that a projection writes. Used by
 * one thread.
 */
final class Items {
  /** The AI SDK's mark of the end, which is no JSON; a closed stream says the same. */
  private static final String DONE = "[DONE]";

  private final Projection projection;
  private final long after;
  private final FrameBuffer frames = new FrameBuffer();
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
    Projection.Then _ = projection.apply(seq, event, frames);
    last = seq;
    closed = event instanceof TurnEnded;
    List<String> items = new ArrayList<>();
    if (seq > after) {
      frames.eachData((bytes, from, to) -> {
        String item = new String(bytes, from, to - from, StandardCharsets.UTF_8);
        if (!item.equals(DONE)) {
          items.add(item);
        }
      });
    }
    frames.clear();
    return items;
  }

  /** The sequence number of the last event read, or the offset if that is greater. */
  long next() {
    return Math.max(last, after);
  }

  boolean closed() {
    return closed;
  }
}

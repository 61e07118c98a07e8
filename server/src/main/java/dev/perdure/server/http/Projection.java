package dev.perdure.server.http;

import dev.perdure.protocol.TurnEvent;

/**
 * A turn's log in the words of another protocol: a state machine that is given every event from the
 * first on. What it writes depends on the events alone, so that a replay of the log, on whatever
 * node, gives the same bytes. One for each stream; used by one thread.
 */
@FunctionalInterface
public interface Projection {
  /** Writes the frames of one event. */
  Then apply(long seq, TurnEvent event, FrameBuffer out);

  /** What becomes of the stream behind the frames of an event. */
  enum Then {
    GO_ON,
    /** It cannot go on: the connection is to be cut. */
    CUT,
    /** It is whole, although the turn is not over: its protocol has the client speak next. */
    END
  }
}

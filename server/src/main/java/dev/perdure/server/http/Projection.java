package dev.perdure.server.http;

import dev.perdure.protocol.TurnEvent;

/**
 * A turn's log in the words of another protocol: a state machine that is given every event from the
 * first on. What it writes depends on the events alone, so that a replay of the log, on whatever
 * node, gives the same bytes. One for each stream; used by one thread.
 */
@FunctionalInterface
public interface Projection {
  /**
   * Writes the frames of one event.
   *
   * @return false if the stream cannot go on, so that the connection is to be cut behind these
   *     frames
   */
  boolean apply(long seq, TurnEvent event, FrameBuffer out);
}

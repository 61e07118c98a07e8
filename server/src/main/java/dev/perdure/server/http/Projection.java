package dev.perdure.server.http;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.perdure.protocol.TurnEvent;

/**
 * A turn's log in the words of another protocol: a state machine that is given every event from the
 * first on. What it writes depends on the events alone, so that a replay of the log, on whatever
 * node, gives the same bytes. One for each stream; used by one thread.
 */
@FunctionalInterface
public interface Projection {
  /** Writes the frames of one event. */
  Then apply(long seq, TurnEvent event, Out out);

  /** Takes what a projection writes; the arrays are given away. */
  interface Out {
    /** For what is projected only to know the state behind it. */
    Out NOWHERE =
        new Out() {
          @Override
          public void data(byte[] data) {}

          @Override
          public void passing(String name, byte[] data) {}
        };

    /** The data of a frame without a name. */
    void data(byte[] data);

    /** The end of what the protocol has to say; in an event stream a frame that is no JSON. */
    default void done() {
      data("[DONE]".getBytes(US_ASCII));
    }

    /** The data of a frame with a name, which goes without saying where there are no names. */
    void passing(String name, byte[] data);
  }

  /** What becomes of the stream behind the frames of an event. */
  enum Then {
    GO_ON,
    /** It cannot go on: the connection is to be cut. */
    CUT,
    /** It is whole, although the turn is not over: its protocol has the client speak next. */
    END
  }
}

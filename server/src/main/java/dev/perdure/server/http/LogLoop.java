package dev.perdure.server.http;

import dev.perdure.chat.Conversations;
import dev.perdure.chat.Turn;
import dev.perdure.log.Follower;
import dev.perdure.log.Follower.Batch;
import dev.perdure.log.Follower.Condition;
import dev.perdure.log.Follower.Status;
import dev.perdure.log.LogSlices;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;

/**
 * From the log of a turn to a socket: what comes is framed and written at once, silence is filled
 * with comments, and the end says why it has come. Thread-safe; each run is one loop on the thread
 * of its request.
 */
final class LogLoop {
  private static final Logger LOG = System.getLogger(LogLoop.class.getName());

  /** Silent heartbeats between looks at whether the turn still exists. */
  private static final int BEATS_PER_CHECK = 4;

  private final Conversations conversations;
  private final InstantSource clock;

  LogLoop(Conversations conversations, InstantSource clock) {
    this.conversations = conversations;
    this.clock = clock;
  }

  /** Why a loop is over. */
  enum End {
    /** The last event was written. */
    TURN_ENDED,
    /** The node drains, the log cannot be read or is gone, or the framer wants no more. */
    CUT_SHORT,
    /** The stream has lasted as long as it may. */
    AGED
  }

  /** Where frames go. */
  interface Out {
    /** Sends what the buffer holds and clears it. */
    void write(FrameBuffer buffer) throws IOException;
  }

  /** Turns lines of the log into frames. */
  interface Framer {
    /**
     * @return whether the stream can go on
     */
    boolean frame(long seq, byte[] payload, int from, int to, FrameBuffer out);

    /** Says, where the protocol has words for it, that the log is doing better or worse. */
    void condition(Condition now, FrameBuffer out);

    /** Says nothing, so that what is in between sees that the connection lives. */
    default void silence(FrameBuffer out) {
      out.comment();
    }
  }

  /**
   * Runs until the turn's end, or whatever comes before. Where a write waits for its reader, this
   * holds the frames of that write and no block of the log.
   *
   * @param atMost how long
   */
  End run(
      Exchange exchange,
      Turn turn,
      OpenStreams.Place place,
      Follower follower,
      Out out,
      Framer framer,
      Duration atMost)
      throws IOException, InterruptedException {
    FrameBuffer frames = new FrameBuffer();
    Duration heartbeat = exchange.limits().stream().heartbeat();
    long until = clock.millis() + atMost.toMillis();
    int silent = 0;
    Condition told = Condition.WELL;
    LogSlices slices = new LogSlices(follower);
    // Whoever comes while the node drains gets something all the same, so that it comes on.
    for (boolean any = false; !any || !place.leaving(); any = true) {
      long left = until - clock.millis();
      if (left <= 0) {
        return End.AGED;
      }
      Condition now = follower.condition();
      if (now != told) {
        told = now;
        framer.condition(now, frames);
        if (!frames.isEmpty()) {
          out.write(frames);
        }
      }
      long wait = place.leaving() ? 0 : Math.min(left, heartbeat.toMillis());
      Slice slice = slice(turn, follower, slices, framer, frames, Duration.ofMillis(wait));
      switch (slice.status) {
        case DATA -> {
          silent = 0;
          if (!frames.isEmpty()) {
            out.write(frames);
          }
          if (!slice.goesOn) {
            return End.CUT_SHORT;
          }
        }
        case IDLE -> {
          if (place.leaving()) {
            return End.CUT_SHORT;
          }
          if (follower.condition() != told) {
            continue;
          }
          framer.silence(frames);
          out.write(frames);
          if (++silent % BEATS_PER_CHECK == 0 && !exists(exchange, turn)) {
            return End.CUT_SHORT;
          }
        }
        case ENDED -> {
          return End.TURN_ENDED;
        }
        case CLOSED, EXPIRED -> {
          return End.CUT_SHORT;
        }
      }
    }
    return End.CUT_SHORT;
  }

  /** What a follower has brought, without its blocks. */
  private record Slice(Status status, boolean goesOn) {}

  private static Slice slice(
      Turn turn,
      Follower follower,
      LogSlices slices,
      Framer framer,
      FrameBuffer frames,
      Duration atMost)
      throws InterruptedException {
    long before = follower.position();
    Batch batch = next(turn, follower, atMost);
    boolean[] goesOn = {true};
    slices.take(
        batch,
        before,
        (seq, payload, from, to) -> {
          goesOn[0] = framer.frame(seq, payload, from, to, frames);
          return goesOn[0] && frames.length() < SseOut.SLICE_BYTES;
        });
    return new Slice(batch.status(), goesOn[0]);
  }

  /** A log that cannot be read now ends the stream, so that the client comes again. */
  private static Batch next(Turn turn, Follower follower, Duration atMost)
      throws InterruptedException {
    try {
      return follower.next(atMost);
    } catch (PerdureException e) {
      LOG.log(
          Level.WARNING,
          "The log of turn {0} cannot be read: {1} Its stream ends; the client will reconnect.",
          turn.id(),
          e.getMessage());
      return new Batch(Status.CLOSED, List.of());
    }
  }

  private boolean exists(Exchange exchange, Turn turn) {
    try {
      conversations.turn(exchange.caller(), turn.id());
      return true;
    } catch (PerdureException e) {
      return e.code() != ErrorCode.NOT_FOUND;
    }
  }
}

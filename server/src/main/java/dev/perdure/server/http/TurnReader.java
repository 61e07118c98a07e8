package dev.perdure.server.http;

import dev.perdure.log.Follower;
import dev.perdure.log.Follower.Batch;
import dev.perdure.log.Follower.Status;
import dev.perdure.log.LogBlock;
import dev.perdure.log.LogLines;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnEventCodec;
import dev.perdure.protocol.TurnFold;
import java.time.Duration;
import java.time.InstantSource;
import org.jspecify.annotations.Nullable;

/** Reads logs into folds by way of their followers. Thread-safe, without state of its own. */
final class TurnReader {
  /** How long the end of a turn may take to get from the node that wrote it to this one. */
  private static final Duration END_VISIBLE = Duration.ofSeconds(10);

  private final TurnLog log;
  private final InstantSource clock;

  TurnReader(TurnLog log, InstantSource clock) {
    this.log = log;
    this.clock = clock;
  }

  /**
   * What a log holds.
   *
   * @param end why reading stopped: IDLE at the tail of a live turn, ENDED, EXPIRED or CLOSED
   */
  record Reading(TurnFold fold, Status end) {}

  /**
   * Reads all that there is. A log has its first event from the moment at which its turn exists, so
   * a log in which nothing is to be seen is one that cannot be read.
   *
   * @throws PerdureException DATABASE_UNAVAILABLE if nothing can be read, DRAINING if this node
   *     stops to read
   */
  Reading read(String turn) throws InterruptedException {
    try (Follower follower = log.follow(turn, -1)) {
      Reading reading = notStopped(turn, read(follower));
      if (reading.end() == Status.IDLE && reading.fold().seq() < 0) {
        throw new PerdureException(
            ErrorCode.DATABASE_UNAVAILABLE,
            "The log of turn '" + turn + "' cannot be read now. Try again.");
      }
      return reading;
    }
  }

  /** Reads all that there is with a follower at its start, which then stands behind it. */
  static Reading read(Follower follower) throws InterruptedException {
    TurnFold fold = new TurnFold();
    while (true) {
      Batch batch = follower.next(Duration.ZERO);
      if (batch.status() != Status.DATA) {
        return new Reading(fold, batch.status());
      }
      apply(batch, fold);
    }
  }

  /**
   * Reads the log of a turn whose row says that it is over. Where another node has ended it, this
   * node's view of the log may be a moment behind.
   *
   * @throws PerdureException DATABASE_UNAVAILABLE if the end cannot be read, DRAINING if this node
   *     stops to read
   */
  Reading readEnded(String turn) throws InterruptedException {
    Reading reading = notStopped(turn, await(turn, END_VISIBLE, null));
    if (reading.end() == Status.IDLE) {
      throw new PerdureException(
          ErrorCode.DATABASE_UNAVAILABLE,
          "The log of turn '" + turn + "' cannot be read to its end now. Try again.");
    }
    return reading;
  }

  /** What was read before the node stopped is not what the log holds. */
  private static Reading notStopped(String turn, Reading reading) {
    if (reading.end() == Status.CLOSED) {
      throw new PerdureException(
          ErrorCode.DRAINING,
          "The server is stopping and cannot read the log of turn '" + turn + "'. Try again.");
    }
    return reading;
  }

  /**
   * Reads until the turn's end, at most that long.
   *
   * @param place ends the wait when it is asked to leave; null if nobody asks
   */
  Reading await(String turn, Duration atMost, OpenStreams.@Nullable Place place)
      throws InterruptedException {
    long deadline = clock.millis() + atMost.toMillis();
    TurnFold fold = new TurnFold();
    try (Follower follower = log.follow(turn, -1)) {
      if (place != null) {
        place.onWake(follower::wake);
      }
      while (true) {
        boolean leaving = place != null && place.leaving();
        long left = leaving ? 0 : Math.max(0, deadline - clock.millis());
        Batch batch = follower.next(Duration.ofMillis(left));
        if (batch.status() == Status.DATA) {
          apply(batch, fold);
        } else if (batch.status() != Status.IDLE || left == 0) {
          return new Reading(fold, batch.status());
        }
      }
    }
  }

  private static void apply(Batch batch, TurnFold fold) {
    for (LogBlock block : batch.blocks()) {
      LogLines.after(
          block,
          fold.seq(),
          (seq, payload, from, to) ->
              fold.apply(seq, TurnEventCodec.decode(payload, from, to - from).event()));
    }
  }
}

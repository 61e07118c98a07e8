package dev.perdure.server.http;

import dev.perdure.log.Follower;
import dev.perdure.log.Follower.Batch;
import dev.perdure.log.Follower.Status;
import dev.perdure.log.LogBlock;
import dev.perdure.log.LogLines;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.TurnEventCodec;
import dev.perdure.protocol.TurnFold;
import java.time.Duration;
import java.time.InstantSource;

/** Reads logs into folds by way of their followers. Thread-safe, without state of its own. */
final class TurnReader {
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

  /** Reads all that there is. */
  Reading read(String turn) throws InterruptedException {
    try (Follower follower = log.follow(turn, -1)) {
      return read(follower);
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
   * Reads until the turn's end, at most that long.
   *
   * @param place ends the wait when it is asked to leave
   */
  Reading await(String turn, Duration atMost, OpenStreams.Place place) throws InterruptedException {
    long deadline = clock.millis() + atMost.toMillis();
    TurnFold fold = new TurnFold();
    try (Follower follower = log.follow(turn, -1)) {
      place.onLeave(follower::wake);
      while (true) {
        long left = place.leaving() ? 0 : Math.max(0, deadline - clock.millis());
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

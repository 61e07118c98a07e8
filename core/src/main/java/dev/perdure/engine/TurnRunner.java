package dev.perdure.engine;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.chat.Endings;
import dev.perdure.chat.Turn;
import dev.perdure.db.Tx;
import dev.perdure.engine.LaneControl.Stop;
import dev.perdure.engine.TurnQueue.Claim;
import dev.perdure.engine.TurnQueue.Intents;
import dev.perdure.engine.TurnQueue.LaneIntent;
import dev.perdure.engine.TurnQueue.Work;
import dev.perdure.log.FencedException;
import dev.perdure.log.TurnWriter;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.protocol.TurnFold.TurnSnapshot;
import dev.perdure.protocol.TurnState;
import dev.perdure.testing.FaultPoints.Point;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One claimed turn from here to its end: opens the log, runs what lanes are open, obeys intents,
 * and commits the one terminal state. Runs on a virtual thread of its own; {@link #intentsChanged}
 * and {@link #release} are for other threads.
 *
 * <p>The last lane to be started runs on the turn's own thread, so that a turn with one lane costs
 * one thread.
 */
final class TurnRunner {
  private static final Logger LOG = System.getLogger(TurnRunner.class.getName());

  /** The reasons of an attempt that is not a retry of a failure. */
  static final String TAKEOVER = "takeover";

  static final String RETRY = "retry";

  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);

  private final EngineParts parts;
  private final EngineMetrics metrics;
  private final TurnQueue queue;
  private final Claim claim;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /** Reached by {@link #release} and {@link #intentsChanged}; pauses of the turn itself too. */
  private final LaneControl self = new LaneControl();

  @GuardedBy("lock")
  private final Map<Integer, LaneControl> atWork = new HashMap<>();

  @GuardedBy("lock")
  private final Set<Integer> retries = new HashSet<>();

  @GuardedBy("lock")
  private boolean cancelled;

  @GuardedBy("lock")
  private boolean timedOut;

  @GuardedBy("lock")
  private boolean released;

  TurnRunner(EngineParts parts, EngineMetrics metrics, TurnQueue queue, Claim claim) {
    this.parts = parts;
    this.metrics = metrics;
    this.queue = queue;
    this.claim = claim;
  }

  Claim claim() {
    return claim;
  }

  /** Lets the turn go: lanes stop at once and nothing more is written. Idempotent. */
  void release() {
    stopAll(Stop.RELEASED);
  }

  /** Reads the turn's intents again and obeys them; for a thread that may block. */
  void intentsChanged() {
    @Nullable Intents intents = queue.intents(claim).orElse(null);
    if (intents == null) {
      release();
      return;
    }
    if (intents.cancelled()) {
      stopAll(Stop.CANCELLED);
    }
    lock.lock();
    try {
      for (Map.Entry<Integer, LaneIntent> lane : intents.lanes().entrySet()) {
        @Nullable LaneControl control = atWork.get(lane.getKey());
        if (control != null && lane.getValue().cancelled()) {
          control.stop(Stop.CANCELLED);
        }
        if (control == null && lane.getValue().retry()) {
          retries.add(lane.getKey());
          changed.signalAll();
        }
      }
    } finally {
      lock.unlock();
    }
  }

  private void stopAll(Stop why) {
    lock.lock();
    try {
      switch (why) {
        case CANCELLED -> cancelled = true;
        case TIMED_OUT -> timedOut = true;
        case RELEASED -> released = true;
        case NONE -> throw new IllegalArgumentException("No reason to stop");
      }
      atWork.values().forEach(control -> control.stop(why));
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (why == Stop.RELEASED) {
      self.stop(why);
    }
  }

  /** Runs the turn to its end, or until it is let go. */
  void run() {
    Timers.Cancellable limit = parts.timers().after(parts.config().turnTimeLimit(), this::timeOut);
    try {
      @Nullable TurnWriter writer =
          persistently(() -> parts.log().openWriter(claim.turn(), claim.epoch(), this::release));
      if (writer != null) {
        try (writer) {
          run(writer);
        }
      }
    } catch (FencedException e) {
      LOG.log(Level.INFO, e.getMessage());
    } finally {
      limit.cancel();
    }
  }

  /** On the timer's thread, which must not block: closing a stream may. */
  private void timeOut() {
    Thread.ofVirtual().name("timeout-" + claim.turn()).start(() -> stopAll(Stop.TIMED_OUT));
  }

  private void run(TurnWriter writer) {
    @Nullable Work work = persistently(() -> queue.work(claim).orElse(null));
    if (work == null) {
      return;
    }
    Turn turn = work.turn();
    Intents intents = work.intents();
    if (intents.crashes() > parts.config().maxCrashes()) {
      giveUp(writer, intents.crashes());
    } else {
      runLanes(turn, writer, intents);
    }
    if (isReleased()) {
      return;
    }
    TurnSnapshot now = writer.snapshot();
    end(writer, outcome(now), error(now));
  }

  private void giveUp(TurnWriter writer, long crashes) {
    TurnError error =
        new TurnError(
            ErrorCode.CRASH_LOOP.wire(),
            "The server died " + crashes + " times while it worked on this turn; it is given up.",
            false);
    for (LaneSnapshot lane : writer.snapshot().lanes()) {
      if (!lane.state().terminal()) {
        writer.append(new LaneEnded(lane.lane(), LaneState.FAILED, null, error));
      }
    }
  }

  private void runLanes(Turn turn, TurnWriter writer, Intents intents) {
    Map<Integer, @Nullable String> open = new HashMap<>();
    for (LaneSnapshot lane : writer.snapshot().lanes()) {
      if (!lane.state().terminal()) {
        open.put(lane.lane(), lane.attempt() > 0 ? TAKEOVER : null);
      }
    }
    boolean many = turn.lanes().size() > 1;
    if (!many) {
      open.forEach((lane, reason) -> runLane(turn, lane, writer, reason, intents));
      return;
    }
    open.forEach((lane, reason) -> fork(turn, lane, writer, reason, intents));
    intentsChanged();
    while (true) {
      Set<Integer> again = awaitLanes();
      for (int lane : again) {
        @Nullable Boolean reopened = persistently(() -> queue.reopenLane(claim, lane));
        if (Boolean.TRUE.equals(reopened)) {
          fork(turn, lane, writer, RETRY, intents);
        }
      }
      if (again.isEmpty()) {
        @Nullable Boolean closed = persistently(() -> queue.close(claim));
        if (closed == null || closed) {
          return;
        }
        intentsChanged();
      }
    }
  }

  /** Waits until a retry is asked for, or no lane is at work; returns the retries to take up. */
  private Set<Integer> awaitLanes() {
    lock.lock();
    try {
      while (!atWork.isEmpty() && (released || atWork.keySet().containsAll(retries))) {
        changed.awaitUninterruptibly();
      }
      retries.removeAll(atWork.keySet());
      Set<Integer> again = released ? Set.of() : Set.copyOf(retries);
      retries.clear();
      return again;
    } finally {
      lock.unlock();
    }
  }

  private void fork(
      Turn turn, int lane, TurnWriter writer, @Nullable String reason, Intents intents) {
    LaneControl control = enter(lane, intents);
    Thread.ofVirtual()
        .name(claim.turn() + "/" + lane)
        .start(() -> {
          try {
            if (work(turn, lane, writer, reason, control)) {
              settle(writer, lane);
            }
          } finally {
            leave(lane);
          }
        });
  }

  private void runLane(
      Turn turn, int lane, TurnWriter writer, @Nullable String reason, Intents intents) {
    LaneControl control = enter(lane, intents);
    try {
      work(turn, lane, writer, reason, control);
    } finally {
      leave(lane);
    }
  }

  private LaneControl enter(int lane, Intents intents) {
    LaneControl control = new LaneControl();
    lock.lock();
    try {
      atWork.put(lane, control);
      @Nullable LaneIntent intent = intents.lanes().get(lane);
      if (released) {
        control.stop(Stop.RELEASED);
      } else if (cancelled || intents.cancelled() || (intent != null && intent.cancelled())) {
        control.stop(Stop.CANCELLED);
      } else if (timedOut) {
        control.stop(Stop.TIMED_OUT);
      }
      return control;
    } finally {
      lock.unlock();
    }
  }

  private void leave(int lane) {
    lock.lock();
    try {
      atWork.remove(lane);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private boolean work(
      Turn turn, int lane, TurnWriter writer, @Nullable String reason, LaneControl control) {
    try {
      return new LaneRunner(parts, metrics, queue, turn, lane, writer, control).run(reason);
    } catch (FencedException e) {
      release();
      return false;
    }
  }

  /** Stores a lane that has ended before its turn, so that listings show it. */
  private void settle(TurnWriter writer, int lane) {
    try {
      writer.awaitDurable();
      @Nullable Boolean held =
          persistently(() ->
              parts
                  .database()
                  .write(tx -> Endings.settleLane(tx, writer.snapshot(), lane, parts.nodeId())));
      if (Boolean.FALSE.equals(held)) {
        release();
      }
    } catch (FencedException e) {
      release();
    }
  }

  private boolean isReleased() {
    lock.lock();
    try {
      return released;
    } finally {
      lock.unlock();
    }
  }

  private void end(TurnWriter writer, TurnState state, @Nullable TurnError error) {
    TurnState.RUNNING.to(state);
    parts.faults().at(Point.ENDING);
    @Nullable Boolean done =
        persistently(() -> {
          writer.end(List.of(), state, error, end -> tx -> endHeld(tx, end));
          return true;
        });
    parts.faults().at(Point.ENDED);
    if (done != null) {
      metrics.ended(state);
    }
  }

  private boolean endHeld(Tx tx, TurnSnapshot end) throws SQLException {
    boolean mine = Endings.endHeld(tx, end, parts.nodeId());
    parts.faults().at(Point.ENDING_UNCOMMITTED);
    return mine;
  }

  /** A turn is completed if any lane is. */
  private static TurnState outcome(TurnSnapshot turn) {
    boolean failed = false;
    for (LaneSnapshot lane : turn.lanes()) {
      switch (lane.state()) {
        case COMPLETED -> {
          return TurnState.COMPLETED;
        }
        case FAILED -> failed = true;
        case CANCELLED -> {}
        case PENDING, STREAMING, WAITING ->
            throw new IllegalStateException(
                "Lane " + lane.lane() + " of " + turn.turn() + " is still " + lane.state());
      }
    }
    return failed ? TurnState.FAILED : TurnState.CANCELLED;
  }

  private static @Nullable TurnError error(TurnSnapshot turn) {
    if (outcome(turn) == TurnState.FAILED) {
      for (LaneSnapshot lane : turn.lanes()) {
        if (lane.state() == LaneState.FAILED) {
          return lane.error();
        }
      }
    }
    return null;
  }

  /**
   * Repeats what the database refuses for now, with growing pauses, until it works or the turn is
   * let go; the turn's text is safe in the meantime, in the log or in the writer.
   *
   * @return null if the turn was let go before
   */
  private <T> @Nullable T persistently(Callable<@Nullable T> work) {
    Duration pause = FIRST_PAUSE;
    while (self.stopped() == Stop.NONE) {
      try {
        return work.call();
      } catch (PerdureException e) {
        if (e.code() != ErrorCode.DATABASE_UNAVAILABLE) {
          throw e;
        }
        LOG.log(
            Level.WARNING,
            "Turn {0} waits for the database: {1} Next try in {2} ms.",
            claim.turn(),
            e.getMessage(),
            pause.toMillis());
        self.pause(pause, parts.timers());
        pause = pause.multipliedBy(2);
        pause = pause.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause;
      } catch (RuntimeException e) {
        throw e;
      } catch (Exception e) {
        throw new IllegalStateException("Checked exceptions do not occur here", e);
      }
    }
    return null;
  }
}

package dev.perdure.engine;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.chat.Caller;
import dev.perdure.chat.Turn;
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
import dev.perdure.protocol.TurnEvent.TurnResumed;
import dev.perdure.protocol.TurnEvent.TurnWaiting;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.protocol.TurnState;
import dev.perdure.testing.FaultPoints.Point;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
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

  private final EngineParts parts;
  private final EngineMetrics metrics;
  private final TurnQueue queue;
  private final CallGates gates;
  private final Claim claim;

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /** Reached by {@link #release} and {@link #intentsChanged}; pauses of the turn itself too. */
  private final LaneControl self = new LaneControl();

  private final Patience patience;
  private final Turnstile compactions = new Turnstile(1);

  @GuardedBy("lock")
  private final Map<Integer, LaneControl> atWork = new HashMap<>();

  @GuardedBy("lock")
  private final Set<Integer> retries = new HashSet<>();

  /** Lanes that waited and may go on. */
  @GuardedBy("lock")
  private final Set<Integer> answered = new HashSet<>();

  /** Whose turn it is, and whether it has several lanes; set before any lane runs. */
  private volatile Caller owner = new Caller("", "");

  private volatile boolean isMany;

  /** That only a newer version can read what a lane has met; null if none has. */
  private volatile @Nullable PerdureException newer;

  /** The turn at work, for the thread that reads intents; null before. */
  private volatile @Nullable TurnWriter open;

  @GuardedBy("lock")
  private boolean cancelled;

  @GuardedBy("lock")
  private boolean timedOut;

  @GuardedBy("lock")
  private boolean released;

  TurnRunner(
      EngineParts parts, EngineMetrics metrics, TurnQueue queue, CallGates gates, Claim claim) {
    this.parts = parts;
    this.metrics = metrics;
    this.queue = queue;
    this.gates = gates;
    this.claim = claim;
    this.patience = new Patience(claim.turn(), self, parts.timers());
  }

  Claim claim() {
    return claim;
  }

  /** Lets the turn go: lanes stop at once and nothing more is written. Idempotent. */
  void release() {
    stopAll(Stop.RELEASED);
  }

  /** Whether a lane waits while others are at work. */
  boolean hasWaiting() {
    return !waits().isEmpty();
  }

  /** The calls that lanes wait for which are not at work, by the lane. */
  private Map<Integer, Set<String>> waits() {
    @Nullable TurnWriter writer = open;
    Map<Integer, Set<String>> out = new HashMap<>();
    if (writer == null || !isMany) {
      return out;
    }
    for (LaneSnapshot lane : writer.snapshot().lanes()) {
      if (lane.state() == LaneState.WAITING) {
        out.put(lane.lane(), TurnWaits.of(lane).calls());
      }
    }
    return out;
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
    Map<Integer, Set<String>> waits = waits();
    Set<String> still =
        waits.isEmpty()
            ? Set.of()
            : queue.waiting(waits.values().stream().flatMap(Set::stream).toList());
    lock.lock();
    try {
      waits.forEach((lane, calls) -> {
        if (!atWork.containsKey(lane) && (intents.cancelled(lane) || !still.containsAll(calls))) {
          answered.add(lane);
          changed.signalAll();
        }
      });
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
          gates.reading(
              patience, () -> parts.log().openWriter(claim.turn(), claim.epoch(), this::release));
      if (writer != null) {
        try (writer) {
          run(writer);
        }
      }
    } catch (FencedException e) {
      LOG.log(Level.INFO, e.getMessage());
    } catch (PerdureException e) {
      if (e.isNewer() || e.code() != ErrorCode.INTERNAL || !abandoned(e)) {
        throw e;
      }
    } finally {
      limit.cancel();
    }
  }

  /** Ends a turn that no holder can read; until enough have tried, the next one may. */
  private boolean abandoned(PerdureException cause) {
    @Nullable Intents intents = patience.until(() -> queue.intents(claim).orElse(null));
    if (intents == null || intents.crashes() <= parts.config().maxCrashes()) {
      return false;
    }
    LOG.log(Level.ERROR, "Turn " + claim.turn() + " cannot be read and is given up.", cause);
    TurnError error =
        new TurnError(
            ErrorCode.INTERNAL.wire(),
            "What the server had stored of this turn cannot be read; it is given up.",
            false);
    @Nullable Boolean done = patience.until(() -> queue.abandon(claim, error));
    if (Boolean.TRUE.equals(done)) {
      metrics.ended(TurnState.FAILED);
    }
    return true;
  }

  /** On the timer's thread, which must not block: closing a stream may. */
  private void timeOut() {
    Thread.ofVirtual().name("timeout-" + claim.turn()).start(() -> stopAll(Stop.TIMED_OUT));
  }

  private void run(TurnWriter writer) {
    @Nullable Work work = gates.reading(patience, () -> queue.work(claim).orElse(null));
    if (work == null) {
      return;
    }
    Turn turn = work.turn();
    Intents intents = work.intents();
    isMany = turn.lanes().size() > 1;
    owner = intents.owner();
    open = writer;
    if (writer.snapshot().state() == TurnState.WAITING) {
      writer.append(new TurnResumed(parts.clock().millis()));
    }
    if (intents.crashes() > parts.config().maxCrashes()) {
      giveUp(writer, intents.crashes());
    } else {
      runLanes(turn, writer, intents);
    }
    @Nullable PerdureException unread = newer;
    if (unread != null) {
      throw unread;
    }
    if (isReleased()) {
      return;
    }
    TurnWaits waits = TurnWaits.of(writer.snapshot());
    if (waits.any()) {
      park(writer, waits);
    } else {
      new TurnEnding(parts, metrics, patience).end(writer);
    }
  }

  /** Lets the turn go until somebody answers, or the time comes. */
  private void park(TurnWriter writer, TurnWaits waits) {
    TurnWaiting event = new TurnWaiting(waits.kinds(), waits.untilMillis(), parts.clock().millis());
    patience.until(() -> {
      writer.park(
          event,
          now ->
              tx -> {
                boolean mine =
                    queue.park(tx, claim, waits.calls(), parts.later().limits().reminders());
                parts.faults().at(Point.PARKING);
                return mine;
              });
      return true;
    });
    parts.faults().at(Point.PARKED);
    if (waits.untilMillis() != null) {
      parts.later().ring(waits.untilMillis());
    }
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
    Map<Integer, @Nullable String> todo = new HashMap<>();
    for (LaneSnapshot lane : writer.snapshot().lanes()) {
      if (!lane.state().terminal()) {
        todo.put(lane.lane(), lane.attempt() > 0 ? TAKEOVER : null);
      }
    }
    if (!isMany) {
      todo.forEach((lane, reason) -> runLane(turn, lane, writer, reason, intents.cancelled(lane)));
      return;
    }
    todo.forEach((lane, reason) -> fork(turn, lane, writer, reason, intents.cancelled(lane)));
    readIntents();
    while (true) {
      awaitLanes();
      Set<Integer> goOn = takeAnswered();
      for (int lane : goOn) {
        fork(turn, lane, writer, null, false);
      }
      Set<Integer> again = takeRetries();
      for (int lane : again) {
        @Nullable Boolean reopened = patience.until(() -> queue.reopenLane(claim, lane));
        if (Boolean.TRUE.equals(reopened)) {
          // A cancel of the run before was taken back by the retry; a newer one is read at the
          // call.
          fork(turn, lane, writer, RETRY, false);
        }
      }
      if (again.isEmpty() && goOn.isEmpty()) {
        if (isReleased() || TurnWaits.of(writer.snapshot()).any()) {
          return;
        }
        @Nullable Boolean closed = patience.until(() -> queue.close(claim));
        if (closed == null || closed) {
          return;
        }
        readIntents();
      }
    }
  }

  private void readIntents() {
    patience.until(() -> {
      intentsChanged();
      return true;
    });
  }

  /** Waits until there is a lane to take up, or no lane is at work. */
  private void awaitLanes() {
    lock.lock();
    try {
      while (!atWork.isEmpty()
          && (released
              || (atWork.keySet().containsAll(retries) && atWork.keySet().containsAll(answered)))) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  private Set<Integer> takeAnswered() {
    lock.lock();
    try {
      return take(answered);
    } finally {
      lock.unlock();
    }
  }

  private Set<Integer> takeRetries() {
    lock.lock();
    try {
      return take(retries);
    } finally {
      lock.unlock();
    }
  }

  /** Takes those of the lanes that are not at work, and forgets the others. */
  @GuardedBy("lock")
  private Set<Integer> take(Set<Integer> lanes) {
    lanes.removeAll(atWork.keySet());
    Set<Integer> out = released ? Set.of() : Set.copyOf(lanes);
    lanes.clear();
    return out;
  }

  private void fork(
      Turn turn, int lane, TurnWriter writer, @Nullable String reason, boolean cancel) {
    LaneControl control = enter(lane, cancel);
    Thread.ofVirtual()
        .name(claim.turn() + "/" + lane)
        .start(() -> {
          try {
            if (work(turn, lane, writer, reason, control) == LaneRunner.End.ENDED) {
              awaitEnd(writer);
            }
          } finally {
            leave(lane);
          }
        });
  }

  private void runLane(
      Turn turn, int lane, TurnWriter writer, @Nullable String reason, boolean cancel) {
    LaneControl control = enter(lane, cancel);
    try {
      work(turn, lane, writer, reason, control);
    } finally {
      leave(lane);
    }
  }

  private LaneControl enter(int lane, boolean cancel) {
    LaneControl control = new LaneControl();
    lock.lock();
    try {
      atWork.put(lane, control);
      if (released) {
        control.stop(Stop.RELEASED);
      } else if (cancelled || cancel) {
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

  private LaneRunner.End work(
      Turn turn, int lane, TurnWriter writer, @Nullable String reason, LaneControl control) {
    try {
      LaneRunner.End end =
          new LaneRunner(
                  new LaneWork(
                      parts,
                      metrics,
                      queue,
                      gates,
                      claim,
                      owner,
                      turn,
                      lane,
                      writer,
                      control,
                      compactions))
              .run(reason);
      if (end == LaneRunner.End.LET_GO) {
        // A lane may learn that the turn is lost before anybody has told the turn.
        release();
      }
      return end;
    } catch (FencedException e) {
      release();
      return LaneRunner.End.LET_GO;
    } catch (PerdureException e) {
      if (!e.isNewer()) {
        throw e;
      }
      newer = e;
      release();
      return LaneRunner.End.LET_GO;
    }
  }

  /** Waits for the end of a lane to be stored; only then it may be taken up again. */
  private void awaitEnd(TurnWriter writer) {
    try {
      writer.awaitDurable();
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
}

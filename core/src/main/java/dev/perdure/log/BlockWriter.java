package dev.perdure.log;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.db.Database;
import dev.perdure.log.LogStore.Fenced;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnFold;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.protocol.TurnFold.TurnSnapshot;
import dev.perdure.protocol.TurnState;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A turn's writer: lines gather in a buffer while the appender has the block before them in hand.
 * At most one block of a turn is on its way to the database, and it is the same block until it is
 * stored, however often that takes: an attempt whose outcome is unknown can so be recognised.
 */
final class BlockWriter implements TurnWriter {
  private enum State {
    OPEN,
    /** {@link #end} has begun: no append, and what is pending goes with the final block. */
    ENDING,
    ENDED,
    CLOSED,
    LOST,
    FAILED
  }

  /** What a writer needs of its log. */
  interface Log {
    Database database();

    LogStore store();

    void enqueue(BlockWriter writer);

    void committed(LogBlock block);

    void left(BlockWriter writer);

    long millis();

    int writerBytes();

    /** How final transactions go. */
    Outage.Wait ends();
  }

  private final Log log;
  private final Tail tail;
  private final long epoch;
  private final Runnable lost;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition progress = lock.newCondition();
  private final MessageDigest digest;

  @GuardedBy("lock")
  private final TurnFold fold;

  @GuardedBy("lock")
  private final PendingLines pending = new PendingLines();

  /** What is to be stored together with the pending lines. */
  @GuardedBy("lock")
  private List<Database.Work<?>> rows = new ArrayList<>();

  @GuardedBy("lock")
  private @Nullable LogBlock inFlight;

  /** Whether the appender has this writer in its queue or its hands. */
  @GuardedBy("lock")
  private boolean queued;

  @GuardedBy("lock")
  private long durableSeq;

  @GuardedBy("lock")
  private State state = State.OPEN;

  @GuardedBy("lock")
  private @Nullable PerdureException failure;

  /** The last block, once it has been made; an {@link #end} that is repeated uses it again. */
  @GuardedBy("lock")
  private @Nullable Fenced last;

  BlockWriter(Log log, Tail tail, long epoch, Runnable lost, LogContent content) {
    this.log = log;
    this.tail = tail;
    this.epoch = epoch;
    this.lost = lost;
    this.fold = content.fold();
    this.digest = content.digest();
    this.durableSeq = content.fold().seq();
  }

  Tail tail() {
    return tail;
  }

  @Override
  public long append(TurnEvent event) {
    return add(event, null);
  }

  @Override
  public long append(TurnEvent event, Rows with) {
    return add(event, with);
  }

  private long add(TurnEvent event, @Nullable Rows with) {
    lock.lock();
    try {
      open();
      while (pending.bytes() + inFlightBytes() >= log.writerBytes()) {
        progress.awaitUninterruptibly();
        open();
      }
      long seq = write(event);
      if (with != null) {
        TurnSnapshot then = fold.snapshot();
        rows.add(tx -> {
          with.store(tx, then);
          return true;
        });
      }
      if (!queued) {
        queued = true;
        log.enqueue(this);
      }
      return seq;
    } finally {
      lock.unlock();
    }
  }

  /** Gives the event its number and place; an event that the fold refuses ends the writer. */
  @GuardedBy("lock")
  private long write(TurnEvent event) {
    long seq = fold.seq() + 1;
    try {
      fold.apply(seq, event);
      pending.add(seq, event, event instanceof TurnEnded ? null : digest);
      return seq;
    } catch (RuntimeException e) {
      // The fold may have taken half of it, and no later event may follow a gap.
      state = State.FAILED;
      failure =
          new PerdureException(
              ErrorCode.INTERNAL,
              "An event does not fit the log of turn " + tail.turn() + "; it stops.",
              e);
      progress.signalAll();
      throw failure;
    }
  }

  @GuardedBy("lock")
  private int inFlightBytes() {
    return inFlight == null ? 0 : inFlight.payload().length;
  }

  /** Throws unless the writer may still be used. */
  @GuardedBy("lock")
  private void usable() {
    switch (state) {
      case OPEN, ENDING -> {}
      case LOST -> throw new FencedException(tail.turn(), epoch);
      case FAILED -> {
        if (failure != null) {
          throw failure;
        }
      }
      case ENDED, CLOSED ->
          throw new IllegalStateException("The writer of turn " + tail.turn() + " is closed");
    }
  }

  @GuardedBy("lock")
  private void open() {
    usable();
    if (state == State.ENDING) {
      throw new IllegalStateException("Turn " + tail.turn() + " is ending; nothing may follow");
    }
  }

  @Override
  public void awaitDurable() {
    lock.lock();
    try {
      long target = fold.seq();
      usable();
      while (durableSeq < target) {
        progress.awaitUninterruptibly();
        usable();
      }
    } finally {
      lock.unlock();
    }
  }

  @Override
  public LaneSnapshot lane(int lane) {
    lock.lock();
    try {
      return fold.laneSnapshot(lane);
    } finally {
      lock.unlock();
    }
  }

  @Override
  public TurnSnapshot snapshot() {
    lock.lock();
    try {
      return fold.snapshot();
    } finally {
      lock.unlock();
    }
  }

  // For the appender.

  /** The block to store now; null if there is nothing to do. */
  @Nullable Fenced take() {
    lock.lock();
    try {
      if (state != State.OPEN || pending.isEmpty()) {
        queued = false;
        return null;
      }
      Fenced fenced = takePending();
      inFlight = fenced.block();
      return fenced;
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private Fenced takePending() {
    Fenced fenced = new Fenced(pending.take(tail.turn()), epoch, rows);
    rows = new ArrayList<>();
    return fenced;
  }

  /** The block is stored and published. Returns whether there is more to take. */
  boolean stored(LogBlock block) {
    lock.lock();
    try {
      inFlight = null;
      durableSeq = block.lastSeq();
      queued = state == State.OPEN && !pending.isEmpty();
      progress.signalAll();
      return queued;
    } finally {
      lock.unlock();
    }
  }

  /** The database has refused the block: somebody else holds the turn. */
  void refused() {
    if (stop(State.LOST, null)) {
      // Not on this thread, which every other turn waits for.
      Thread.ofVirtual().name("lost-" + tail.turn()).start(lost);
    }
  }

  /** The block can never be stored. */
  void failed(PerdureException cause) {
    stop(State.FAILED, cause);
  }

  private boolean stop(State to, @Nullable PerdureException cause) {
    lock.lock();
    try {
      inFlight = null;
      queued = false;
      boolean first = state == State.OPEN || state == State.ENDING;
      if (first) {
        state = to;
        failure = cause;
      }
      progress.signalAll();
      return first;
    } finally {
      lock.unlock();
    }
  }

  // The end.

  /** How the turn itself ends. */
  private record Ending(TurnState to, @Nullable TurnError error) {}

  @Override
  public void end(List<TurnEvent> events, TurnState to, @Nullable TurnError error, FinalWork work) {
    finish(events, new Ending(to, error), work);
  }

  @Override
  public void park(TurnEvent event, FinalWork work) {
    finish(List.of(event), null, work);
  }

  private void finish(List<TurnEvent> events, @Nullable Ending ending, FinalWork work) {
    Fenced fenced;
    TurnSnapshot snapshot;
    lock.lock();
    try {
      usable();
      state = State.ENDING;
      tail.ending(true);
      while (inFlight != null) {
        progress.awaitUninterruptibly();
        usable();
      }
      fenced = last == null ? seal(events, ending) : last;
      last = fenced;
      snapshot = fold.snapshot();
    } finally {
      lock.unlock();
    }
    if (!watchedCommit(fenced, work.with(snapshot))) {
      stop(State.LOST, null);
      throw new FencedException(tail.turn(), epoch);
    }
    log.committed(fenced.block());
    tail.ending(false);
    lock.lock();
    try {
      durableSeq = fenced.block().lastSeq();
      state = State.ENDED;
      progress.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Makes the final block of what is pending, the given events and, at its end, the turn's. */
  @GuardedBy("lock")
  private Fenced seal(List<TurnEvent> events, @Nullable Ending ending) {
    events.forEach(this::write);
    if (ending != null) {
      String hex = HexFormat.of().formatHex(digest.digest());
      write(new TurnEnded(ending.to, ending.error, hex, log.millis()));
    }
    return takePending();
  }

  /** Rolls back the final transaction. */
  private static final class NotMine extends RuntimeException {
    private static final long serialVersionUID = 1L;

    NotMine() {
      super("The turn has another holder", null, false, false);
    }
  }

  /** The final transaction; whoever follows is told if it has to wait for long. */
  private boolean watchedCommit(Fenced fenced, Database.Work<Boolean> work) {
    boolean waits = false;
    log.ends().begin();
    try {
      return commit(fenced, work);
    } catch (PerdureException e) {
      waits = e.code() == ErrorCode.DATABASE_UNAVAILABLE;
      throw e;
    } finally {
      if (!waits) {
        log.ends().done();
      }
    }
  }

  /**
   * Runs the final transaction; false if the turn is not ours. The work goes first, as it locks the
   * turn's row: nobody can claim the turn then, so the log cannot grow but by this.
   */
  private boolean commit(Fenced fenced, Database.Work<Boolean> work) {
    try {
      return log.database()
          .<Boolean>write(tx -> {
            if (!work.run(tx) || !log.store().insert(tx, fenced.block())) {
              throw new NotMine();
            }
            fenced.storeRows(tx);
            return true;
          });
    } catch (NotMine e) {
      // Or an earlier try has committed after all, although its answer was lost.
      return log.store().holds(fenced.block());
    }
  }

  @Override
  public void close() {
    boolean first;
    lock.lock();
    try {
      first = state != State.CLOSED;
      state = State.CLOSED;
      progress.signalAll();
    } finally {
      lock.unlock();
    }
    if (first) {
      if (tail.ending()) {
        tail.ending(false);
        log.ends().done();
      }
      log.left(this);
    }
  }
}

package dev.perdure.log;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.db.Database;
import dev.perdure.log.LogStore.Fenced;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.testing.FaultPoints;
import dev.perdure.testing.FaultPoints.Point;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;

/**
 * The group commit of a node: one thread that takes what all its writers have gathered, stores it
 * in one transaction, one row for each turn, and begins again with what came meanwhile. At low load
 * there is no timer: an event is stored at once. Once a transaction has stored several turns, the
 * next one begins no sooner than a pace after it: a transaction costs some hundred microseconds of
 * the processors, however little is in it, and what a crowd waits for it is half of the pace.
 *
 * <p>While the database is away the batch is kept and repeated, and the writers fill up and block.
 * Thread-safe.
 */
final class Appender implements AutoCloseable {
  /** The least time from the beginning of a transaction of many turns to that of the next. */
  private static final Duration PACE = Duration.ofMillis(3);

  /** From how many turns on a transaction is one of many. */
  private static final int CROWD = 6;

  /** Turns in one transaction. */
  private static final int MAX_TURNS = 1_000;

  /** Beyond this a batch takes no further turn. */
  private static final int MAX_BYTES = 4 * 1024 * 1024;

  private static final Duration FIRST_PAUSE = Duration.ofMillis(50);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(2);
  private static final Logger LOG = System.getLogger(Appender.class.getName());

  private final Database database;
  private final LogStore store;
  private final Consumer<List<LogBlock>> committed;
  private final FaultPoints faults;
  private final Outage.Wait writes;
  private final Thread thread = Thread.ofPlatform().name("perdure-log").unstarted(this::loop);
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /** What a thread that waits for time is woken by: closing, and not every event that comes. */
  private final Condition paused = lock.newCondition();

  @GuardedBy("lock")
  private final ArrayDeque<BlockWriter> queue = new ArrayDeque<>();

  @GuardedBy("lock")
  private boolean closed;

  /**
   * @param committed hands stored blocks to followers; runs before the writers hear of it
   * @param writes tells the outage how writing goes
   */
  Appender(
      Database database,
      LogStore store,
      Consumer<List<LogBlock>> committed,
      FaultPoints faults,
      Outage.Wait writes) {
    this.faults = faults;
    this.writes = writes;
    this.database = database;
    this.store = store;
    this.committed = committed;
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  private record Item(BlockWriter writer, Fenced fenced) {
    LogBlock block() {
      return fenced.block();
    }
  }

  /** Called by a writer when it has something and is not in the queue yet. */
  void enqueue(BlockWriter writer) {
    lock.lock();
    try {
      if (!closed) {
        queue.add(writer);
        changed.signal();
        return;
      }
    } finally {
      lock.unlock();
    }
    writer.failed(stopping());
  }

  private static PerdureException stopping() {
    return new PerdureException(
        ErrorCode.DRAINING, "The server is stopping; another one goes on with the turn.");
  }

  private void loop() {
    List<BlockWriter> writers = new ArrayList<>();
    List<BlockWriter> later = new ArrayList<>();
    List<Item> batch = new ArrayList<>();
    Set<String> turns = new HashSet<>();
    long notBefore = System.nanoTime();
    while (await()) {
      waitUntil(notBefore);
      long begin = System.nanoTime();
      poll(writers);
      int bytes = 0;
      int taken = 0;
      while (taken < writers.size() && bytes < MAX_BYTES) {
        BlockWriter writer = writers.get(taken++);
        if (!turns.add(writer.tail().turn())) {
          // A turn that this node has lost and claimed again has two writers; what becomes of a
          // block is told by its turn, so they must not meet.
          later.add(writer);
          continue;
        }
        Fenced fenced = writer.take();
        if (fenced != null) {
          bytes += fenced.block().payload().length;
          batch.add(new Item(writer, fenced));
        }
      }
      later.addAll(writers.subList(taken, writers.size()));
      requeue(later);
      if (!batch.isEmpty()) {
        store(batch);
      }
      notBefore = batch.size() < CROWD ? begin : begin + PACE.toNanos();
      writers.clear();
      later.clear();
      batch.clear();
      turns.clear();
    }
  }

  /** Waits for a writer; false once closed and empty. */
  private boolean await() {
    lock.lock();
    try {
      while (queue.isEmpty() && !closed) {
        changed.awaitUninterruptibly();
      }
      return !queue.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  /** Waits until a time of the monotonic clock; false if the log is closed by then. */
  private boolean waitUntil(long time) {
    lock.lock();
    try {
      for (long left; !closed && (left = time - System.nanoTime()) > 0; ) {
        try {
          paused.awaitNanos(left);
        } catch (InterruptedException e) {
          // Nobody interrupts this thread; closing is how it ends.
          LOG.log(Level.DEBUG, "The appender was interrupted and goes on.");
        }
      }
      return !closed;
    } finally {
      lock.unlock();
    }
  }

  private void poll(List<BlockWriter> out) {
    lock.lock();
    try {
      while (out.size() < MAX_TURNS && !queue.isEmpty()) {
        out.add(queue.remove());
      }
    } finally {
      lock.unlock();
    }
  }

  private void requeue(List<BlockWriter> writers) {
    lock.lock();
    try {
      queue.addAll(writers);
    } finally {
      lock.unlock();
    }
  }

  /** Stores a batch, however long the database is away. */
  private void store(List<Item> batch) {
    List<Fenced> blocks = batch.stream().map(Item::fenced).toList();
    Duration pause = FIRST_PAUSE;
    writes.begin();
    while (true) {
      try {
        Set<String> stored =
            database.urgently(tx -> {
              Set<String> out = store.append(tx, blocks);
              faults.at(Point.APPENDING);
              return out;
            });
        store.appended();
        faults.at(Point.APPENDED);
        writes.done();
        settle(batch, stored);
        return;
      } catch (PerdureException e) {
        if (e.code() != ErrorCode.DATABASE_UNAVAILABLE) {
          broken(batch, e);
          return;
        }
        if (!pause(pause, batch.size(), e)) {
          PerdureException stopping = stopping();
          batch.forEach(item -> item.writer.failed(stopping));
          return;
        }
        pause =
            pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0
                ? pause.multipliedBy(2)
                : LONGEST_PAUSE;
      } catch (RuntimeException | Error e) {
        broken(batch, new PerdureException(ErrorCode.INTERNAL, "The log cannot be written.", e));
        return;
      }
    }
  }

  /** Waits before the next try; false if the log is closing, which ends all tries. */
  private boolean pause(Duration pause, int turns, PerdureException cause) {
    if (pause.equals(FIRST_PAUSE)) {
      LOG.log(
          Level.WARNING,
          "The events of "
              + turns
              + " turns wait for the database; their replies go on and are"
              + " stored when it is back.",
          cause);
    }
    return waitUntil(System.nanoTime() + pause.toNanos());
  }

  /** Something in this batch can never be stored: find out which turn, and lose only that one. */
  private void broken(List<Item> batch, PerdureException cause) {
    writes.done();
    if (batch.size() > 1) {
      batch.forEach(item -> store(List.of(item)));
      return;
    }
    LOG.log(
        Level.ERROR,
        "The events of turn " + batch.getFirst().block().turn() + " cannot be stored; it stops.",
        cause);
    batch.getFirst().writer.failed(cause);
  }

  private void settle(List<Item> batch, Set<String> stored) {
    List<LogBlock> blocks = new ArrayList<>(batch.size());
    for (Item item : batch) {
      if (stored.contains(item.block().turn())) {
        blocks.add(item.block());
      }
    }
    committed.accept(blocks);
    for (Item item : batch) {
      if (!stored.contains(item.block().turn())) {
        LOG.log(
            Level.INFO,
            "Turn {0} is held by another node; this one lets it go.",
            item.block().turn());
        item.writer.refused();
      } else if (item.writer.stored(item.block())) {
        enqueue(item.writer);
      }
    }
  }

  /** Stores what is queued, if the database lets it, and ends the thread. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
      paused.signalAll();
    } finally {
      lock.unlock();
    }
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}

package dev.perdure.log;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.log.LogStore.Fate;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The end of one log in memory: its most recent blocks, for as long as somebody follows, and the
 * place where followers wait. Everything in here is durable. Thread-safe.
 *
 * <pre>
 *   in the database only | ring: bounded, contiguous, ends at head | not yet written
 *                                                               head
 * </pre>
 *
 * Whatever comes from the database or from the appender may come twice or in any order: the head
 * only moves forward, and a block that does not continue the ring replaces it.
 */
final class Tail {
  private final String turn;
  private final int maxBytes;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  @GuardedBy("lock")
  private final ArrayDeque<LogBlock> ring = new ArrayDeque<>(4);

  @GuardedBy("lock")
  private int bytes;

  /** The last sequence number known to be durable. */
  @GuardedBy("lock")
  private long head = LogStore.UNKNOWN;

  @GuardedBy("lock")
  private Fate fate = Fate.OPEN;

  @GuardedBy("lock")
  private boolean missed;

  /** Whether the turn is over but for its final transaction. */
  private volatile boolean ending;

  @GuardedBy("lock")
  private int followers;

  @GuardedBy("lock")
  private int writers;

  Tail(String turn, int maxBytes) {
    this.turn = turn;
    this.maxBytes = maxBytes;
  }

  String turn() {
    return turn;
  }

  /** What a follower finds. */
  sealed interface Look {
    record Blocks(List<LogBlock> blocks) implements Look {}

    /** There is more, or may be, in the database. */
    record Behind() implements Look {}

    record Ended() implements Look {}

    record Gone() implements Look {}

    /** Nothing within the time, or the follower was told to stop waiting. */
    record Nothing() implements Look {}
  }

  /** Says to a waiting follower whether it should go on waiting. */
  @FunctionalInterface
  interface Waiter {
    boolean waits();
  }

  /**
   * What there is behind a position, waiting for it if need be.
   *
   * @param readBytes about how much to return at the most
   */
  Look look(long position, int readBytes, Waiter waiter, long nanos) throws InterruptedException {
    lock.lock();
    try {
      long left = nanos;
      while (true) {
        if (fate == Fate.GONE) {
          return new Look.Gone();
        }
        if (head == LogStore.UNKNOWN) {
          return new Look.Behind();
        }
        if (position < head) {
          return ring.isEmpty() || ring.getFirst().firstSeq() > position + 1
              ? new Look.Behind()
              : new Look.Blocks(from(position + 1, readBytes));
        }
        if (fate == Fate.ENDED) {
          return new Look.Ended();
        }
        if (left <= 0 || !waiter.waits()) {
          return new Look.Nothing();
        }
        left = changed.awaitNanos(left);
      }
    } finally {
      lock.unlock();
    }
  }

  /** A follower that keeps up wants the last block only, so the search begins at the end. */
  @GuardedBy("lock")
  private List<LogBlock> from(long seq, int readBytes) {
    if (ring.getLast().firstSeq() <= seq) {
      return List.of(ring.getLast());
    }
    List<LogBlock> wanted = new ArrayList<>();
    Iterator<LogBlock> back = ring.descendingIterator();
    while (back.hasNext()) {
      LogBlock block = back.next();
      if (block.lastSeq() < seq) {
        break;
      }
      wanted.add(block);
    }
    List<LogBlock> out = new ArrayList<>(wanted.size());
    int taken = 0;
    for (LogBlock block : wanted.reversed()) {
      if (taken < readBytes) {
        out.add(block);
        taken += block.payload().length;
      }
    }
    return out;
  }

  /** Waits a while, as long as the waiter wants to, for anything to change. */
  void pause(Waiter waiter, long nanos) throws InterruptedException {
    lock.lock();
    try {
      long left = nanos;
      while (left > 0 && waiter.waits()) {
        left = changed.awaitNanos(left);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Takes a block that has been committed. */
  void publish(LogBlock block) {
    lock.lock();
    try {
      if (block.lastSeq() <= head) {
        return;
      }
      if (block.firstSeq() != head + 1) {
        dropRing();
      }
      head = block.lastSeq();
      if (followers > 0) {
        ring.addLast(block);
        bytes += block.payload().length;
        while (bytes > maxBytes && ring.size() > 1) {
          bytes -= ring.removeFirst().payload().length;
        }
      }
      if (block.endsTurn()) {
        fate = Fate.ENDED;
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** There may be news, but no reader has reached the end yet; the first one will ask again. */
  void markMissed() {
    lock.lock();
    try {
      missed = true;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Takes what a reader of the database has found: where the log ends, and what became of it.
   * Returns whether there may be news that the reader could not see.
   */
  boolean reached(long last, Fate found) {
    lock.lock();
    try {
      boolean again = missed;
      missed = false;
      if (last > head) {
        dropRing();
        head = last;
      }
      if (found == Fate.GONE || (found == Fate.ENDED && last == head)) {
        fate = found;
      }
      changed.signalAll();
      return again;
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private void dropRing() {
    ring.clear();
    bytes = 0;
  }

  /** Says that only the final transaction is left, or that it is done or given up. */
  void ending(boolean now) {
    ending = now;
    wakeAll();
  }

  boolean ending() {
    return ending;
  }

  /** Lets every waiting follower ask again whether it should wait. */
  void wakeAll() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  void enter(boolean writer) {
    lock.lock();
    try {
      if (writer) {
        writers++;
      } else {
        followers++;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Returns whether nobody is left. */
  boolean leave(boolean writer) {
    lock.lock();
    try {
      if (writer) {
        writers--;
      } else if (--followers == 0) {
        dropRing();
      }
      return writers + followers == 0;
    } finally {
      lock.unlock();
    }
  }

  /** Where the log is known to end; {@link LogStore#UNKNOWN} before the first reader got there. */
  long head() {
    lock.lock();
    try {
      return head;
    } finally {
      lock.unlock();
    }
  }

  /** Whether somebody waits for what others may write. */
  boolean watched() {
    lock.lock();
    try {
      return followers > 0 && fate == Fate.OPEN;
    } finally {
      lock.unlock();
    }
  }

  /** Whether a writer on this node brings the news. */
  boolean fedHere() {
    lock.lock();
    try {
      return writers > 0;
    } finally {
      lock.unlock();
    }
  }
}

package dev.perdure.log;

import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Whether this node's log has waited for its database for longer than a moment: what followers are
 * told while no event can come. It goes by time and not by failures, because a database that is
 * away may also say nothing at all. Thread-safe; one daemon thread looks.
 */
final class Outage implements AutoCloseable {
  /**
   * How long a wait lasts before anybody is told: a slow commit is none of the clients' worries.
   */
  static final Duration NOTICEABLE = Duration.ofMillis(1500);

  private static final Duration LOOK = Duration.ofMillis(250);

  private final Runnable changed;
  private final Wait reads = new Wait();
  private final Wait writes = new Wait();
  private final Wait ends = new Wait();
  private final Thread thread = Thread.ofPlatform().name("perdure-outage").unstarted(this::loop);
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition closing = lock.newCondition();
  private volatile boolean away;
  private volatile boolean closed;

  /**
   * @param changed called on this one's thread when {@link #away} has changed; must not block
   */
  Outage(Runnable changed) {
    this.changed = changed;
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  /** Something that is done in the database again and again. Thread-safe. */
  static final class Wait {
    private static final long WELL = 0;

    /** By the monotonic clock; {@link #WELL} while the last try worked. */
    private volatile long since = WELL;

    /** A try begins, or has failed; if the one before worked, the wait begins now. */
    void begin() {
      if (since == WELL) {
        since = System.nanoTime() | 1;
      }
    }

    /** A try has worked. */
    void done() {
      since = WELL;
    }

    /** Whether the last try has not worked, or one is under way. */
    boolean waits() {
      return since != WELL;
    }

    private boolean tooLong() {
      long from = since;
      return from != WELL && System.nanoTime() - from > NOTICEABLE.toNanos();
    }
  }

  /** How reading of logs goes. */
  Wait reads() {
    return reads;
  }

  /** How the group commit goes. */
  Wait writes() {
    return writes;
  }

  /** How final transactions go. */
  Wait ends() {
    return ends;
  }

  boolean away() {
    return away;
  }

  private void loop() {
    lock.lock();
    try {
      while (!closed) {
        boolean now = reads.tooLong() || writes.tooLong() || ends.tooLong();
        if (now != away) {
          away = now;
          changed.run();
        }
        long nanos = LOOK.toNanos();
        while (!closed && nanos > 0) {
          nanos = closing.awaitNanos(nanos);
        }
      }
    } catch (InterruptedException e) {
      // Nobody interrupts this thread; without it clients are not told, and nothing else.
      Thread.currentThread().interrupt();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      closing.signalAll();
    } finally {
      lock.unlock();
    }
  }
}

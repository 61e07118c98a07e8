package dev.perdure.engine;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * How others reach a lane at work: by saying why it must stop. Stopping closes the provider call or
 * the tools at work and ends a pause between attempts. Thread-safe.
 */
final class LaneControl {

  /** Why a lane must stop. A later reason never replaces an earlier one, but for RELEASED. */
  enum Stop {
    NONE,
    /** Somebody asked for it: the lane ends as cancelled. */
    CANCELLED,
    /** The turn's time is over: the lane ends as failed. */
    TIMED_OUT,
    /** This node lets the turn go: the lane stops without an end, another node goes on. */
    RELEASED
  }

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  @GuardedBy("lock")
  private Stop stop = Stop.NONE;

  @GuardedBy("lock")
  private @Nullable Runnable closer;

  void stop(Stop why) {
    @Nullable Runnable open;
    lock.lock();
    try {
      if (stop == Stop.NONE || why == Stop.RELEASED) {
        stop = why;
      }
      open = closer;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (open != null) {
      open.run();
    }
  }

  Stop stopped() {
    lock.lock();
    try {
      return stop;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Makes what the lane is about to do reachable for {@link #stop}; returns false if the lane must
   * not start it.
   *
   * @param end ends it, at once and from any thread
   */
  boolean attach(Runnable end) {
    lock.lock();
    try {
      if (stop != Stop.NONE) {
        return false;
      }
      closer = end;
      return true;
    } finally {
      lock.unlock();
    }
  }

  void detach() {
    lock.lock();
    try {
      closer = null;
    } finally {
      lock.unlock();
    }
  }

  /** Waits for the time to pass or for a reason to stop, whichever is first. */
  Stop pause(Duration atMost, Timers timers) {
    boolean[] over = new boolean[1];
    Timers.Cancellable alarm =
        timers.after(
            atMost,
            () -> {
              lock.lock();
              try {
                over[0] = true;
                changed.signalAll();
              } finally {
                lock.unlock();
              }
            });
    lock.lock();
    try {
      while (stop == Stop.NONE && !over[0]) {
        changed.awaitUninterruptibly();
      }
      return stop;
    } finally {
      lock.unlock();
      alarm.cancel();
    }
  }
}

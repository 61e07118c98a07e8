package dev.perdure.server.http;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * Ends reads and writes of sockets that block for too long, by interrupting their virtual thread,
 * which closes the socket (see {@link java.net.Socket#getOutputStream()}). Helidon has no such
 * timeout. Thread-safe; one daemon thread, whatever the number of guards.
 */
final class StallWatch implements AutoCloseable {
  /** How often operations are looked at, in milliseconds; they may take that much longer. */
  private static final long SWEEP_MILLIS = 250;

  private final Set<Guard> guards = ConcurrentHashMap.newKeySet();
  private final ScheduledExecutorService sweeper =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().daemon().name("perdure-http-stall-watch").factory());

  private final ScheduledFuture<?> sweeps;

  StallWatch() {
    sweeps =
        sweeper.scheduleWithFixedDelay(
            () -> guards.forEach(Guard::sweep), SWEEP_MILLIS, SWEEP_MILLIS, TimeUnit.MILLISECONDS);
  }

  /** Watches the calling thread between {@link Guard#enter} and {@link Guard#leave}. */
  Guard guard(Duration limit) {
    Guard guard = new Guard(Thread.currentThread(), sweeps(limit));
    guards.add(guard);
    return guard;
  }

  private static long sweeps(Duration limit) {
    return limit.toMillis() / SWEEP_MILLIS + 1;
  }

  @Override
  public void close() {
    sweeps.cancel(true);
    sweeper.shutdownNow();
  }

  /** The watch over one thread. Used by that thread alone. */
  final class Guard implements AutoCloseable {
    private static final long IDLE = -1;

    private final Thread thread;

    @GuardedBy("this")
    private long limitSweeps;

    /** Sweeps seen by the operation in progress. */
    @GuardedBy("this")
    private long sweeps = IDLE;

    private Guard(Thread thread, long limitSweeps) {
      this.thread = thread;
      this.limitSweeps = limitSweeps;
    }

    synchronized void enter() {
      sweeps = 0;
    }

    /** Begins anew, with another limit from now on. */
    synchronized void enter(Duration limit) {
      limitSweeps = sweeps(limit);
      sweeps = 0;
    }

    /** After this the thread is not interrupted any more. */
    synchronized void leave() {
      sweeps = IDLE;
    }

    private synchronized void sweep() {
      if (sweeps != IDLE && ++sweeps > limitSweeps) {
        sweeps = IDLE;
        thread.interrupt();
      }
    }

    @Override
    public void close() {
      leave();
      guards.remove(this);
    }
  }
}

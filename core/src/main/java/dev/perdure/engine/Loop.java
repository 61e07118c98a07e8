package dev.perdure.engine;

import dev.perdure.protocol.PerdureException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Something that the engine does again and again on a daemon thread: after every interval, and at
 * once when woken. A failure is logged and the loop goes on. Thread-safe.
 */
final class Loop {
  private static final Logger LOG = System.getLogger(Loop.class.getName());
  private static final Duration JOIN_PATIENCE = Duration.ofSeconds(5);

  private final Runnable body;
  private final Supplier<Duration> interval;
  private final Semaphore wakeUps = new Semaphore(0);
  private final Thread thread;
  private volatile boolean stopped;

  Loop(String name, Duration interval, Runnable body) {
    this(name, () -> interval, body);
  }

  /**
   * @param interval asked after each run of the body
   */
  Loop(String name, Supplier<Duration> interval, Runnable body) {
    this.body = body;
    this.interval = interval;
    this.thread = Thread.ofPlatform().daemon().name(name).unstarted(this::run);
  }

  void start() {
    thread.start();
  }

  /** Runs the body soon; several calls while it is at work count as one. */
  void wake() {
    if (wakeUps.availablePermits() == 0) {
      wakeUps.release();
    }
  }

  /** Ends the loop after the body's present run. Idempotent. */
  void stop() {
    stopped = true;
    wakeUps.release();
    try {
      if (thread.getState() != Thread.State.NEW) {
        thread.join(JOIN_PATIENCE);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    while (!stopped) {
      try {
        body.run();
      } catch (PerdureException e) {
        LOG.log(
            Level.WARNING,
            "{0}: {1} Next try in {2} ms.",
            thread.getName(),
            e.getMessage(),
            interval.get().toMillis());
      } catch (RuntimeException | Error e) {
        // Without this loop the node would look alive and do nothing.
        LOG.log(Level.ERROR, thread.getName() + " failed by a bug here; it goes on.", e);
      }
      try {
        wakeUps.tryAcquire(interval.get().toNanos(), TimeUnit.NANOSECONDS);
        wakeUps.drainPermits();
      } catch (InterruptedException e) {
        return;
      }
    }
  }
}

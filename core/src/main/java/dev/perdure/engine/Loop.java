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
 * once when woken. A failure is logged and the loop goes on; of a row of them the first, the
 * second, the fourth, the eighth and so on, and its end. Thread-safe.
 */
final class Loop {
  private static final Logger LOG = System.getLogger(Loop.class.getName());
  private static final Duration JOIN_PATIENCE = Duration.ofSeconds(5);

  private final Runnable body;
  private final Supplier<Duration> interval;
  private final Semaphore wakeUps = new Semaphore(0);
  private final Thread thread;
  private volatile boolean stopped;

  /** Failures in a row until now; used by the thread only. */
  private int failures;

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
        succeeded();
      } catch (PerdureException e) {
        if (toBeTold()) {
          LOG.log(
              Level.WARNING,
              "{0}: {1} Failed {2} times in a row; next try in {3} ms.",
              thread.getName(),
              e.getMessage(),
              failures,
              interval.get().toMillis());
        }
      } catch (RuntimeException | Error e) {
        // Without this loop the node would look alive and do nothing.
        if (toBeTold()) {
          LOG.log(Level.ERROR, thread.getName() + " failed by a bug here; it goes on.", e);
        }
      }
      try {
        wakeUps.tryAcquire(interval.get().toNanos(), TimeUnit.NANOSECONDS);
        wakeUps.drainPermits();
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  private void succeeded() {
    if (failures > 0) {
      LOG.log(
          Level.INFO, "{0} works again, after {1} failures in a row.", thread.getName(), failures);
      failures = 0;
    }
  }

  /** Counts a failure: an outage of minutes must not bury what else the log has to say. */
  private boolean toBeTold() {
    failures++;
    return Integer.bitCount(failures) == 1;
  }
}

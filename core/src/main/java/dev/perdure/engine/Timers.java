package dev.perdure.engine;

import java.time.Duration;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/** Runs things later. The engine waits by no other means, so that tests can own the time. */
public interface Timers extends AutoCloseable {

  /** Runs the task once after the delay, on a thread of the timer; it must not block. */
  Cancellable after(Duration delay, Runnable task);

  @Override
  void close();

  /** A task that has perhaps not run yet. */
  @FunctionalInterface
  interface Cancellable {
    void cancel();
  }

  /** Timers on the system's clock, one thread for all. */
  static Timers system() {
    ScheduledThreadPoolExecutor executor =
        new ScheduledThreadPoolExecutor(
            1, Thread.ofPlatform().daemon().name("perdure-timer").factory());
    executor.setRemoveOnCancelPolicy(true);
    return new Timers() {
      @Override
      public Cancellable after(Duration delay, Runnable task) {
        ScheduledFuture<?> future = executor.schedule(task, delay.toNanos(), TimeUnit.NANOSECONDS);
        return () -> future.cancel(false);
      }

      @Override
      public void close() {
        executor.shutdownNow();
      }
    };
  }
}

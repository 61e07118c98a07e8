package dev.perdure.engine;

import dev.perdure.chat.LaterTurns;
import dev.perdure.db.Signals.Topic;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * Sets going what is due: turns that have waited for their time, turns for later, schedules, and
 * reminders. One thread and one timer for all of them, set to the nearest due time by the
 * database's clock; whatever its number, what is not due costs a look into three indexes per poll.
 * Any node may set going what another one has stored. Thread-safe.
 */
final class Alarm {
  /** Things set going in one transaction. */
  private static final int BATCH = 1000;

  private final EngineParts parts;
  private final TurnQueue queue;
  private final Runnable claim;
  private final BooleanSupplier draining;
  private final Loop loop;

  /** When the timer will go off, by the database's clock; 0 while it is not set. */
  private final AtomicLong set = new AtomicLong();

  /** For the loop's thread. */
  private Duration next;

  /**
   * @param claim wakes the claims of this node
   */
  Alarm(EngineParts parts, TurnQueue queue, Runnable claim, BooleanSupplier draining) {
    this.parts = parts;
    this.queue = queue;
    this.claim = claim;
    this.draining = draining;
    this.next = parts.config().poll();
    this.loop = new Loop("perdure-alarm", () -> next, this::run);
    parts.later().onDue(this::due);
  }

  Loop loop() {
    return loop;
  }

  private void due(long atMillis) {
    long now = set.get();
    if (now == 0 || atMillis < now) {
      loop.wake();
    }
  }

  private void run() {
    // Until the timer is set anew, whatever becomes due must wake the loop once more.
    set.set(0);
    next = parts.config().poll();
    if (draining.getAsBoolean()) {
      return;
    }
    wakeWaiting();
    beginLater();
    parts.schedules().fire(BATCH, this::begun);
    setTimer();
  }

  private void setTimer() {
    record Times(long now, long due) {}
    Times times =
        parts
            .database()
            .read(tx ->
                new Times(
                    tx.now(),
                    Stream.of(
                            TurnQueue.nextWake(tx),
                            LaterTurns.nextDue(tx),
                            parts.schedules().next(tx))
                        .mapToLong(at -> at.orElse(Long.MAX_VALUE))
                        .min()
                        .orElse(Long.MAX_VALUE)));
    long poll = parts.config().poll().toMillis();
    long wait = Math.clamp(times.due - times.now, 0, poll);
    next = Duration.ofMillis(wait);
    set.set(times.now + wait);
  }

  private void wakeWaiting() {
    List<Duration> reminders = parts.later().limits().reminders();
    if (queue.isDue()) {
      int reminded = reminders.isEmpty() ? 0 : BATCH;
      while (reminded == BATCH) {
        reminded = queue.remindDue(reminders, BATCH);
      }
      int woken = BATCH;
      while (woken == BATCH) {
        List<String> turns = queue.wakeDue(BATCH);
        woken = turns.size();
        if (woken > 0) {
          claim.run();
          parts.database().signals().publish(Topic.QUEUE, turns);
        }
      }
    }
  }

  private void beginLater() {
    int begun = BATCH;
    while (begun == BATCH) {
      LaterTurns.Begun batch = parts.later().begin(BATCH);
      begun = batch.turns().size();
      begun(batch);
    }
  }

  private void begun(LaterTurns.Begun batch) {
    if (!batch.turns().isEmpty()) {
      claim.run();
      batch.publish(parts.database());
    }
  }
}

package dev.perdure.engine;

import dev.perdure.chat.LaterTurns;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;

/**
 * Sets going what is due: turns that have waited for their time, turns for later, schedules, and
 * reminders. One thread and one timer for all of them, set to the nearest due time by the
 * database's clock; whatever its number, what is not due costs a look into three indexes per poll.
 * Any node may set going what another one has stored. Thread-safe.
 */
final class Alarm {
  /** Things set going in one transaction. */
  private static final int BATCH = 1000;

  /**
   * How long the first of a crowd waits until all of it is in the queue: what runs takes from what
   * sets going the processors, and on SQLite the one writer.
   */
  private static final Duration CROWD_PATIENCE = Duration.ofSeconds(1);

  private final EngineParts parts;
  private final TurnQueue queue;
  private final Runnable claim;
  private final BooleanSupplier draining;
  private final Loop loop;

  /** When the timer will go off, by the database's clock; 0 while it is not set. */
  private final AtomicLong set = new AtomicLong();

  /** For the loop's thread. */
  private Duration next;

  /** What has been set going and was not handed on yet, and whose it is; for the loop's thread. */
  private final List<String> going = new ArrayList<>();

  private final Set<String> owners = new HashSet<>();

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
    Times times = times();
    long begun = parts.clock().millis();
    // What is due and cannot be had is in the hands of another node.
    boolean more = true;
    while (more && times.due() <= times.now) {
      more = setGoing(times);
      if (parts.clock().millis() - begun > CROWD_PATIENCE.toMillis()) {
        hand();
      }
      times = times();
    }
    hand();
    setTimer(times);
  }

  /** Sets going a batch of each kind that is due; whether there was anything to do. */
  private boolean setGoing(Times times) {
    int done = 0;
    if (times.waiting <= times.now) {
      done += wakeWaiting();
    }
    if (times.later <= times.now) {
      LaterTurns.Begun batch = parts.later().begin(BATCH);
      begun(batch);
      done += batch.turns().size();
    }
    if (times.schedule <= times.now) {
      done += parts.schedules().fire(BATCH, this::begun);
    }
    return done > 0;
  }

  /**
   * When what is due next, by the database's clock; {@link Long#MAX_VALUE} for never.
   *
   * @param now the same clock
   */
  private record Times(long now, long waiting, long later, long schedule) {
    long due() {
      return Math.min(waiting, Math.min(later, schedule));
    }
  }

  /** Asked as work that writes: what only reads waits behind all turns that are just beginning. */
  private Times times() {
    return parts
        .database()
        .write(tx ->
            new Times(
                tx.now(),
                TurnQueue.nextWake(tx).orElse(Long.MAX_VALUE),
                LaterTurns.nextDue(tx).orElse(Long.MAX_VALUE),
                parts.schedules().next(tx).orElse(Long.MAX_VALUE)));
  }

  private void setTimer(Times times) {
    long poll = parts.config().poll().toMillis();
    // What another node is just setting going is looked at again with the next poll.
    long wait = times.due() <= times.now ? poll : Math.min(times.due() - times.now, poll);
    next = Duration.ofMillis(wait);
    set.set(times.now + wait);
  }

  /** Those that are to be reminded first: they wait on, until later. */
  private int wakeWaiting() {
    List<Duration> reminders = parts.later().limits().reminders();
    int reminded = reminders.isEmpty() ? 0 : queue.remindDue(reminders, BATCH);
    if (reminded == BATCH) {
      return reminded;
    }
    List<String> woken = queue.wakeDue(BATCH);
    going.addAll(woken);
    return reminded + woken.size();
  }

  private void begun(LaterTurns.Begun batch) {
    going.addAll(batch.turns());
    owners.addAll(batch.owners());
  }

  /** Lets what has been set going be claimed, here or elsewhere. */
  private void hand() {
    if (!going.isEmpty()) {
      claim.run();
      new LaterTurns.Begun(List.copyOf(going), Set.copyOf(owners)).publish(parts.database());
      going.clear();
      owners.clear();
    }
  }
}

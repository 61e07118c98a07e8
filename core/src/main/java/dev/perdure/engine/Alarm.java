package dev.perdure.engine;

import dev.perdure.chat.LaterTurns;
import dev.perdure.engine.TurnQueue.Claim;
import dev.perdure.protocol.PerdureException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Sets going what is due: turns that have waited for their time, turns for later, schedules, and
 * reminders. One thread and one timer for all of them, set to the nearest due time by the
 * database's clock; whatever its number, what is not due costs a look into three indexes per poll.
 * Any node may set going what another one has stored. Thread-safe.
 *
 * <p>As a message that comes, what is due takes a free place of this node at once while nobody
 * waits for one. When a batch does not fit any more, the rest goes through the queue, where the
 * last places are shared fairly.
 */
final class Alarm {
  /** Transactions at the same time for each kind of turns, where several can write. */
  private static final int HANDS = 2;

  /**
   * How long the first of a crowd that this node has taken waits until it has all of it: what runs
   * takes from what sets going the processors, and on SQLite the one writer.
   */
  private static final Duration CROWD_PATIENCE = Duration.ofSeconds(1);

  /** What this node has room for. */
  interface Places {
    /** Takes as many places, unless there are fewer or others wait for one. */
    boolean take(int places);

    void giveBack(int places);

    /** Runs what has a place, and what was taken from the database for it. */
    void launch(List<Claim> claims);

    /** Something has come into the queue. */
    void queued();
  }

  private final EngineParts parts;
  private final DueTurns turns;
  private final Places places;
  private final BooleanSupplier draining;
  private final int batch;
  private final int hands;
  private final Loop loop;

  /** When the timer will go off, by the database's clock; 0 while it is not set. */
  private final AtomicLong set = new AtomicLong();

  /** For the loop's thread. */
  private Duration next;

  /** What this node has taken and does not run yet; for the loop's thread. */
  private final List<Claim> held = new ArrayList<>();

  /** Since when it has the first of them; for the loop's thread. */
  private long heldSince;

  Alarm(EngineParts parts, Places places, BooleanSupplier draining) {
    this.parts = parts;
    this.turns = new DueTurns(parts);
    this.places = places;
    this.draining = draining;
    this.batch = parts.config().claimBatch();
    this.hands = parts.database().shared() ? HANDS : 1;
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
    // What is due and cannot be had is in the hands of another node.
    boolean more = true;
    try {
      while (more && times.due() <= times.now && !draining.getAsBoolean()) {
        more = setGoing(times);
        times = times();
      }
    } finally {
      launch();
    }
    setTimer(times);
  }

  /** Sets going some of each kind that is due; whether there was anything to do. */
  private boolean setGoing(Times times) {
    List<Hand> all = new ArrayList<>();
    if (times.waiting <= times.now) {
      reach(times.waitingDue, turns::wake, all);
    }
    if (times.later <= times.now) {
      reach(times.laterDue, turns::begin, all);
    }
    int done = 0;
    try {
      done += keep(all);
    } finally {
      // What is wrong with turns is nothing to schedules.
      if (times.schedule <= times.now) {
        // All that are due, however long that takes: for what is held it could be longer than a
        // lease.
        launch();
        done += parts.schedules().fire(batch, this::begun);
      }
    }
    return done > 0;
  }

  private interface Taking {
    DueTurns.Batch take(int atMost, boolean here);
  }

  /** A batch that is being taken, for this node if it has places for all of it. */
  private record Hand(int due, boolean here, CompletableFuture<DueTurns.Batch> taken) {}

  /** Begins to take so many. What one hand has locked, the others pass over. */
  private void reach(int due, Taking from, List<Hand> into) {
    for (int left = due; left > 0; left -= batch) {
      int some = Math.min(left, batch);
      boolean here = places.take(some);
      CompletableFuture<DueTurns.Batch> taken = new CompletableFuture<>();
      into.add(new Hand(some, here, taken));
      Thread.ofVirtual()
          .name("perdure-due")
          .start(() -> {
            try {
              taken.complete(from.take(some, here));
            } catch (RuntimeException | Error e) {
              taken.completeExceptionally(e);
            }
          });
    }
  }

  /** Waits for all hands, keeps what they have taken, and says how much they found. */
  private int keep(List<Hand> all) {
    int done = 0;
    @Nullable CompletionException failure = null;
    for (Hand hand : all) {
      int claimed = 0;
      try {
        DueTurns.Batch found = hand.taken.join();
        claimed = found.claims().size();
        if (held.isEmpty()) {
          heldSince = parts.clock().millis();
        }
        held.addAll(found.claims());
        begun(found.begun());
        done += found.count();
      } catch (CompletionException e) {
        failure = e;
      } finally {
        if (hand.here) {
          places.giveBack(hand.due - claimed);
        }
      }
    }
    if (failure != null) {
      throw failure.getCause() instanceof PerdureException known ? known : failure;
    }
    if (!held.isEmpty() && parts.clock().millis() - heldSince > CROWD_PATIENCE.toMillis()) {
      launch();
    }
    return done;
  }

  /** Lets what is in the queue be claimed, here or elsewhere. */
  private void begun(LaterTurns.Begun batch) {
    if (!batch.queued().isEmpty()) {
      places.queued();
    }
    batch.publish(parts.database());
  }

  private void launch() {
    List<Claim> claims = List.copyOf(held);
    held.clear();
    places.launch(claims);
  }

  /**
   * When what is due next, by the database's clock; {@link Long#MAX_VALUE} for never.
   *
   * @param now the same clock
   * @param waitingDue how many of these are due now, up to what is taken at once
   * @param laterDue of these
   */
  private record Times(
      long now, long waiting, int waitingDue, long later, int laterDue, long schedule) {
    long due() {
      return Math.min(waiting, Math.min(later, schedule));
    }
  }

  private Times times() {
    return parts
        .database()
        .urgently(tx -> {
          long now = tx.now();
          long waiting = DueTurns.nextWake(tx).orElse(Long.MAX_VALUE);
          long later = LaterTurns.nextDue(tx).orElse(Long.MAX_VALUE);
          return new Times(
              now,
              waiting,
              waiting <= now ? DueTurns.waitingDue(tx, batch * hands) : 0,
              later,
              later <= now ? DueTurns.laterDue(tx, batch * hands) : 0,
              parts.schedules().next(tx).orElse(Long.MAX_VALUE));
        });
  }

  private void setTimer(Times times) {
    long poll = parts.config().poll().toMillis();
    // What another node is just setting going is looked at again with the next poll.
    long wait = times.due() <= times.now ? poll : Math.min(times.due() - times.now, poll);
    next = Duration.ofMillis(wait);
    set.set(times.now + wait);
  }
}

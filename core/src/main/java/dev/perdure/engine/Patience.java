package dev.perdure.engine;

import dev.perdure.engine.LaneControl.Stop;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Waits out a database that is away: repeats what it refuses for now, with growing pauses, until it
 * works or the waiting is stopped. Thread-safe.
 */
final class Patience {
  private static final Logger LOG = System.getLogger(Patience.class.getName());
  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(2);

  private final String turn;
  private final LaneControl control;
  private final Timers timers;

  /**
   * @param control whose stop ends the waiting
   */
  Patience(String turn, LaneControl control, Timers timers) {
    this.turn = turn;
    this.control = control;
    this.timers = timers;
  }

  /** Whose stop ends the waiting. */
  LaneControl control() {
    return control;
  }

  /**
   * What the work returns, as soon as the database lets it.
   *
   * @return null if the work returns it, or the waiting was stopped
   */
  <T> @Nullable T until(Supplier<@Nullable T> work) {
    Duration pause = FIRST_PAUSE;
    while (control.stopped() == Stop.NONE) {
      try {
        return work.get();
      } catch (PerdureException e) {
        if (e.code() != ErrorCode.DATABASE_UNAVAILABLE) {
          throw e;
        }
        LOG.log(
            Level.WARNING,
            "Turn {0} waits for the database: {1} Next try in {2} ms.",
            turn,
            e.getMessage(),
            pause.toMillis());
        control.pause(pause, timers);
        pause = pause.multipliedBy(2);
        pause = pause.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause;
      }
    }
    return null;
  }
}

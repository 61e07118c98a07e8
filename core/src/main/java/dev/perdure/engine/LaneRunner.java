package dev.perdure.engine;

import static java.util.Objects.requireNonNull;

import dev.perdure.chat.ToolLimits;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.engine.LaneControl.Stop;
import dev.perdure.log.FencedException;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.protocol.TurnFold.StepSnapshot;
import dev.perdure.tool.Tools;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One model's reply, step by step: the model speaks, the tools that it asked for run, it speaks
 * again, until the lane has ended, must wait, or must be let go. The log is the journal: a step
 * whose {@code step.ended} is in it is never asked for again, and a call whose {@code
 * tool.returned} is in it is never made again. Runs on one thread; reached by others through its
 * {@link LaneControl} only.
 */
final class LaneRunner {
  private static final Logger LOG = System.getLogger(LaneRunner.class.getName());

  private final LaneWork work;
  private final int lane;
  private final LaneControl control;
  private @Nullable Offer offer;
  private @Nullable CallBudget budget;
  private @Nullable Compactor compactor;

  LaneRunner(LaneWork work) {
    this.work = work;
    this.lane = work.lane();
    this.control = work.control();
  }

  /** How a run of a lane came out. */
  enum End {
    /** Its {@code lane.ended} is written. */
    ENDED,
    /** All that is left to do waits for others. */
    WAITING,
    /** It was stopped without an end. */
    LET_GO
  }

  /**
   * Runs the lane as far as it goes.
   *
   * @param reason why this is not the lane's first attempt; null if it is
   */
  End run(@Nullable String reason) {
    budget =
        new CallBudget(
            work.parts().database(),
            work.turn().id(),
            lane,
            work.parts().config().retry().calls(),
            // A lane that goes on after a wait has no reason either, but has made calls.
            reason == null && work.claim().epoch() == 1 && work.now().attempt() == 0);
    compactor = new Compactor(work, budget);
    try {
      offer = Offer.of(work);
      if (offer == null) {
        return end(control.stopped());
      }
      @Nullable String why = reason;
      while (true) {
        Optional<End> end = step(why);
        if (end.isPresent()) {
          return end.get();
        }
        why = null;
      }
    } catch (FencedException e) {
      LOG.log(Level.INFO, e.getMessage());
      return End.LET_GO;
    } catch (RuntimeException e) {
      if (control.stopped() == Stop.RELEASED) {
        return End.LET_GO;
      }
      if (e instanceof PerdureException known && known.isNewer()) {
        throw known;
      }
      work.end(failed(error(e)));
      return End.ENDED;
    }
  }

  /** Does what is next; empty if there is more to do. */
  private Optional<End> step(@Nullable String reason) {
    LaneSnapshot now = work.now();
    // A retry of a lane that has ended begins anew.
    @Nullable StepSnapshot last =
        now.state().terminal() || now.steps().isEmpty() ? null : now.steps().getLast();
    if (last == null || !last.ended()) {
      return model(now, last == null ? 0 : last.step(), reason);
    }
    switch (new ToolStep(work, requireNonNull(offer), last).run()) {
      case DONE -> {}
      case WAITING -> {
        return Optional.of(End.WAITING);
      }
      case STOPPED -> {
        return Optional.of(end(control.stopped()));
      }
    }
    @Nullable TurnError limit = limit(now, last.step() + 1);
    if (limit != null) {
      work.end(failed(limit));
      return Optional.of(End.ENDED);
    }
    return model(work.now(), last.step() + 1, null);
  }

  private Optional<End> model(LaneSnapshot now, int step, @Nullable String reason) {
    if (TurnRunner.TAKEOVER.equals(reason) && work.turn().request().recovery() == Recovery.FAIL) {
      work.end(
          failed(
              new TurnError(
                  ErrorCode.INTERRUPTED.wire(),
                  "The server stopped while it worked on this reply, and recovery is 'fail'.",
                  true)));
      return Optional.of(End.ENDED);
    }
    return switch (new ModelStep(
            work,
            requireNonNull(offer),
            requireNonNull(budget),
            requireNonNull(compactor),
            step,
            now)
        .run(reason)) {
      case ModelStep.Outcome.Asked ignored -> Optional.empty();
      case ModelStep.Outcome.LetGo ignored -> Optional.of(End.LET_GO);
      case ModelStep.Outcome.Over over -> {
        work.end(over.event());
        yield Optional.of(End.ENDED);
      }
    };
  }

  private @Nullable TurnError limit(LaneSnapshot now, int next) {
    Tools.Limits limits = work.parts().tools().limits();
    ToolLimits own = work.turn().request().limits();
    int steps = own.steps() == null ? limits.maxSteps() : Math.min(own.steps(), limits.maxSteps());
    long budgeted =
        own.tokens() == null ? limits.maxTokens() : Math.min(own.tokens(), limits.maxTokens());
    if (next >= steps) {
      return new TurnError(
          ErrorCode.STEP_LIMIT.wire(),
          "The model asked for tools in "
              + steps
              + " steps without coming to an end; more are not allowed.",
          false);
    }
    long tokens = now.usage().input() + now.usage().output();
    if (tokens >= budgeted) {
      return new TurnError(
          ErrorCode.TOKEN_LIMIT.wire(),
          "The reply has used "
              + tokens
              + " tokens; no further step begins from "
              + budgeted
              + " on.",
          false);
    }
    return null;
  }

  private End end(Stop why) {
    if (why == Stop.RELEASED || why == Stop.NONE) {
      return End.LET_GO;
    }
    work.end(stopped(lane, why, work.parts().config()));
    return End.ENDED;
  }

  /** The end of a lane that was stopped by others. */
  static LaneEnded stopped(int lane, Stop why, EngineConfig config) {
    return switch (why) {
      case CANCELLED -> new LaneEnded(lane, LaneState.CANCELLED, null, null);
      case TIMED_OUT ->
          new LaneEnded(
              lane,
              LaneState.FAILED,
              null,
              new TurnError(
                  ErrorCode.TURN_TIMEOUT.wire(),
                  "The turn took longer than "
                      + config.turnTimeLimit().toSeconds()
                      + " s and was stopped.",
                  true));
      case NONE, RELEASED -> throw new IllegalArgumentException("Not an end: " + why);
    };
  }

  private TurnError error(RuntimeException e) {
    String turn = work.turn().id();
    if (e instanceof PerdureException known) {
      LOG.log(Level.WARNING, "Lane {0} of {1} fails: {2}", lane, turn, known.getMessage());
      return new TurnError(
          known.code().wire(), requireNonNull(known.getMessage()), known.code().retryable());
    }
    LOG.log(Level.ERROR, "Lane " + lane + " of " + turn + " fails by a bug here.", e);
    return new TurnError(
        ErrorCode.INTERNAL.wire(),
        "The server failed while it worked on this reply; its log says why.",
        true);
  }

  private LaneEnded failed(TurnError error) {
    return new LaneEnded(lane, LaneState.FAILED, null, error);
  }
}

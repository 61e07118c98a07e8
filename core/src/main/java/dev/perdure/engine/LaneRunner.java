package dev.perdure.engine;

import static java.util.Objects.requireNonNull;

import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.context.ModelCall;
import dev.perdure.engine.LaneControl.Stop;
import dev.perdure.log.FencedException;
import dev.perdure.log.TurnWriter;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.PartEnded;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.protocol.TurnEvent.UsageReported;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.provider.ModelEvent;
import dev.perdure.provider.ModelEvent.Delta;
import dev.perdure.provider.ModelEvent.Finished;
import dev.perdure.provider.ModelEvent.Usage;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelStream;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.Providers.Target;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One model's reply: attempt after attempt, model after model, until the lane has ended or must be
 * let go. Runs on one thread; reached by others through its {@link LaneControl} only.
 */
final class LaneRunner {
  private static final Logger LOG = System.getLogger(LaneRunner.class.getName());

  /** The only step of a lane so far: one model call. */
  private static final int STEP = 0;

  /** The longest text of one attempt, all parts together, in UTF-16 units. */
  static final int MAX_REPLY_CHARS = 4 * 1024 * 1024;

  /** Parts of one attempt. */
  static final int MAX_PARTS = 10_000;

  private final EngineParts parts;
  private final EngineMetrics metrics;
  private final Turn turn;
  private final int lane;
  private final TurnWriter writer;
  private final LaneControl control;
  private final TurnQueue queue;
  private final Patience patience;

  private final List<String> models;
  private final long startedMillis;
  private @Nullable CallBudget budget;
  private int attempt;
  private boolean hasContent;

  LaneRunner(
      EngineParts parts,
      EngineMetrics metrics,
      TurnQueue queue,
      Turn turn,
      int lane,
      TurnWriter writer,
      LaneControl control) {
    this.parts = parts;
    this.metrics = metrics;
    this.queue = queue;
    this.turn = turn;
    this.lane = lane;
    this.writer = writer;
    this.control = control;
    this.patience = new Patience(turn.id(), control, parts.timers());
    LaneSnapshot before = writer.lane(lane);
    this.attempt = before.attempt();
    this.hasContent = !before.parts().isEmpty();
    this.startedMillis = parts.clock().millis();
    Set<String> all = new LinkedHashSet<>();
    all.add(turn.request().models().get(lane));
    all.addAll(turn.request().fallbacks());
    this.models = List.copyOf(all);
  }

  /**
   * Runs the lane to its {@code lane.ended}.
   *
   * @param reason why this is not the lane's first attempt; null if it is
   * @return false if the lane was let go without an end
   */
  boolean run(@Nullable String reason) {
    budget =
        new CallBudget(
            parts.database(),
            turn.id(),
            lane,
            parts.config().retry().calls(),
            reason == null && writer.snapshot().epoch() == 1);
    try {
      @Nullable LaneEnded end = begin(reason);
      if (end == null) {
        return false;
      }
      writer.append(end);
      return true;
    } catch (FencedException e) {
      LOG.log(Level.INFO, e.getMessage());
      return false;
    } catch (RuntimeException e) {
      if (control.stopped() == Stop.RELEASED) {
        return false;
      }
      writer.append(failed(error(e)));
      return true;
    }
  }

  private TurnError error(RuntimeException e) {
    if (e instanceof PerdureException known) {
      LOG.log(Level.WARNING, "Lane {0} of {1} fails: {2}", lane, turn.id(), known.getMessage());
      return new TurnError(
          known.code().wire(), requireNonNull(known.getMessage()), known.code().retryable());
    }
    LOG.log(Level.ERROR, "Lane " + lane + " of " + turn.id() + " fails by a bug here.", e);
    return new TurnError(
        ErrorCode.INTERNAL.wire(),
        "The server failed while it worked on this reply; its log says why.",
        true);
  }

  private @Nullable LaneEnded begin(@Nullable String reason) {
    boolean interrupted = TurnRunner.TAKEOVER.equals(reason);
    if (interrupted && turn.request().recovery() == Recovery.FAIL) {
      return failed(
          new TurnError(
              ErrorCode.INTERRUPTED.wire(),
              "The server stopped while it worked on this reply, and recovery is 'fail'.",
              true));
    }
    @Nullable String why = reason;
    @Nullable ProviderException last = null;
    for (String model : models) {
      if (last != null) {
        metrics.fallback();
        why = "fallback";
      }
      Result result = tryModel(model, why);
      switch (result) {
        case Ended ended -> {
          return ended.event;
        }
        case LetGo ignored -> {
          return null;
        }
        case GivenUp given -> last = given.failure;
      }
      if (!mayFallBack(last)) {
        break;
      }
    }
    ProviderException failure = requireNonNull(last, "no model was tried");
    return failed(
        new TurnError(
            failure.kind().wire(),
            requireNonNull(failure.getMessage()),
            failure.kind().retryable()));
  }

  /** How the tries of one model came out. */
  private sealed interface Result {}

  private record Ended(LaneEnded event) implements Result {}

  private record LetGo() implements Result {}

  private record GivenUp(ProviderException failure) implements Result {}

  private Result tryModel(String model, @Nullable String firstReason) {
    @Nullable String reason = firstReason;
    for (int tries = 1; ; tries++) {
      Optional<Result> stopped = stopped();
      if (stopped.isPresent()) {
        return stopped.get();
      }
      attempt++;
      try {
        FinishReason finish = callOnce(model, reason);
        return new Ended(new LaneEnded(lane, LaneState.COMPLETED, finish, null));
      } catch (ProviderException e) {
        stopped = stopped();
        if (stopped.isPresent()) {
          return stopped.get();
        }
        metrics.failure(e.kind());
        Duration elapsed = Duration.ofMillis(parts.clock().millis() - startedMillis);
        // To wait for a model that is left alone is the last resort.
        boolean another = !model.equals(models.getLast());
        Optional<Duration> pause =
            e.kind().retryable() && !(e.kind() == Kind.CIRCUIT_OPEN && another)
                ? parts.config().retry().pause(tries, elapsed, e.retryAfter(), parts.random())
                : Optional.empty();
        if (pause.isEmpty()) {
          return new GivenUp(e);
        }
        reason = e.kind().wire();
        writer.append(
            new Notice(
                "retrying",
                e.getMessage() + " Trying again in " + pause.get().toMillis() + " ms.",
                lane));
        control.pause(pause.get(), parts.timers());
      }
    }
  }

  /** What a stop by others makes of the lane; empty if there is none. */
  private Optional<Result> stopped() {
    return switch (control.stopped()) {
      case NONE -> Optional.empty();
      case CANCELLED ->
          Optional.of(new Ended(new LaneEnded(lane, LaneState.CANCELLED, null, null)));
      case TIMED_OUT ->
          Optional.of(
              new Ended(
                  failed(
                      new TurnError(
                          ErrorCode.TURN_TIMEOUT.wire(),
                          "The turn took longer than "
                              + parts.config().turnTimeLimit().toSeconds()
                              + " s and was stopped.",
                          true))));
      case RELEASED -> Optional.of(new LetGo());
    };
  }

  /** One call to a model, from the request to its terminator. */
  private FinishReason callOnce(String model, @Nullable String reason) throws ProviderException {
    Target target = parts.providers().resolve(model);
    // The durable intent is read before every call: a cancel that committed in time is obeyed even
    // if its hint was lost.
    @Nullable Boolean cancelAsked = patience.until(() -> queue.cancelAsked(turn.id(), lane));
    if (Boolean.TRUE.equals(cancelAsked)) {
      control.stop(Stop.CANCELLED);
    }
    @Nullable ModelRequest request =
        patience.until(() ->
            parts
                .context()
                .build(
                    turn, new ModelCall(lane, STEP, attempt, model, parts.config().callLimits())));
    CallBudget calls = requireNonNull(budget);
    if (request == null || patience.until(calls::take) == null) {
      throw stoppedBefore();
    }
    try (ModelStream stream = target.provider().open(request)) {
      if (!control.attach(stream)) {
        throw stoppedBefore();
      }
      metrics.attempt();
      try {
        return new Attempt(model, reason).pump(stream);
      } finally {
        control.detach();
      }
    }
  }

  private static ProviderException stoppedBefore() {
    return new ProviderException(Kind.CANCELLED, "Stopped before the provider was called.");
  }

  /** From model events to turn events, for one attempt. */
  private final class Attempt {
    private final AttemptStarted start;
    private boolean started;
    private int part = -1;
    private int parts;
    private int chars;

    private @Nullable TokenUsage usage;

    Attempt(String model, @Nullable String reason) {
      this.start = new AttemptStarted(lane, STEP, attempt, model, attempt == 1 ? null : reason);
      if (!hasContent) {
        start();
      }
    }

    FinishReason pump(ModelStream stream) throws ProviderException {
      @Nullable FinishReason finish = null;
      try {
        for (ModelEvent event = stream.next(); event != null; event = stream.next()) {
          switch (event) {
            case Delta delta -> take(delta);
            case Usage report -> usage = report.usage();
            case Finished finished -> finish = finished.reason();
            case ModelEvent.ToolCall ignored -> {}
            case ModelEvent.Carried ignored -> {}
          }
        }
      } finally {
        // Also of an attempt that failed: it was paid for.
        if (usage != null && control.stopped() != Stop.RELEASED) {
          writer.append(new UsageReported(lane, attempt, usage));
        }
      }
      if (finish == null) {
        throw new ProviderException(
            Kind.TRUNCATED, "The provider ended the reply without a reason.");
      }
      start();
      endPart();
      return finish;
    }

    /** The event that voids the attempt before: not before there is something in its place. */
    private void start() {
      if (!started) {
        started = true;
        writer.append(start);
      }
    }

    private void take(Delta delta) {
      bound(delta.text().length());
      start();
      if (delta.part() != part) {
        endPart();
        parts++;
        part = delta.part();
        writer.append(new PartStarted(lane, attempt, part, delta.kind()));
        hasContent = true;
      }
      if (!delta.text().isEmpty()) {
        writer.append(new PartDelta(lane, attempt, part, delta.text()));
      }
    }

    /** A reply without an end must end before the memory does: all of it is folded in here. */
    private void bound(int more) {
      if (more > MAX_REPLY_CHARS - chars || parts > MAX_PARTS) {
        throw new PerdureException(
            ErrorCode.TOO_LARGE,
            "The reply is longer than "
                + MAX_REPLY_CHARS
                + " characters in "
                + MAX_PARTS
                + " parts and was stopped; what came before is kept. Ask for a shorter one, or"
                + " limit its length.");
      }
      chars += more;
    }

    private void endPart() {
      if (part >= 0) {
        writer.append(new PartEnded(lane, attempt, part));
      }
    }
  }

  /** Another model cannot mend a request that is itself wrong or filtered. */
  private static boolean mayFallBack(ProviderException e) {
    return switch (e.kind()) {
      case RATE_LIMITED,
          OVERLOADED,
          SERVER,
          CONNECT,
          FIRST_TOKEN_TIMEOUT,
          IDLE_TIMEOUT,
          TRUNCATED,
          MALFORMED,
          STREAM_ERROR,
          AUTH,
          INVALID,
          CIRCUIT_OPEN ->
          true;
      case CONTENT_FILTER, CANCELLED -> false;
    };
  }

  private LaneEnded failed(TurnError error) {
    return new LaneEnded(lane, LaneState.FAILED, null, error);
  }
}

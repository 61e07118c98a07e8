package dev.perdure.engine;

import static java.util.Objects.requireNonNull;

import dev.perdure.chat.Turn;
import dev.perdure.context.ContextBuilder;
import dev.perdure.context.ContextBuilder.Built;
import dev.perdure.context.ModelCall;
import dev.perdure.context.Offered;
import dev.perdure.engine.LaneControl.Stop;
import dev.perdure.log.TurnWriter;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.Source;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.PartEnded;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.protocol.TurnEvent.StepEnded;
import dev.perdure.protocol.TurnEvent.ToolCalled;
import dev.perdure.protocol.TurnEvent.UsageReported;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.protocol.TurnFold.StepSnapshot;
import dev.perdure.provider.ModelEvent;
import dev.perdure.provider.ModelEvent.Delta;
import dev.perdure.provider.ModelEvent.Finished;
import dev.perdure.provider.ModelEvent.Usage;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelStream;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.Providers.Target;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The model's share of one step: attempt after attempt, model after model, until one reply is
 * complete or the step must be let go. Runs on one thread; reached by others through the lane's
 * {@link LaneControl} only.
 */
final class ModelStep {
  /** The longest text of one attempt, all parts together, in UTF-16 units. */
  static final int MAX_REPLY_CHARS = 4 * 1024 * 1024;

  /** As in "does not support tools" or "function calling is not enabled". */
  private static final Pattern TOOLS = Pattern.compile("(?i)\\b(tool|function)");

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
  private final CallGates gates;
  private final String tenant;
  private final Offer offer;
  private final CallBudget budget;
  private final Compactor compactor;
  private final Ids ids;

  private final int step;
  private final List<StepSnapshot> before;
  private final int firstPart;
  private final List<String> models;
  private final @Nullable ReplyForm form;
  private final long startedMillis;
  private int attempt;
  private boolean hasContent;

  /**
   * @param step its number
   * @param now the lane as it stands; steps from this one on will be void
   */
  ModelStep(
      LaneWork work,
      Offer offer,
      CallBudget budget,
      Compactor compactor,
      int step,
      LaneSnapshot now) {
    this.parts = work.parts();
    this.metrics = work.metrics();
    this.queue = work.queue();
    this.turn = work.turn();
    this.lane = work.lane();
    this.writer = work.writer();
    this.control = work.control();
    this.patience = work.patience();
    this.gates = work.gates();
    this.tenant = work.owner().tenant();
    this.offer = offer;
    this.budget = budget;
    this.compactor = compactor;
    this.ids = new Ids(parts.clock(), parts.random());
    this.step = step;
    this.before = now.steps().stream().filter(earlier -> earlier.step() < step).toList();
    this.firstPart = before.stream().mapToInt(earlier -> earlier.parts().size()).sum();
    this.attempt = now.attempt();
    this.hasContent =
        now.steps().stream()
            .filter(later -> later.step() >= step)
            .anyMatch(later -> !later.parts().isEmpty() || !later.calls().isEmpty());
    this.form = ReplyForm.of(turn.request());
    this.startedMillis = parts.clock().millis();
    Set<String> all = new LinkedHashSet<>();
    all.add(turn.request().models().get(lane));
    all.addAll(turn.request().fallbacks());
    this.models = List.copyOf(all);
  }

  /** How a step came out. */
  sealed interface Outcome {
    /** Tools are to be run; {@code step.ended} is written. */
    record Asked() implements Outcome {}

    /** The lane is over; the event is not written yet. */
    record Over(LaneEnded event) implements Outcome {}

    /** The lane was let go without an end. */
    record LetGo() implements Outcome {}
  }

  /**
   * Runs the step.
   *
   * @param reason why this is not its first attempt; null if it is
   */
  Outcome run(@Nullable String reason) {
    @Nullable String why = reason;
    @Nullable ProviderException last = null;
    for (String model : models) {
      if (last != null) {
        metrics.fallback();
        why = "fallback";
      }
      Result result = tryModel(model, why);
      switch (result) {
        case Done done -> {
          return done.outcome;
        }
        case GivenUp given -> last = given.failure;
      }
      if (!mayFallBack(last)) {
        break;
      }
    }
    ProviderException failure = requireNonNull(last, "no model was tried");
    return new Outcome.Over(
        failed(
            new TurnError(
                failure.kind().wire(),
                requireNonNull(failure.getMessage()),
                failure.kind().retryable())));
  }

  /** How the tries of one model came out. */
  private sealed interface Result {}

  private record Done(Outcome outcome) implements Result {}

  private record GivenUp(ProviderException failure) implements Result {}

  private Result tryModel(String model, @Nullable String firstReason) {
    @Nullable String reason = firstReason;
    int tries = 0;
    while (true) {
      Optional<Outcome> stopped = stopped();
      if (stopped.isPresent()) {
        return new Done(stopped.get());
      }
      attempt++;
      try {
        Optional<Outcome> outcome = callOnce(model, reason);
        if (outcome.isPresent()) {
          return new Done(outcome.get());
        }
        reason = ErrorCode.INVALID_OUTPUT.wire();
      } catch (ProviderException e) {
        stopped = stopped();
        if (stopped.isPresent()) {
          return new Done(stopped.get());
        }
        metrics.failure(e.kind());
        if (refusesTools(e) && before.isEmpty() && offer.withdraw(model)) {
          reason = e.kind().wire();
          writer.append(
              new Notice(
                  "degraded",
                  e.getMessage() + " Trying again without tools, which it may not know.",
                  lane));
          continue;
        }
        // A call that the circuit breaker has not let out is no try.
        tries += e.kind() == Kind.CIRCUIT_OPEN ? 0 : 1;
        Duration elapsed = Duration.ofMillis(parts.clock().millis() - startedMillis);
        // To wait for a model that is left alone is the last resort.
        boolean another = !model.equals(models.getLast());
        Optional<Duration> pause =
            e.kind().retryable() && !(e.kind() == Kind.CIRCUIT_OPEN && another)
                ? parts
                    .config()
                    .retry()
                    .pause(Math.max(1, tries), elapsed, e.retryAfter(), parts.random())
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

  /** Models without tools say so in words only. */
  private static boolean refusesTools(ProviderException e) {
    return e.kind() == Kind.INVALID && TOOLS.matcher(requireNonNull(e.getMessage())).find();
  }

  /** What a stop by others makes of the lane; empty if there is none. */
  private Optional<Outcome> stopped() {
    return switch (control.stopped()) {
      case NONE -> Optional.empty();
      case RELEASED -> Optional.of(new Outcome.LetGo());
      case CANCELLED, TIMED_OUT ->
          Optional.of(
              new Outcome.Over(LaneRunner.stopped(lane, control.stopped(), parts.config())));
    };
  }

  /** One call to a model, from the request to its terminator; empty if it is to be made again. */
  private Optional<Outcome> callOnce(String model, @Nullable String reason)
      throws ProviderException {
    Target target = parts.providers().resolve(model);
    Offered offered = offer.offered(model);
    ModelCall call =
        new ModelCall(
            lane, step, attempt, model, parts.config().callLimits(), target.provider(), offered);
    while (true) {
      CallGates.@Nullable Place place = gates.enter(model, tenant, control);
      if (place == null) {
        throw stoppedBefore();
      }
      try (place) {
        Built built = request(call);
        if (built != null) {
          return call(
              target,
              built.request().with(offered.specs(), EarlierSteps.of(before, model)),
              new Attempt(model, reason, place, built.sources()));
        }
      }
      // Its model has a gate of its own, which may be the same one.
      compactor.run(call);
    }
  }

  /** What the model is asked; null if older messages are to be summed up before. */
  private @Nullable Built request(ModelCall call) throws ProviderException {
    // The durable intent is read before every call: a cancel that committed in time is obeyed even
    // if its hint was lost.
    @Nullable Boolean cancelAsked =
        gates.reading(patience, () -> queue.cancelAsked(turn.id(), lane));
    if (Boolean.TRUE.equals(cancelAsked)) {
      control.stop(Stop.CANCELLED);
    }
    ContextBuilder.@Nullable Gathered gathered =
        gates.reading(patience, () -> parts.context().gather(turn, call));
    if (gathered == null) {
      throw stoppedBefore();
    }
    // Nobody who only wants to read stands behind a vector that is slow to come.
    gathered.await();
    @Nullable Built built = gates.reading(patience, gathered::build);
    if (built == null) {
      throw stoppedBefore();
    }
    return compactor.wants(built) ? null : built;
  }

  private Optional<Outcome> call(Target target, ModelRequest request, Attempt tried)
      throws ProviderException {
    if (patience.until(budget::take) == null) {
      throw stoppedBefore();
    }
    ModelRequest whole = request.then(form == null ? List.of() : form.after());
    try (ModelStream stream = target.provider().open(whole)) {
      if (!control.attach(stream::close)) {
        throw stoppedBefore();
      }
      metrics.attempt();
      try {
        return tried.pump(stream);
      } finally {
        control.detach();
      }
    } catch (ProviderException e) {
      tried.place.failed(e.kind());
      throw e;
    }
  }

  private static ProviderException stoppedBefore() {
    return new ProviderException(Kind.CANCELLED, "Stopped before the provider was called.");
  }

  /** From model events to turn events, for one attempt. */
  private final class Attempt {
    private final AttemptStarted start;
    private final CallGates.Place place;
    private boolean started;
    private int part = -1;
    private int parts;
    private int chars;

    private final List<ModelEvent.ToolCall> calls = new ArrayList<>();
    private @Nullable String carried;
    private @Nullable TokenUsage usage;
    private final StepSources sources;
    private boolean given;

    /** All that was said, if it must have a form. */
    private final StringBuilder text = new StringBuilder();

    Attempt(String model, @Nullable String reason, CallGates.Place place, List<Source> used) {
      this.start = new AttemptStarted(lane, step, attempt, model, attempt == 1 ? null : reason);
      this.place = place;
      this.sources = new StepSources(before, used);
    }

    Optional<Outcome> pump(ModelStream stream) throws ProviderException {
      if (!hasContent) {
        start();
      }
      @Nullable FinishReason finish = null;
      try {
        for (ModelEvent event = stream.next(); event != null; event = stream.next()) {
          place.begun();
          switch (event) {
            case Delta delta -> take(delta);
            case Usage report -> usage = report.usage();
            case Finished finished -> finish = finished.reason();
            case ModelEvent.ToolCall call -> calls.add(call);
            case ModelEvent.Carried form -> carried = form.json();
            case ModelEvent.Cited cited -> {
              sources.add(cited.source());
              tellSources();
            }
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
      // A reply that was cut short may have cut a call short.
      boolean whole = finish != FinishReason.LENGTH && finish != FinishReason.CONTENT_FILTER;
      if (calls.isEmpty() || !whole) {
        @Nullable String fault = form == null ? null : form.fault(text.toString(), finish);
        return fault == null
            ? Optional.of(new Outcome.Over(new LaneEnded(lane, LaneState.COMPLETED, finish, null)))
            : unfit(fault, whole);
      }
      given = true;
      tellSources();
      for (ModelEvent.ToolCall call : calls) {
        writer.append(
            new ToolCalled(lane, attempt, ids.call(), call.tool(), call.input(), call.ref()));
      }
      hasContent = true;
      writer.append(new StepEnded(lane, step, attempt, finish, carried));
      return Optional.of(new Outcome.Asked());
    }

    /** A reply that has not the form it must have: once, the model is told so. */
    private Optional<Outcome> unfit(String fault, boolean whole) {
      if (whole && requireNonNull(form).wish(text.toString(), fault)) {
        writer.append(ReplyForm.notice(lane, fault));
        return Optional.empty();
      }
      return Optional.of(new Outcome.Over(failed(ReplyForm.error(fault))));
    }

    /** The event that voids the attempt before: not before there is something in its place. */
    private void start() {
      if (!started) {
        started = true;
        writer.append(start);
      }
    }

    /** Not before the attempt has given something: what says nothing rests on nothing. */
    private void tellSources() {
      if (given) {
        sources.take(lane, attempt).forEach(writer::append);
      }
    }

    private void take(Delta delta) {
      bound(delta.text().length());
      start();
      given = true;
      tellSources();
      if (firstPart + delta.part() != part) {
        endPart();
        parts++;
        part = firstPart + delta.part();
        writer.append(new PartStarted(lane, attempt, part, delta.kind()));
        hasContent = true;
      }
      if (form != null && delta.kind() == PartKind.TEXT) {
        text.append(delta.text());
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

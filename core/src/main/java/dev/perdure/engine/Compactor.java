package dev.perdure.engine;

import dev.perdure.chat.Turn;
import dev.perdure.context.Compaction;
import dev.perdure.context.ContextBuilder.Built;
import dev.perdure.context.ModelCall;
import dev.perdure.context.Summary;
import dev.perdure.engine.LaneControl.Stop;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.protocol.TurnEvent.ContextCompacted;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.protocol.TurnEvent.UsageReported;
import dev.perdure.provider.ModelEvent;
import dev.perdure.provider.ModelStream;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.Providers.Target;
import dev.perdure.testing.FaultPoints.Point;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import org.jspecify.annotations.Nullable;

/**
 * Has a model sum up older messages before a reply that they no longer fit: a step of the lane's
 * own, whose row and event commit together, so that it is made once. Whatever goes wrong with it,
 * the reply goes on with what fits. Used by one lane's thread.
 */
final class Compactor {
  private static final Logger LOG = System.getLogger(Compactor.class.getName());

  /** What is read of a summary; the rest is cut off, in UTF-16 units. */
  private static final int MAX_CHARS = 100_000;

  private final LaneWork work;
  private final CallBudget budget;
  private boolean tried;

  Compactor(LaneWork work, CallBudget budget) {
    this.work = work;
    this.budget = budget;
  }

  /** Whether a summary should be made before this request is sent. */
  boolean wants(Built built) {
    return !tried && built.compaction() != null;
  }

  /**
   * Makes the summary that a call wants, once for the lane. Returns when it is durable, or when
   * there will be none.
   *
   * @throws dev.perdure.log.FencedException if another node holds the turn
   */
  void run(ModelCall call) {
    tried = true;
    // Lanes of one turn come one after the other: the summary of the first may do for the next.
    if (!work.compactions().enter(work.owner().tenant(), work.control())) {
      return;
    }
    try {
      Patience patience = work.patience();
      @Nullable Built now = patience.until(() -> work.parts().context().build(work.turn(), call));
      if (now != null && now.compaction() != null) {
        compact(now.compaction(), call.attempt());
      }
    } catch (ProviderException | PerdureException e) {
      if (work.control().stopped() == Stop.NONE) {
        failed(e);
      }
    } finally {
      work.compactions().leave();
    }
  }

  private void failed(Exception e) {
    LOG.log(
        Level.WARNING,
        "Turn {0} goes on without a summary of its older messages: {1}",
        work.turn().id(),
        e.getMessage());
    work.parts().context().compactionFailed(work.turn());
    work.writer()
        .append(
            new Notice(
                "degraded",
                "The older messages could not be summed up; the oldest are left out.",
                work.lane()));
  }

  private void compact(Compaction wanted, int attempt) throws ProviderException {
    Turn turn = work.turn();
    work.writer().append(new Notice("compacting", "Summing up the older messages.", work.lane()));
    String text = write(wanted, attempt);
    work.parts().faults().at(Point.COMPACTING);
    String id = new Ids(work.parts().clock(), work.parts().random()).summary();
    Summary summary = wanted.summary(id, turn, work.lane(), text);
    if (summary.text().isEmpty()) {
      throw new ProviderException(Kind.MALFORMED, "The summary is empty.");
    }
    work.writer()
        .append(
            new ContextCompacted(
                work.lane(), id, summary.model(), summary.upTo(), summary.messages()),
            (tx, then) -> summary.store(tx));
    work.writer().awaitDurable();
    work.parts().faults().at(Point.COMPACTED);
  }

  /** Asks the model; all of its text, or what of it came before a limit. */
  private String write(Compaction wanted, int attempt) throws ProviderException {
    Target target = work.parts().providers().resolve(wanted.model());
    LaneControl control = work.control();
    CallGates.@Nullable Place place =
        work.gates().enter(wanted.model(), work.owner().tenant(), control);
    if (place == null) {
      throw stopped();
    }
    try (place) {
      @Nullable Boolean cancelAsked =
          work.patience().until(() -> work.queue().cancelAsked(work.turn().id(), work.lane()));
      if (Boolean.TRUE.equals(cancelAsked)) {
        control.stop(Stop.CANCELLED);
      }
      @Nullable Boolean paid = work.patience().until(budget::takeSpare);
      if (paid == null) {
        throw stopped();
      }
      if (!paid) {
        throw new ProviderException(
            Kind.INVALID, "This lane has hardly any model calls left (engine.retry.maxCalls).");
      }
      try (ModelStream stream = target.provider().open(wanted.request())) {
        return read(stream, wanted, place, attempt);
      } catch (ProviderException e) {
        place.failed(e.kind());
        throw e;
      }
    }
  }

  private static ProviderException stopped() {
    return new ProviderException(Kind.CANCELLED, "Stopped before the provider was called.");
  }

  private String read(ModelStream stream, Compaction wanted, CallGates.Place place, int attempt)
      throws ProviderException {
    if (!work.control().attach(stream::close)) {
      throw stopped();
    }
    work.metrics().attempt();
    // Closing may block, which a timer's thread must not.
    Timers.Cancellable limit =
        work.parts().timers().after(wanted.within(), () -> Thread.ofVirtual().start(stream::close));
    @Nullable TokenUsage usage = null;
    @Nullable FinishReason finish = null;
    StringBuilder text = new StringBuilder();
    try {
      for (ModelEvent event = stream.next(); event != null; event = stream.next()) {
        place.begun();
        switch (event) {
          case ModelEvent.Delta delta -> {
            if (delta.kind() == PartKind.TEXT && text.length() < MAX_CHARS) {
              text.append(delta.text());
            }
          }
          case ModelEvent.Usage report -> usage = report.usage();
          case ModelEvent.Finished finished -> finish = finished.reason();
          case ModelEvent.ToolCall ignored -> {}
          case ModelEvent.Carried ignored -> {}
          case ModelEvent.Cited ignored -> {}
        }
      }
    } finally {
      limit.cancel();
      work.control().detach();
      if (usage != null && work.control().stopped() != Stop.RELEASED) {
        work.writer().append(new UsageReported(work.lane(), attempt, usage));
      }
    }
    // One that was cut at its limit lacks its end, which is better than all of it.
    if (finish != FinishReason.STOP && finish != FinishReason.LENGTH) {
      throw new ProviderException(Kind.TRUNCATED, "The summary has no end.");
    }
    return text.toString();
  }
}

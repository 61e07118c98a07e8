package dev.perdure.engine;

import dev.perdure.protocol.TurnState;
import dev.perdure.provider.ProviderException;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/** The engine's meters. Thread-safe. */
final class EngineMetrics {
  private final MeterRegistry registry;
  private final Counter attempts;
  private final Counter fallbacks;
  private final Counter takeovers;
  private final Counter claims;
  private final Map<ProviderException.Kind, Counter> failures =
      new EnumMap<>(ProviderException.Kind.class);
  private final Map<TurnState, Counter> ended = new EnumMap<>(TurnState.class);

  EngineMetrics(MeterRegistry registry, IntSupplier running, IntSupplier waitingCalls) {
    this.registry = registry;
    attempts = counter("perdure.model.calls", "Calls to models that were begun").register(registry);
    fallbacks =
        counter("perdure.model.fallbacks", "Attempts by a fallback model").register(registry);
    takeovers =
        counter("perdure.turns.taken.over", "Turns of dead nodes that were queued again")
            .register(registry);
    claims =
        counter("perdure.turns.claimed", "Turns that this node has taken from the queue")
            .register(registry);
    for (ProviderException.Kind kind : ProviderException.Kind.values()) {
      failures.put(
          kind,
          counter("perdure.model.failures", "Calls to models that have failed")
              .tag("kind", kind.wire())
              .register(registry));
    }
    for (TurnState state : TurnState.values()) {
      if (state.terminal()) {
        ended.put(
            state,
            counter("perdure.turns.ended", "Turns that this node has ended")
                .tag("state", state.wire())
                .register(registry));
      }
    }
    // From the beginning: an increase from nothing to one is none to who watches.
    List.of("done", "failed", "attention", "undone", "undo_failed").forEach(this::calls);
    Gauge.builder("perdure.turns.running", running::getAsInt)
        .description("Turns that this node runs")
        .register(registry);
    Gauge.builder("perdure.model.calls.waiting", waitingCalls::getAsInt)
        .description("Calls to models that wait for their provider to have room")
        .register(registry);
  }

  private static Counter.Builder counter(String name, String description) {
    return Counter.builder(name).description(description);
  }

  void attempt() {
    attempts.increment();
  }

  void fallback() {
    fallbacks.increment();
  }

  void claimed(int turns) {
    claims.increment(turns);
  }

  void takenOver(int turns) {
    takeovers.increment(turns);
  }

  void failure(ProviderException.Kind kind) {
    count(failures.get(kind));
  }

  /** A call of a tool has come out as one of the outcomes above. */
  void tool(String outcome) {
    calls(outcome).increment();
  }

  private Counter calls(String outcome) {
    return counter("perdure.tool.calls", "What became of calls of tools")
        .tag("outcome", outcome)
        .register(registry);
  }

  void ended(TurnState state) {
    count(ended.get(state));
  }

  private static void count(@Nullable Counter counter) {
    if (counter != null) {
      counter.increment();
    }
  }
}

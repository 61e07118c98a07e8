package dev.perdure.engine;

import dev.perdure.protocol.TurnState;
import dev.perdure.provider.ProviderException;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.EnumMap;
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
    attempts = registry.counter("perdure.model.calls");
    fallbacks = registry.counter("perdure.model.fallbacks");
    takeovers = registry.counter("perdure.turns.taken.over");
    claims = registry.counter("perdure.turns.claimed");
    for (ProviderException.Kind kind : ProviderException.Kind.values()) {
      failures.put(kind, registry.counter("perdure.model.failures", "kind", kind.wire()));
    }
    for (TurnState state : TurnState.values()) {
      if (state.terminal()) {
        ended.put(state, registry.counter("perdure.turns.ended", "state", state.wire()));
      }
    }
    Gauge.builder("perdure.turns.running", running::getAsInt).register(registry);
    Gauge.builder("perdure.model.calls.waiting", waitingCalls::getAsInt).register(registry);
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

  /** A call of a tool has come out as done, failed or attention. */
  void tool(String outcome) {
    registry.counter("perdure.tool.calls", "outcome", outcome).increment();
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

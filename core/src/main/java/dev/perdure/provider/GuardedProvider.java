package dev.perdure.provider;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.provider.ModelHealth.Circuit;
import dev.perdure.provider.ProviderException.Kind;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A provider with a circuit breaker for each of its models: one that keeps failing is left alone
 * for a while, so that turns go on with their fallback at once instead of after a row of time-outs,
 * and a vendor in trouble is not asked by everybody again and again. Thread-safe.
 *
 * <p>Only failures that say something about the vendor count: not a request that is wrong, and not
 * a call that we have cancelled.
 */
public final class GuardedProvider implements ModelProvider {
  /** Names of models come from callers, so there must be a bound; the least recently used goes. */
  private static final int MAX_MODELS = 256;

  /** When to come back to a model that is being tried out. */
  private static final Duration SOON = Duration.ofSeconds(1);

  private final ModelProvider provider;
  private final BreakerPolicy policy;
  private final InstantSource clock;
  private final CircuitBreakerConfig config;
  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private final Map<String, Watched> models = new LinkedHashMap<>(16, 0.75f, true);

  public GuardedProvider(ModelProvider provider, BreakerPolicy policy, InstantSource clock) {
    this.provider = provider;
    this.policy = policy;
    this.clock = clock;
    this.config =
        CircuitBreakerConfig.custom()
            .slidingWindow(
                policy.window(),
                policy.minimum(),
                CircuitBreakerConfig.SlidingWindowType.COUNT_BASED)
            .failureRateThreshold(policy.failurePercent())
            .waitDurationInOpenState(policy.rest())
            .permittedNumberOfCallsInHalfOpenState(policy.probes())
            .clock(clock.withZone(ZoneOffset.UTC))
            .writableStackTraceEnabled(false)
            .build();
  }

  @Override
  public String name() {
    return provider.name();
  }

  @Override
  public ModelStream open(ModelRequest request) {
    return new Guarded(provider.open(request), watched(request.model()), request.model());
  }

  @Override
  public boolean takes(String model, String mediaType) {
    return provider.takes(model, mediaType);
  }

  @Override
  public boolean forms(String model, ModelRequest.OutputSpec output) {
    return provider.forms(model, output);
  }

  /** What is kept of one model. */
  private static final class Watched {
    private final CircuitBreaker circuit;
    private final Latencies firstWord = new Latencies();

    /** Until when the circuit stays open, if it is. */
    private volatile Instant openUntil = Instant.MIN;

    Watched(String model, CircuitBreakerConfig config, Duration rest, InstantSource clock) {
      circuit = CircuitBreaker.of(model, config);
      circuit
          .getEventPublisher()
          .onStateTransition(event -> {
            if (event.getStateTransition().getToState() == CircuitBreaker.State.OPEN) {
              openUntil = clock.instant().plus(rest);
            }
          });
    }
  }

  private Watched watched(String model) {
    lock.lock();
    try {
      Watched watched =
          models.computeIfAbsent(model, name -> new Watched(name, config, policy.rest(), clock));
      if (models.size() > MAX_MODELS) {
        models.remove(models.keySet().iterator().next());
      }
      return watched;
    } finally {
      lock.unlock();
    }
  }

  /** How the models that were called last have done, as this node has seen it. */
  public List<ModelHealth> health() {
    List<ModelHealth> out = new ArrayList<>();
    lock.lock();
    try {
      models.forEach((model, watched) -> {
        CircuitBreaker.Metrics metrics = watched.circuit.getMetrics();
        out.add(
            new ModelHealth(
                provider.name() + "/" + model,
                circuit(watched.circuit.getState()),
                metrics.getNumberOfBufferedCalls(),
                metrics.getNumberOfFailedCalls(),
                watched.firstWord.quantile(0.5),
                watched.firstWord.quantile(0.95)));
      });
    } finally {
      lock.unlock();
    }
    return out.reversed();
  }

  private static Circuit circuit(CircuitBreaker.State state) {
    return switch (state) {
      case OPEN, FORCED_OPEN -> Circuit.OPEN;
      case HALF_OPEN -> Circuit.PROBING;
      case CLOSED, DISABLED, METRICS_ONLY -> Circuit.CLOSED;
    };
  }

  /** One call, which tells its breaker once how it came out. */
  private final class Guarded implements ModelStream {
    private final ModelStream stream;
    private final Watched watched;
    private final String model;
    private boolean admitted;
    private boolean spoken;
    private long admittedAt;

    /** Whether this call is to show if the model is well again; an answer that begins does. */
    private boolean probe;

    /** Set by whoever tells the breaker, and from the start while there is nothing to tell. */
    private final AtomicBoolean told = new AtomicBoolean(true);

    Guarded(ModelStream stream, Watched watched, String model) {
      this.stream = stream;
      this.watched = watched;
      this.model = model;
    }

    @Override
    public @Nullable ModelEvent next() throws ProviderException {
      admit();
      try {
        ModelEvent event = stream.next();
        if (!spoken && event != null) {
          spoken = true;
          watched.firstWord.add(clock.millis() - admittedAt);
        }
        if (probe || event instanceof ModelEvent.Finished) {
          tell(null);
        }
        return event;
      } catch (ProviderException e) {
        if (!tell(e) && probe && countsAgainst(e.kind())) {
          watched.circuit.onError(0, TimeUnit.MILLISECONDS, e);
        }
        throw e;
      }
    }

    private void admit() throws ProviderException {
      if (admitted) {
        return;
      }
      if (!watched.circuit.tryAcquirePermission()) {
        Duration left = Duration.between(clock.instant(), watched.openUntil);
        Duration rest = left.compareTo(SOON) > 0 ? left : SOON;
        throw new ProviderException(
            Kind.CIRCUIT_OPEN,
            "The model '"
                + provider.name()
                + "/"
                + model
                + "' has failed too often in a row and is left alone for up to "
                + rest.toSeconds()
                + " s.",
            0,
            rest,
            null);
      }
      admitted = true;
      admittedAt = clock.millis();
      probe = watched.circuit.getState() == CircuitBreaker.State.HALF_OPEN;
      told.set(false);
    }

    /** Tells the breaker, unless it has been told. */
    private boolean tell(@Nullable ProviderException failure) {
      if (told.getAndSet(true)) {
        return false;
      }
      if (failure == null) {
        watched.circuit.onSuccess(0, TimeUnit.MILLISECONDS);
      } else if (countsAgainst(failure.kind())) {
        watched.circuit.onError(0, TimeUnit.MILLISECONDS, failure);
      } else {
        watched.circuit.releasePermission();
      }
      return true;
    }

    /** Closing before the end says nothing about the vendor, but a probe must be given back. */
    @Override
    public void close() {
      stream.close();
      if (!told.getAndSet(true)) {
        watched.circuit.releasePermission();
      }
    }
  }

  private static boolean countsAgainst(Kind kind) {
    return switch (kind) {
      case RATE_LIMITED,
          OVERLOADED,
          SERVER,
          CONNECT,
          FIRST_TOKEN_TIMEOUT,
          IDLE_TIMEOUT,
          TRUNCATED,
          MALFORMED,
          STREAM_ERROR,
          AUTH ->
          true;
      case INVALID, CONTENT_FILTER, CANCELLED, CIRCUIT_OPEN -> false;
    };
  }
}

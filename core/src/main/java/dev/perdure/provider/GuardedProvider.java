package dev.perdure.provider;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.provider.ProviderException.Kind;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.LinkedHashMap;
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

  private final ModelProvider provider;
  private final BreakerPolicy policy;
  private final CircuitBreakerConfig config;
  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private final Map<String, CircuitBreaker> breakers = new LinkedHashMap<>(16, 0.75f, true);

  public GuardedProvider(ModelProvider provider, BreakerPolicy policy, InstantSource clock) {
    this.provider = provider;
    this.policy = policy;
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
    return new Guarded(provider.open(request), breaker(request.model()), request.model());
  }

  private CircuitBreaker breaker(String model) {
    lock.lock();
    try {
      CircuitBreaker breaker =
          breakers.computeIfAbsent(model, name -> CircuitBreaker.of(name, config));
      if (breakers.size() > MAX_MODELS) {
        breakers.remove(breakers.keySet().iterator().next());
      }
      return breaker;
    } finally {
      lock.unlock();
    }
  }

  /** One call, which tells its breaker once how it came out. */
  private final class Guarded implements ModelStream {
    private final ModelStream stream;
    private final CircuitBreaker breaker;
    private final String model;
    private boolean admitted;

    /** Set by whoever tells the breaker, and from the start while there is nothing to tell. */
    private final AtomicBoolean told = new AtomicBoolean(true);

    Guarded(ModelStream stream, CircuitBreaker breaker, String model) {
      this.stream = stream;
      this.breaker = breaker;
      this.model = model;
    }

    @Override
    public @Nullable ModelEvent next() throws ProviderException {
      admit();
      try {
        ModelEvent event = stream.next();
        if (event instanceof ModelEvent.Finished) {
          tell(null);
        }
        return event;
      } catch (ProviderException e) {
        tell(e);
        throw e;
      }
    }

    private void admit() throws ProviderException {
      if (admitted) {
        return;
      }
      if (!breaker.tryAcquirePermission()) {
        throw new ProviderException(
            Kind.CIRCUIT_OPEN,
            "The model '"
                + provider.name()
                + "/"
                + model
                + "' has failed too often in a row and is left alone for up to "
                + policy.rest().toSeconds()
                + " s.",
            0,
            policy.rest(),
            null);
      }
      admitted = true;
      told.set(false);
    }

    private void tell(@Nullable ProviderException failure) {
      if (told.getAndSet(true)) {
        return;
      }
      if (failure == null) {
        breaker.onSuccess(0, TimeUnit.MILLISECONDS);
      } else if (countsAgainst(failure.kind())) {
        breaker.onError(0, TimeUnit.MILLISECONDS, failure);
      } else {
        breaker.releasePermission();
      }
    }

    /** Closing before the end says nothing about the vendor, but a probe must be given back. */
    @Override
    public void close() {
      stream.close();
      if (!told.getAndSet(true)) {
        breaker.releasePermission();
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

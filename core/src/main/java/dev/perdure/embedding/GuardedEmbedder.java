package dev.perdure.embedding;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.provider.BreakerPolicy;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerConfig;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * An embedder whose vectors are checked before anybody stores or compares them, and which is left
 * alone for a while when it keeps failing. Thread-safe.
 */
public final class GuardedEmbedder implements Embedder {
  /**
   * Few calls tell enough: there is one for each batch and each question, not one for each text.
   */
  public static final BreakerPolicy POLICY =
      new BreakerPolicy(10, 5, 60, Duration.ofSeconds(15), 1);

  private final Embedder embedder;
  private final MeterRegistry meters;
  private final Duration rest;
  private final CircuitBreaker circuit;

  /** Of the vectors so far; 0 until there is one. */
  @GuardedBy("this")
  private int dimensions;

  public GuardedEmbedder(
      Embedder embedder, BreakerPolicy policy, InstantSource clock, MeterRegistry meters) {
    this.embedder = embedder;
    this.meters = meters;
    this.rest = policy.rest();
    this.circuit =
        CircuitBreaker.of(
            "embeddings",
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
                .build());
    Gauge.builder(
            "perdure.embedding.circuit.open",
            circuit,
            c -> c.getState() == CircuitBreaker.State.OPEN ? 1 : 0)
        .description("Whether the embedder has failed so often that it is left alone")
        .register(meters);
  }

  @Override
  public String model() {
    return embedder.model();
  }

  @Override
  public int batch() {
    return embedder.batch();
  }

  @Override
  public List<float[]> embed(List<String> texts, Duration limit) throws ProviderException {
    if (!circuit.tryAcquirePermission()) {
      throw new ProviderException(
          Kind.CIRCUIT_OPEN,
          "The embedder '" + model() + "' has failed too often in a row and is left alone.",
          0,
          rest,
          null);
    }
    boolean told = false;
    try {
      List<float[]> vectors = embedder.embed(texts, limit);
      check(vectors, texts.size());
      circuit.onSuccess(0, TimeUnit.MILLISECONDS);
      told = true;
      Counter.builder("perdure.embedding.texts")
          .description("Texts that were given vectors")
          .register(meters)
          .increment(texts.size());
      return vectors;
    } catch (ProviderException e) {
      Counter.builder("perdure.embedding.failures")
          .description("Calls for vectors that have failed")
          .tag("kind", e.kind().wire())
          .register(meters)
          .increment();
      told = true;
      // What is wrong with a text says nothing of the embedder.
      switch (e.kind()) {
        case INVALID, CONTENT_FILTER, CANCELLED -> circuit.releasePermission();
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
            CIRCUIT_OPEN ->
            circuit.onError(0, TimeUnit.MILLISECONDS, e);
      }
      throw e;
    } finally {
      if (!told) {
        circuit.releasePermission();
      }
    }
  }

  private void check(List<float[]> vectors, int texts) throws ProviderException {
    if (vectors.size() != texts) {
      throw malformed(vectors.size() + " vectors for " + texts + " texts");
    }
    int length = vectors.getFirst().length;
    for (float[] vector : vectors) {
      if (vector.length != length || length == 0 || length > OpenAiEmbedder.MAX_DIMENSIONS) {
        throw malformed("vectors of " + length + " and " + vector.length + " dimensions");
      }
      for (float number : vector) {
        if (!Float.isFinite(number)) {
          throw malformed("a vector that holds " + number);
        }
      }
    }
    synchronized (this) {
      int before = dimensions;
      dimensions = before == 0 || before == length ? length : 0;
      if (dimensions == 0) {
        // Which of the two was wrong nobody knows: the next answer counts.
        throw malformed("vectors of " + length + " dimensions, and of " + before + " before");
      }
    }
  }

  private ProviderException malformed(String what) {
    return new ProviderException(
        Kind.MALFORMED, "The embedder '" + model() + "' gave " + what + ".");
  }

  @Override
  public void close() {
    embedder.close();
  }
}

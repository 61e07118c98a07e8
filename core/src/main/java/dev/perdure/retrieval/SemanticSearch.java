package dev.perdure.retrieval;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.embedding.Embedder;
import dev.perdure.provider.ProviderException;
import dev.perdure.retrieval.Retriever.Semantic;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Finds pieces whose vectors are near to that of a question: an exact scan of the scope.
 * Thread-safe.
 *
 * <p>A turn waits for its question's vector only shortly and goes on without it; the call itself
 * goes on, so that the next step of the turn has it. Questions that were asked lately are
 * remembered: the lanes and steps of a turn ask the same one.
 */
public final class SemanticSearch {
  private static final Logger LOG = System.getLogger(SemanticSearch.class.getName());

  private static final int MAX_QUESTIONS = 500;

  /** What comes later in a question, in UTF-16 units, says little about its meaning. */
  private static final int MAX_QUESTION_CHARS = 4_000;

  private final Database database;
  private final Embedder embedder;
  private final EmbeddingLimits limits;
  private final MeterRegistry meters;
  private final VectorCache cache;
  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private final Map<String, CompletableFuture<byte[]>> questions =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, CompletableFuture<byte[]>> eldest) {
          return size() > MAX_QUESTIONS;
        }
      };

  public SemanticSearch(
      Database database, Embedder embedder, EmbeddingLimits limits, MeterRegistry meters) {
    this.database = database;
    this.embedder = embedder;
    this.limits = limits;
    this.meters = meters;
    this.cache = new VectorCache(limits.cacheBytes());
  }

  /**
   * A question whose vector is being made.
   *
   * @param vector null if there is nothing to compare it with
   * @param untilNanos how long it is waited for, by the nano clock
   */
  record Asked(@Nullable CompletableFuture<byte[]> vector, long untilNanos) {}

  /** What came of a question. */
  static final class Answer {
    private final Semantic outcome;
    private final byte @Nullable [] vector;

    private Answer(Semantic outcome, byte @Nullable [] vector) {
      this.outcome = outcome;
      this.vector = vector;
    }

    Semantic outcome() {
      return outcome;
    }

    /** Null unless the outcome is DONE; not to be changed. */
    byte @Nullable [] vector() {
      return vector;
    }
  }

  /**
   * Begins to make the vector of a question, if there is anything that it could be compared with.
   */
  Asked ask(Retriever.Query query) {
    long until = System.nanoTime() + limits.question().toNanos();
    String text = String.join("\n", query.question()).strip();
    boolean any =
        !text.isEmpty()
            && database.<Boolean>read(tx -> cache.hasAny(tx, query.scope(), embedder.model()));
    return new Asked(any ? vector(shortened(text)) : null, until);
  }

  private static String shortened(String text) {
    if (text.length() <= MAX_QUESTION_CHARS) {
      return text;
    }
    boolean pair = Character.isHighSurrogate(text.charAt(MAX_QUESTION_CHARS - 1));
    return text.substring(0, pair ? MAX_QUESTION_CHARS - 1 : MAX_QUESTION_CHARS);
  }

  private CompletableFuture<byte[]> vector(String text) {
    CompletableFuture<byte[]> mine = new CompletableFuture<>();
    lock.lock();
    try {
      @Nullable CompletableFuture<byte[]> other = questions.putIfAbsent(text, mine);
      if (other != null) {
        return other;
      }
    } finally {
      lock.unlock();
    }
    Thread.ofVirtual().name("perdure-embed-question").start(() -> make(text, mine));
    return mine;
  }

  private void make(String text, CompletableFuture<byte[]> result) {
    try {
      result.complete(ByteVector.of(embedder.embed(List.of(text), limits.call()).getFirst()));
    } catch (ProviderException | RuntimeException e) {
      forget(text, result);
      result.completeExceptionally(e);
    }
  }

  /** What has failed is asked again. */
  private void forget(String text, CompletableFuture<byte[]> result) {
    lock.lock();
    try {
      questions.remove(text, result);
    } finally {
      lock.unlock();
    }
  }

  /** Waits for the vector, but not for long. */
  Answer await(Asked asked) {
    @Nullable CompletableFuture<byte[]> vector = asked.vector;
    if (vector == null) {
      return new Answer(Semantic.EMPTY, null);
    }
    Answer answer = await(vector, asked.untilNanos);
    Counter.builder("perdure.embedding.questions")
        .description("Questions that were to be searched by meaning")
        .tag("outcome", answer.outcome.name().toLowerCase(Locale.ROOT))
        .register(meters)
        .increment();
    return answer;
  }

  private static Answer await(CompletableFuture<byte[]> vector, long untilNanos) {
    try {
      long left = Math.max(0, untilNanos - System.nanoTime());
      return new Answer(Semantic.DONE, vector.get(left, TimeUnit.NANOSECONDS));
    } catch (TimeoutException e) {
      return new Answer(Semantic.LATE, null);
    } catch (ExecutionException e) {
      LOG.log(Level.DEBUG, "A question is searched by its words only: {0}", e.getMessage());
      return new Answer(Semantic.FAILED, null);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Answer(Semantic.LATE, null);
    }
  }

  /** The ids of the nearest pieces, the nearest first. */
  List<Long> nearest(Tx tx, Retriever.Query query, BitSet branch, byte[] vector, int limit)
      throws SQLException {
    VectorCache.Search search =
        new VectorCache.Search(
            query.scope(), embedder.model(), query.before(), branch, limits.minSimilarity() / 100f);
    return cache.nearest(tx, search, vector, limit);
  }
}

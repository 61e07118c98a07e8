package dev.perdure.retrieval;

import dev.perdure.db.Database;
import dev.perdure.embedding.Embedder;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.retrieval.VectorTable.Piece;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * Makes the vectors of pieces in the background, on no turn's way: one batch after the other, by
 * the one node that holds the lease of the model. Thread-safe.
 *
 * <p>The queue is what has no vector of the model, so a restart loses nothing and another model
 * finds its work there. It is looked through from the newest piece to the oldest, in windows of
 * ids, because asking for all of it would walk the whole table; what comes in meanwhile goes first.
 */
public final class EmbeddingWorker implements AutoCloseable {
  private static final Logger LOG = System.getLogger(EmbeddingWorker.class.getName());

  /** How often somebody looks for new pieces, or for a lease that is over. */
  static final Duration POLL = Duration.ofSeconds(1);

  /** What comes on top of the time of one call, in a lease. */
  private static final Duration LEASE = Duration.ofSeconds(60);

  private static final Duration RENEW = Duration.ofSeconds(10);

  /** Between two looks through everything: for what was committed late, or lost its vector. */
  private static final Duration PASS_EVERY = Duration.ofMinutes(10);

  private static final Duration COUNT_EVERY = Duration.ofSeconds(30);
  private static final Duration LONGEST_REST = Duration.ofSeconds(60);

  /** How long the vectors of a model are kept that no node uses: a roll-back finds them. */
  private static final Duration KEEP_OTHERS = Duration.ofHours(1);

  /** Ids that one look goes through. */
  private static final long WINDOW = 2_000;

  /** Looks before the lease is looked at again. */
  private static final int WINDOWS_AT_ONCE = 20;

  /** Some text that no model refuses: to tell a text at fault from settings at fault. */
  private static final String HARMLESS = "weather";

  private final Database database;
  private final Embedder embedder;
  private final EmbeddingLimits limits;
  private final VectorTable table;
  private final InstantSource clock;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread thread;
  private volatile long pending;

  // All of these are the thread's own.
  private boolean holder;
  private long renewDueMillis;
  private long countDueMillis;
  private long passDueMillis;

  /** Ids up to here have vectors, but for what may have been committed late. */
  private long top;

  /** Ids from here to {@link #top} have been looked through in this pass. */
  private long low;

  private Set<String> others = Set.of();
  private int failures;

  /**
   * @param node who takes the lease
   * @param clock for what is done now and then; leases go by the database's clock
   */
  public EmbeddingWorker(
      Database database,
      Embedder embedder,
      EmbeddingLimits limits,
      String node,
      InstantSource clock,
      MeterRegistry meters) {
    this.database = database;
    this.embedder = embedder;
    this.limits = limits;
    this.clock = clock;
    this.table = new VectorTable(embedder.model(), node);
    this.thread = Thread.ofPlatform().daemon().name("perdure-embedding").unstarted(this::loop);
    Gauge.builder("perdure.embedding.pending", () -> pending)
        .description(
            "Pieces of documents and messages that have no vector yet, on the node that works")
        .register(meters);
  }

  /** Begins to work. */
  public void start() {
    if (!database.shared()) {
      // Whoever held it is dead.
      database.write(table::endLeases);
    }
    thread.start();
  }

  private void loop() {
    Duration rest = Duration.ZERO;
    try {
      while (!closed.await(rest.toNanos(), TimeUnit.NANOSECONDS)) {
        rest = look();
      }
    } catch (InterruptedException e) {
      // Closed in the middle of a call.
    }
  }

  private Duration look() throws InterruptedException {
    try {
      return step();
    } catch (PerdureException e) {
      Duration rest = rest();
      LOG.log(
          Level.WARNING,
          "Vectors are not made: {0} Next try in {1} s.",
          e.getMessage(),
          rest.toSeconds());
      return rest;
    } catch (RuntimeException | Error e) {
      LOG.log(Level.ERROR, "Making vectors failed by a bug here; it goes on.", e);
      return LONGEST_REST;
    }
  }

  /** Does some work; returns how long there is nothing to do. */
  Duration step() throws InterruptedException {
    if (!lease()) {
      return POLL;
    }
    List<Piece> batch = next();
    if (batch.isEmpty()) {
      return atRest();
    }
    try {
      embed(batch);
      failures = 0;
      return Duration.ZERO;
    } catch (ProviderException e) {
      Duration rest = rest();
      if (e.retryAfter() != null && e.retryAfter().compareTo(rest) > 0) {
        rest = e.retryAfter().compareTo(LONGEST_REST) < 0 ? e.retryAfter() : LONGEST_REST;
      }
      LOG.log(
          Level.WARNING,
          "Vectors are not made: {0} Next try in {1} s; until then pieces are found by words only.",
          e.getMessage(),
          rest.toSeconds());
      return rest;
    }
  }

  /** Longer after each failure; a call that went well begins anew. */
  private Duration rest() {
    failures = Math.min(failures + 1, 10);
    Duration rest = Duration.ofMillis(250L << failures);
    return rest.compareTo(LONGEST_REST) < 0 ? rest : LONGEST_REST;
  }

  /** Whether this node is the one that works. */
  private boolean lease() {
    if (holder && clock.millis() < renewDueMillis) {
      return true;
    }
    boolean before = holder;
    holder = database.<Boolean>write(tx -> table.lease(tx, limits.call().plus(LEASE)));
    renewDueMillis = clock.millis() + RENEW.toMillis();
    if (!holder) {
      pending = 0;
    } else if (!before) {
      begin();
    }
    return holder;
  }

  /** Begins to look through everything. */
  private void begin() {
    top = database.<Long>read(table::lastPiece);
    low = top;
    passDueMillis = clock.millis() + PASS_EVERY.toMillis();
    others = database.read(tx -> table.unusedModels(tx, KEEP_OTHERS));
  }

  /** Pieces that have no vector, the newest first; empty if none was found so far. */
  private List<Piece> next() {
    long last = database.<Long>read(table::lastPiece);
    if (last > top) {
      // A piece with a smaller id may be committed after one with a larger.
      long from = Math.max(0, top - WINDOW);
      List<Piece> fresh = database.read(tx -> table.without(tx, from, last, embedder.batch()));
      if (!fresh.isEmpty()) {
        return fresh;
      }
      top = last;
    }
    for (int i = 0; low > 0 && i < WINDOWS_AT_ONCE; i++) {
      long to = low;
      long from = Math.max(0, low - WINDOW);
      List<Piece> old = database.read(tx -> table.without(tx, from, to, embedder.batch()));
      if (!old.isEmpty()) {
        return old;
      }
      Set<String> gone = others;
      if (!gone.isEmpty()) {
        database.<Boolean>write(tx -> table.forget(tx, gone, from, to));
      }
      low = from;
    }
    return List.of();
  }

  private Duration atRest() {
    long now = clock.millis();
    if (now >= countDueMillis) {
      countDueMillis = now + COUNT_EVERY.toMillis();
      pending = database.<Long>read(table::pending);
    }
    if (low > 0) {
      return Duration.ZERO;
    }
    if (!others.isEmpty()) {
      Set<String> gone = others;
      database.<Boolean>write(tx -> table.forgetModels(tx, gone));
      others = Set.of();
    }
    if (now >= passDueMillis) {
      begin();
    }
    return POLL;
  }

  private void embed(List<Piece> batch) throws ProviderException, InterruptedException {
    try {
      List<float[]> vectors = vectors(batch.stream().map(Piece::text).toList());
      store(batch, vectors.stream().map(ByteVector::of).toList());
    } catch (ProviderException e) {
      if (!ofText(e)) {
        throw e;
      }
      for (Piece piece : batch) {
        store(List.of(piece), List.of(alone(piece)));
      }
    }
  }

  /** Refused for what was sent, and not for how the server is. */
  private static boolean ofText(ProviderException e) {
    return e.kind() == Kind.INVALID || e.kind() == Kind.CONTENT_FILTER;
  }

  /** The vector of one piece, or none if the text itself is refused. */
  private byte[] alone(Piece piece) throws ProviderException, InterruptedException {
    try {
      return ByteVector.of(vectors(List.of(piece.text())).getFirst());
    } catch (ProviderException e) {
      if (!ofText(e)) {
        throw e;
      }
      // If this is refused too, it is not the text; what is thrown then makes it try again later.
      vectors(List.of(HARMLESS));
      LOG.log(
          Level.WARNING,
          "Piece {0} is found by its words only, because the model refuses it: {1}",
          Long.toString(piece.id()),
          e.getMessage());
      return new byte[0];
    }
  }

  private void store(List<Piece> pieces, List<byte[]> vectors) {
    database.<Boolean>write(tx -> table.insert(tx, pieces, vectors));
    pending = Math.max(0, pending - pieces.size());
  }

  /** On a thread of its own, since only waiting for it can be cut short. */
  private List<float[]> vectors(List<String> texts) throws ProviderException, InterruptedException {
    CompletableFuture<List<float[]>> result = new CompletableFuture<>();
    Thread.ofVirtual()
        .name("perdure-embed-batch")
        .start(() -> {
          try {
            result.complete(embedder.embed(texts, limits.call()));
          } catch (ProviderException | RuntimeException | Error e) {
            result.completeExceptionally(e);
          }
        });
    try {
      return result.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof ProviderException failure) {
        throw failure;
      }
      throw new IllegalStateException("The embedder failed by a bug in it.", e.getCause());
    }
  }

  /** Ends, and lets another node go on at once. */
  @Override
  public void close() {
    closed.countDown();
    thread.interrupt();
    try {
      thread.join();
      if (holder) {
        database.<Boolean>write(table::release);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (PerdureException e) {
      LOG.log(Level.DEBUG, "The lease of the vectors stays until it is over: {0}", e.getMessage());
    }
  }
}

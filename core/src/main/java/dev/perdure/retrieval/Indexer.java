package dev.perdure.retrieval;

import dev.perdure.chat.Caller;
import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.protocol.PerdureException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Prepares documents for retrieval in the background: claims one that is pending, takes its text
 * out, cuts it and stores the pieces. One document at a time on each node. Thread-safe.
 *
 * <p>A claim is a lease in the document's row, longer than the work may take. Who does not come
 * back in time is taken for dead, and somebody begins again; after three times the document has
 * failed.
 */
public final class Indexer implements AutoCloseable {
  private static final Logger LOG = System.getLogger(Indexer.class.getName());

  /** How often somebody looks for documents of nodes that have died, or that no hint told of. */
  private static final Duration POLL = Duration.ofSeconds(5);

  /** What comes on top of the time for taking the text out, in a lease. */
  private static final Duration STORING = Duration.ofSeconds(60);

  private static final int MAX_ATTEMPTS = 3;

  /** How often contents without a document are looked for. */
  private static final Duration SWEEP_EVERY = Duration.ofMinutes(10);

  private static final int SWEPT_AT_ONCE = 500;

  /** Pieces of one transaction, so that nobody waits long for the database. */
  private static final int PIECES_AT_ONCE = 100;

  private final Database database;
  private final DocumentLimits limits;
  private final InstantSource clock;
  private final Runnable alsoSweep;
  private final Semaphore wakeUps = new Semaphore(0);
  private final Thread thread;
  private volatile boolean closed;

  /** Used by the thread only. */
  private long sweepDueMillis;

  public Indexer(Database database, DocumentLimits limits, InstantSource clock) {
    this(database, limits, clock, () -> {});
  }

  /**
   * @param clock for what is done now and then; leases go by the database's clock
   * @param alsoSweep is run whenever contents without a document are looked for
   */
  public Indexer(
      Database database, DocumentLimits limits, InstantSource clock, Runnable alsoSweep) {
    this.alsoSweep = alsoSweep;
    this.database = database;
    this.limits = limits;
    this.clock = clock;
    this.sweepDueMillis = clock.millis();
    this.thread = Thread.ofPlatform().daemon().name("perdure-indexer").unstarted(this::loop);
  }

  /** Begins to work. */
  public void start() {
    if (!database.shared()) {
      // Whoever held these leases is dead.
      database.write(tx -> tx.update("UPDATE document SET lease_until = 0 WHERE lease_until > 0"));
    }
    thread.start();
  }

  /** Looks for documents soon. */
  public void wake() {
    wakeUps.release();
  }

  private void loop() {
    while (!closed) {
      try {
        while (!closed && indexOne()) {
          // There may be more.
        }
        if (!closed && clock.millis() >= sweepDueMillis) {
          sweepDueMillis = clock.millis() + SWEEP_EVERY.toMillis();
          database.write(tx -> Documents.sweepOrphans(tx, SWEPT_AT_ONCE));
          alsoSweep.run();
        }
      } catch (PerdureException e) {
        LOG.log(
            Level.WARNING,
            "Documents are not prepared: {0} Next try in {1} s.",
            e.getMessage(),
            POLL.toSeconds());
      } catch (InterruptedException e) {
        return;
      } catch (RuntimeException | Error e) {
        LOG.log(Level.ERROR, "Preparing documents failed by a bug here; it goes on.", e);
      }
      try {
        wakeUps.tryAcquire(POLL.toNanos(), TimeUnit.NANOSECONDS);
        wakeUps.drainPermits();
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  /**
   * A document that this node works on.
   *
   * @param lease what {@code lease_until} holds as long as nobody else has claimed it
   */
  record Claim(String id, Scope scope, MediaType type, String hash, long attempts, long lease) {}

  /** Prepares one document; false if none is pending. */
  boolean indexOne() throws InterruptedException {
    Optional<Claim> claimed = claim();
    if (claimed.isEmpty()) {
      return false;
    }
    Claim claim = claimed.get();
    if (claim.attempts > MAX_ATTEMPTS) {
      fail(
          claim, "The server has failed three times while it prepared the document. Send another.");
      return true;
    }
    try {
      List<String> pieces = Chunker.chunks(text(claim));
      if (pieces.isEmpty()) {
        fail(claim, "There is no text in the document. A scan has to be read by OCR before.");
      } else {
        store(claim, pieces);
      }
    } catch (PdfText.UnreadableException e) {
      fail(claim, String.valueOf(e.getMessage()));
    }
    return true;
  }

  Optional<Claim> claim() {
    long lease = limits.extraction().plus(STORING).toMillis();
    return database.write(tx -> {
      @Nullable String id =
          tx.one(
                  """
                  SELECT id FROM document WHERE state = 'pending' AND lease_until < {now}
                   ORDER BY lease_until, id LIMIT 1 {skip}\
                  """,
                  row -> row.getString(1))
              .orElse(null);
      if (id == null) {
        return Optional.<Claim>empty();
      }
      long until = tx.now() + lease;
      tx.update(
          "UPDATE document SET lease_until = ?, attempts = attempts + 1 WHERE id = ?", until, id);
      // What an attempt before has left.
      tx.update("DELETE FROM chunk WHERE document_id = ?", id);
      return tx.one(
          """
          SELECT tenant, owner, session_id, media_type, hash, attempts FROM document WHERE id = ?\
          """,
          row ->
              new Claim(
                  id,
                  new Scope(new Caller(row.getString(1), row.getString(2)), row.getString(3)),
                  MediaType.of(row.getString(4)),
                  row.getString(5),
                  row.getLong(6),
                  until),
          id);
    });
  }

  private String text(Claim claim) throws PdfText.UnreadableException, InterruptedException {
    byte[] content = database.read(tx -> Documents.bytes(tx, claim.scope.owner(), claim.hash));
    String text =
        switch (claim.type) {
          case TEXT, MARKDOWN -> claim.type.text(content);
          case PDF -> clean(PdfText.extract(content, limits.chars(), limits.extraction()));
        };
    if (text.length() <= limits.chars()) {
      return text;
    }
    boolean pair = Character.isHighSurrogate(text.charAt(limits.chars() - 1));
    return text.substring(0, pair ? limits.chars() - 1 : limits.chars());
  }

  /** Without characters that a database or a model would choke on. */
  private static String clean(String text) {
    StringBuilder out = new StringBuilder(text);
    for (int i = 0; i < out.length(); i++) {
      char c = out.charAt(i);
      if ((c < ' ' && c != '\n' && c != '\t') || c == 0x7f) {
        out.setCharAt(i, ' ');
      }
    }
    return out.toString();
  }

  /** Stores the pieces and makes the document ready, unless somebody else has it by now. */
  void store(Claim claim, List<String> pieces) {
    for (int from = 0; from < pieces.size(); from += PIECES_AT_ONCE) {
      int first = from;
      List<String> some = pieces.subList(from, Math.min(pieces.size(), from + PIECES_AT_ONCE));
      boolean mine =
          database.<Boolean>write(tx -> {
            if (!held(tx, claim)) {
              return false;
            }
            ChunkStore.Place place = new ChunkStore.Place(claim.scope, claim.id, null, null);
            ChunkStore.of(tx).insert(tx, place, first, some);
            if (first + some.size() == pieces.size()) {
              tx.update(
                  """
                  UPDATE document SET state = 'ready', chunks = ?, lease_until = 0,
                         updated_at = {now}
                   WHERE id = ?\
                  """,
                  pieces.size(),
                  claim.id);
            }
            return true;
          });
      if (!mine) {
        return;
      }
    }
  }

  private void fail(Claim claim, String reason) {
    database.<Boolean>write(tx -> {
      if (held(tx, claim)) {
        tx.update(
            """
            UPDATE document SET state = 'failed', reason = ?, lease_until = 0, updated_at = {now}
             WHERE id = ?\
            """,
            reason,
            claim.id);
      }
      return true;
    });
  }

  private static boolean held(Tx tx, Claim claim) throws SQLException {
    return tx.one(
            "SELECT id FROM document WHERE id = ? AND state = 'pending' AND lease_until = ? {lock}",
            row -> true,
            claim.id,
            claim.lease)
        .isPresent();
  }

  /** Ends; what is under way is begun again by the next one to start. */
  @Override
  public void close() {
    closed = true;
    // Only a wait for the process that reads a PDF is cut short; databases are shielded.
    thread.interrupt();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}

package dev.perdure.db;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * The one writer of a SQLite file: a platform thread with the only connection that writes. It takes
 * whatever work has gathered, runs each in a savepoint of one transaction, commits once and then
 * answers all callers. There is no timer: at low load a work commits at once, at high load the cost
 * of the disk is shared by everything that came meanwhile.
 *
 * <p>A work that throws is rolled back alone. If the commit fails, nothing of the batch happened
 * and every caller is told so. Thread-safe.
 */
final class SqliteWriter implements AutoCloseable {
  /** Works waiting before further callers have to wait. */
  private static final int MAX_QUEUED = 4_096;

  /** Works in one transaction: bounds how long the first of them waits for its answer. */
  private static final int MAX_BATCH = 256;

  /** How long a caller waits for room in the queue, and then for its answer. */
  private static final Duration MAX_WAIT = Duration.ofSeconds(30);

  private static final Logger LOG = System.getLogger(SqliteWriter.class.getName());

  /** A full disk fails many times a second, and the log may be on it. */
  private static final Duration TELL_EVERY = Duration.ofSeconds(10);

  private final DataSource dataSource;
  private final Thread thread;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition notEmpty = lock.newCondition();
  private final Condition notFull = lock.newCondition();

  @GuardedBy("lock")
  private final ArrayDeque<Job<?>> queue = new ArrayDeque<>();

  @GuardedBy("lock")
  private boolean closed;

  /** Used by the thread only; null while there is no connection. */
  private @Nullable Statements statements;

  // Of the thread only.
  private long toldNanos = System.nanoTime() - TELL_EVERY.toNanos();
  private int untold;

  SqliteWriter(DataSource dataSource) {
    this.dataSource = dataSource;
    this.thread = Thread.ofPlatform().name("perdure-sqlite-writer").daemon().unstarted(this::loop);
  }

  void start() {
    thread.start();
  }

  <T extends @Nullable Object> T write(Database.Work<T> work) {
    if (Thread.currentThread().equals(thread)) {
      throw new IllegalStateException("A transaction inside a transaction would wait for itself");
    }
    Job<T> job = new Job<>(work);
    enqueue(job);
    return Answers.await(job.answer, MAX_WAIT, () -> tooLate(job));
  }

  /** A work that has not begun will never; of one that has, the outcome is unknown. */
  private PerdureException tooLate(Job<?> job) {
    boolean begun;
    lock.lock();
    try {
      begun = !queue.remove(job);
      notFull.signalAll();
    } finally {
      lock.unlock();
    }
    return new PerdureException(
        ErrorCode.DATABASE_UNAVAILABLE,
        "The disk of the database has not answered for "
            + MAX_WAIT.toSeconds()
            + " s"
            + (begun ? "; whether this was stored will show. " : "; nothing was stored. ")
            + "Try again shortly.");
  }

  private void enqueue(Job<?> job) {
    boolean interrupted = false;
    lock.lock();
    try {
      long nanos = MAX_WAIT.toNanos();
      while (!closed && queue.size() >= MAX_QUEUED) {
        if (nanos <= 0) {
          throw new PerdureException(
              ErrorCode.DATABASE_UNAVAILABLE,
              "The database is too slow for the load: "
                  + MAX_QUEUED
                  + " transactions are waiting. Try again shortly.");
        }
        try {
          nanos = notFull.awaitNanos(nanos);
        } catch (InterruptedException e) {
          // The caller gets its answer first and its interrupt back afterwards.
          interrupted = true;
        }
      }
      if (closed) {
        throw closing();
      }
      queue.add(job);
      notEmpty.signal();
    } finally {
      lock.unlock();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static PerdureException closing() {
    return new PerdureException(
        ErrorCode.DATABASE_UNAVAILABLE, "The server is stopping. Try again at its successor.");
  }

  private void loop() {
    List<Job<?>> batch = new ArrayList<>();
    while (take(batch)) {
      try {
        commit(batch);
        batch.forEach(Job::answer);
      } catch (SQLException | RuntimeException | Error e) {
        failed(batch, e);
      }
      batch.clear();
    }
    disconnect();
  }

  /** Waits for work; false once closed and empty. */
  private boolean take(List<Job<?>> batch) {
    lock.lock();
    try {
      while (queue.isEmpty() && !closed) {
        notEmpty.awaitUninterruptibly();
      }
      while (batch.size() < MAX_BATCH && !queue.isEmpty()) {
        batch.add(queue.remove());
      }
      notFull.signalAll();
      return !batch.isEmpty();
    } finally {
      lock.unlock();
    }
  }

  private void commit(List<Job<?>> batch) throws SQLException {
    if (statements == null) {
      statements = Statements.manual(dataSource.getConnection());
    }
    Statements open = statements;
    Tx tx = new Tx(open, Dialect.SQLITE);
    tx.update("BEGIN IMMEDIATE");
    if (batch.size() == 1) {
      boolean wanted = batch.getFirst().run(new Tx(open, Dialect.SQLITE));
      tx.update(wanted ? "COMMIT" : "ROLLBACK");
      return;
    }
    for (Job<?> job : batch) {
      tx.update("SAVEPOINT work");
      if (!job.run(new Tx(open, Dialect.SQLITE))) {
        // Fails if SQLite has already rolled back everything, as it does when the disk is full.
        tx.update("ROLLBACK TO work");
      }
      tx.update("RELEASE work");
    }
    tx.update("COMMIT");
  }

  /** Nothing of this batch is in the database. */
  private void failed(List<Job<?>> batch, Throwable cause) {
    boolean sql = cause instanceof SQLException;
    long now = System.nanoTime();
    if (!sql || now - toldNanos >= TELL_EVERY.toNanos()) {
      LOG.log(
          Level.WARNING,
          "A transaction of "
              + batch.size()
              + " works failed; all of them are told to try again, the database is opened anew."
              + (untold == 0 ? "" : " " + untold + " more have failed since the last such line."),
          sql ? SqlErrors.translate((SQLException) cause) : cause);
      toldNanos = now;
      untold = 0;
    } else {
      untold++;
    }
    disconnect();
    PerdureException told = SqlErrors.unavailable("the commit failed", cause);
    for (Job<?> job : batch) {
      job.fail(told);
      job.answer();
    }
  }

  private void disconnect() {
    if (statements == null) {
      return;
    }
    Connection connection = statements.connection();
    statements = null;
    try (connection;
        Statement rollback = connection.createStatement()) {
      rollback.execute("ROLLBACK");
    } catch (SQLException e) {
      // Usually: there is no transaction left. Closing rolls back whatever else there is.
    }
  }

  /** Finishes what is queued, then ends the thread and its connection. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      notEmpty.signalAll();
      notFull.signalAll();
    } finally {
      lock.unlock();
    }
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** One caller's work and its outcome. Run by the writer's thread, awaited by the caller. */
  private static final class Job<T extends @Nullable Object> {
    private final Database.Work<T> work;
    private final CompletableFuture<T> answer = new CompletableFuture<>();
    private @Nullable T result;
    private @Nullable Throwable failure;

    Job(Database.Work<T> work) {
      this.work = work;
    }

    /** Whether the work wants to be committed. */
    @SuppressWarnings("CatchAndPrintStackTrace")
    boolean run(Tx tx) {
      try {
        result = work.run(tx);
        if (tx.failed()) {
          failure =
              new PerdureException(
                  ErrorCode.INTERNAL, "A transaction went on after a statement had failed.");
        }
      } catch (SQLException e) {
        failure = SqlErrors.translate(e);
      } catch (Throwable e) {
        failure = e;
      }
      return failure == null;
    }

    /** Sets the failure unless the work had one of its own. */
    void fail(PerdureException e) {
      if (failure == null) {
        failure = e;
      }
    }

    void answer() {
      if (failure != null) {
        answer.completeExceptionally(failure);
      } else {
        answer.complete(result);
      }
    }
  }
}

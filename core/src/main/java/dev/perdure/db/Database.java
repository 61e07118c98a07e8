package dev.perdure.db;

import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * A database with transactions. Two implementations, one contract: {@code SqliteDatabase} for one
 * process, {@code PostgresDatabase} for a fleet. Thread-safe; meant to be called from virtual
 * threads.
 *
 * <p>Failures of the database itself surface as {@code PerdureException} of code {@code
 * DATABASE_UNAVAILABLE} (retryable) or {@code INTERNAL}.
 */
public interface Database extends AutoCloseable {

  /**
   * Runs the work in one read-write transaction and returns after its commit is durable. The work
   * may be run more than once (after a serialization failure or a deadlock), so it must have no
   * effect outside the transaction. An exception from the work rolls it back and is passed on.
   */
  <T extends @Nullable Object> T write(Work<T> work);

  /**
   * The same for the few works by which a node stays alive, takes turns and stores what they say:
   * where there are several connections they have some of their own, because thousands of turns
   * that begin or end together would have them wait for seconds, and a lease ends sooner.
   */
  default <T extends @Nullable Object> T urgently(Work<T> work) {
    return write(work);
  }

  /** Runs the work against a consistent snapshot; it must not write. */
  <T extends @Nullable Object> T read(Work<T> work);

  /** Hints between the threads, and where there are several the nodes, on this database. */
  Signals signals();

  /** Whether other processes may use the same database at the same time. */
  boolean shared();

  @Override
  void close();

  /** Something to do in a transaction. */
  @FunctionalInterface
  interface Work<T extends @Nullable Object> {
    T run(Tx tx) throws SQLException;
  }
}

package dev.perdure.db;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * The reading connections of a SQLite file, opened when first needed. Each read has the snapshot
 * that was current at its first statement. Thread-safe.
 */
final class SqliteReaders implements AutoCloseable {
  /** A read keeps a core busy, so more readers than cores do not help much. */
  private static final int MAX_READERS = 8;

  /** How long a caller waits for a connection, and a close for the readers to finish. */
  private static final Duration MAX_WAIT = Duration.ofSeconds(10);

  private final DataSource dataSource;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /** The most recently used first: its cache is warm. */
  @GuardedBy("lock")
  private final ArrayDeque<Statements> idle = new ArrayDeque<>();

  @GuardedBy("lock")
  private int inUse;

  @GuardedBy("lock")
  private boolean closed;

  SqliteReaders(DataSource dataSource) {
    this.dataSource = dataSource;
  }

  <T extends @Nullable Object> T read(Database.Work<T> work) {
    Statements reader = borrow();
    boolean healthy = false;
    try {
      if (reader == null) {
        reader = open();
      }
      Tx control = new Tx(reader, Dialect.SQLITE);
      control.update("BEGIN");
      T result;
      try {
        result = work.run(new Tx(reader, Dialect.SQLITE));
      } finally {
        control.update("ROLLBACK");
        healthy = true;
      }
      return result;
    } catch (SQLException e) {
      throw SqlErrors.translate(e);
    } finally {
      giveBack(reader, healthy);
    }
  }

  private Statements open() throws SQLException {
    Connection connection = dataSource.getConnection();
    try (Statement statement = connection.createStatement()) {
      statement.execute("PRAGMA query_only = ON");
      return Statements.manual(connection);
    } catch (SQLException e) {
      connection.close();
      throw e;
    }
  }

  /** Waits for the right to read; null if the caller has to open a connection. */
  private @Nullable Statements borrow() {
    boolean interrupted = false;
    lock.lock();
    try {
      long nanos = MAX_WAIT.toNanos();
      while (inUse >= MAX_READERS && !closed) {
        if (nanos <= 0) {
          throw new PerdureException(
              ErrorCode.DATABASE_UNAVAILABLE,
              "All "
                  + MAX_READERS
                  + " readers of the database are busy for "
                  + MAX_WAIT.toSeconds()
                  + " s. Try again shortly.");
        }
        try {
          nanos = changed.awaitNanos(nanos);
        } catch (InterruptedException e) {
          // The wait is bounded; the caller gets the interrupt back after the read.
          interrupted = true;
        }
      }
      if (closed) {
        throw new PerdureException(
            ErrorCode.DATABASE_UNAVAILABLE, "The server is stopping. Try again at its successor.");
      }
      inUse++;
      return idle.poll();
    } finally {
      lock.unlock();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void giveBack(@Nullable Statements reader, boolean healthy) {
    Statements toClose = healthy ? null : reader;
    lock.lock();
    try {
      inUse--;
      if (healthy && reader != null) {
        if (closed) {
          toClose = reader;
        } else {
          idle.push(reader);
        }
      }
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    if (toClose != null) {
      closeQuietly(toClose);
    }
  }

  private static void closeQuietly(Statements reader) {
    try {
      reader.connection().close();
    } catch (SQLException e) {
      // It had nothing to lose.
    }
  }

  /** Refuses new reads and waits a moment for those under way. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
      idle.forEach(SqliteReaders::closeQuietly);
      idle.clear();
      long nanos = MAX_WAIT.toNanos();
      while (inUse > 0 && nanos > 0) {
        nanos = changed.awaitNanos(nanos);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      lock.unlock();
    }
  }
}

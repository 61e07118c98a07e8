package dev.perdure.db;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.pool.HikariPool.PoolInitializationException;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * The database of a fleet. Writes are READ COMMITTED and repeated after a deadlock; reads have a
 * snapshot and connections of their own, so that followers cannot keep writers waiting.
 * Thread-safe.
 */
public final class PostgresDatabase implements Database {
  /** Runs of one work, the first one included, before a deadlock is reported. */
  private static final int MAX_RUNS = 5;

  private final PostgresPool writers;
  private final PostgresPool readers;
  private final PostgresSignals signals;

  private PostgresDatabase(PostgresPool writers, PostgresPool readers, PostgresSignals signals) {
    this.writers = writers;
    this.readers = readers;
    this.signals = signals;
  }

  /**
   * Connects and brings the schema to this build's version.
   *
   * @param url {@code postgresql://user:password@host:port/database} or {@code jdbc:postgresql:}
   * @param user goes before the one in the URL
   * @param password goes before the one in the URL
   * @throws PerdureException CONFIG for a bad URL, or a database of a newer build;
   *     DATABASE_UNAVAILABLE if it cannot be reached
   */
  public static PostgresDatabase open(
      String url, @Nullable String user, @Nullable String password, PostgresOptions options) {
    return open(url, user, password, options, MigrationOptions.DEFAULT);
  }

  /** The same, for a test of migrations. */
  public static PostgresDatabase open(
      String url,
      @Nullable String user,
      @Nullable String password,
      PostgresOptions options,
      MigrationOptions migrations) {
    PostgresUrl where = PostgresUrl.parse(url, user, password);
    // Migrations may take long, so they run without the limits of the pools.
    PGSimpleDataSource unhurried =
        dataSource(new PGSimpleDataSource(), where, options, Duration.ZERO);
    try (Connection probe = unhurried.getConnection()) {
      probe.getMetaData().getDatabaseProductVersion();
    } catch (SQLException e) {
      throw unreachable(where, e);
    }
    Migrations.run(unhurried, Migrations.POSTGRES, migrations);
    PGSimpleDataSource limited =
        dataSource(
            new PatientDataSource(options.borrowTimeout()),
            where,
            options,
            options.socketTimeout());
    PostgresPool writers = null;
    try {
      writers = new PostgresPool(pool("perdure-write", limited, options));
      PostgresPool readers = new PostgresPool(pool("perdure-read", limited, options));
      return new PostgresDatabase(writers, readers, new PostgresSignals(unhurried));
    } catch (PoolInitializationException e) {
      if (writers != null) {
        writers.close();
      }
      throw unreachable(where, e);
    }
  }

  private static PerdureException unreachable(PostgresUrl where, Exception cause) {
    return new PerdureException(
        ErrorCode.DATABASE_UNAVAILABLE,
        "PostgreSQL at '"
            + where
            + "' does not let us in. Check that it runs, and the host, port, database, user and"
            + " password.",
        cause);
  }

  private static PGSimpleDataSource dataSource(
      PGSimpleDataSource out, PostgresUrl where, PostgresOptions options, Duration socketTimeout) {
    out.setUrl(where.jdbc());
    out.setUser(where.user());
    out.setPassword(where.password());
    // What the server tells about a failure may hold data of the row.
    out.setLogServerErrorDetail(false);
    out.setTcpKeepAlive(true);
    out.setApplicationName("perdure");
    out.setConnectTimeout((int) options.connectTimeout().toSeconds());
    out.setSocketTimeout((int) socketTimeout.toSeconds());
    return out;
  }

  private static HikariConfig pool(
      String name, PGSimpleDataSource dataSource, PostgresOptions options) {
    boolean reads = name.equals("perdure-read");
    HikariConfig config = new HikariConfig();
    config.setPoolName(name);
    config.setDataSource(dataSource);
    config.setMaximumPoolSize(reads ? options.readConnections() : options.writeConnections());
    config.setMinimumIdle(1);
    config.setConnectionTimeout(options.borrowTimeout().toMillis());
    config.setAutoCommit(false);
    config.setReadOnly(reads);
    config.setTransactionIsolation(
        reads ? "TRANSACTION_REPEATABLE_READ" : "TRANSACTION_READ_COMMITTED");
    long limit = options.statementTimeout().toMillis();
    config.setConnectionInitSql(
        "SET statement_timeout = "
            + limit
            + "; SET lock_timeout = "
            + limit
            + "; SET idle_in_transaction_session_timeout = "
            + limit);
    return config;
  }

  @Override
  public <T extends @Nullable Object> T write(Work<T> work) {
    return shielded(() -> {
      for (int run = 1; ; run++) {
        try {
          return once(writers, work);
        } catch (SQLException e) {
          if (!SqlErrors.repeatable(e) || run == MAX_RUNS) {
            throw SqlErrors.translate(e);
          }
        }
      }
    });
  }

  @Override
  public <T extends @Nullable Object> T read(Work<T> work) {
    return shielded(() -> {
      try {
        return once(readers, work);
      } catch (SQLException e) {
        throw SqlErrors.translate(e);
      }
    });
  }

  /**
   * Keeps the caller's interrupt away from the connection. Interrupting a virtual thread closes the
   * socket that it reads, and with it a transaction whose outcome is then unknown; so a thread of
   * its own, which nobody knows, runs the work, and the caller waits whatever happens to it.
   */
  private static <T extends @Nullable Object> T shielded(Supplier<T> work) {
    CompletableFuture<T> answer = new CompletableFuture<>();
    Thread.ofVirtual()
        .name("perdure-transaction")
        .start(() -> {
          try {
            answer.complete(work.get());
          } catch (Throwable e) {
            answer.completeExceptionally(e);
          }
        });
    return Answers.await(answer);
  }

  private static <T extends @Nullable Object> T once(PostgresPool pool, Work<T> work)
      throws SQLException {
    try (Connection connection = pool.take()) {
      boolean done = false;
      try {
        Tx tx = new Tx(Statements.uncached(connection), Dialect.POSTGRES);
        T result = work.run(tx);
        if (tx.failed()) {
          throw new PerdureException(
              ErrorCode.INTERNAL, "A transaction went on after a statement had failed.");
        }
        connection.commit();
        done = true;
        return result;
      } finally {
        if (!done) {
          rollback(connection);
        }
      }
    }
  }

  private static void rollback(Connection connection) {
    try {
      connection.rollback();
    } catch (SQLException e) {
      // The connection is broken; the server rolls back, the pool throws the connection away.
    }
  }

  @Override
  public Signals signals() {
    return signals;
  }

  @Override
  public boolean shared() {
    return true;
  }

  @Override
  public void close() {
    signals.close();
    writers.close();
    readers.close();
  }
}

package dev.perdure.db;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.pool.HikariPool.PoolInitializationException;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;

/**
 * The database of a fleet. Writes are READ COMMITTED and repeated after a deadlock; reads have a
 * snapshot and connections of their own, so that followers cannot keep writers waiting; and so has
 * what is urgent, which turns cannot keep waiting. Thread-safe.
 */
public final class PostgresDatabase implements Database {
  /** Runs of one work, the first one included, before a deadlock is reported. */
  private static final int MAX_RUNS = 5;

  /** For the log, the lease and the claims, and what the alarm does at the same time. */
  private static final int URGENT_CONNECTIONS = 6;

  private final PostgresPool writers;
  private final PostgresPool urgent;
  private final PostgresPool readers;
  private final PostgresSignals signals;

  private PostgresDatabase(
      PostgresPool writers, PostgresPool urgent, PostgresPool readers, PostgresSignals signals) {
    this.writers = writers;
    this.urgent = urgent;
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
    List<PostgresPool> pools = new ArrayList<>();
    try {
      for (HikariConfig kind :
          List.of(
              writes("perdure-write", options.writeConnections(), limited, options),
              writes("perdure-urgent", URGENT_CONNECTIONS, limited, options),
              reads("perdure-read", options.readConnections(), limited, options))) {
        pools.add(new PostgresPool(kind));
      }
      return new PostgresDatabase(
          pools.get(0), pools.get(1), pools.get(2), new PostgresSignals(unhurried));
    } catch (PoolInitializationException e) {
      pools.forEach(PostgresPool::close);
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

  private static HikariConfig writes(
      String name, int most, PGSimpleDataSource dataSource, PostgresOptions options) {
    HikariConfig config = pool(name, most, dataSource, options);
    config.setTransactionIsolation("TRANSACTION_READ_COMMITTED");
    return config;
  }

  private static HikariConfig reads(
      String name, int most, PGSimpleDataSource dataSource, PostgresOptions options) {
    HikariConfig config = pool(name, most, dataSource, options);
    config.setReadOnly(true);
    config.setTransactionIsolation("TRANSACTION_REPEATABLE_READ");
    return config;
  }

  private static HikariConfig pool(
      String name, int most, PGSimpleDataSource dataSource, PostgresOptions options) {
    HikariConfig config = new HikariConfig();
    config.setPoolName(name);
    config.setDataSource(dataSource);
    config.setMaximumPoolSize(most);
    config.setMinimumIdle(1);
    config.setConnectionTimeout(options.borrowTimeout().toMillis());
    config.setAutoCommit(false);
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
    return repeated(writers, work);
  }

  @Override
  public <T extends @Nullable Object> T urgently(Work<T> work) {
    return repeated(urgent, work);
  }

  private static <T extends @Nullable Object> T repeated(PostgresPool pool, Work<T> work) {
    return shielded(() -> {
      for (int run = 1; ; run++) {
        try {
          return once(pool, work);
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
    urgent.close();
    readers.close();
  }
}

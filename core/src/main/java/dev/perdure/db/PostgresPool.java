package dev.perdure.db;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.util.concurrent.Semaphore;

/**
 * The connections for one kind of transactions. While the server is there, a caller waits its turn;
 * once there is not one connection left, a few wait for it to come back and all others are refused
 * at once, so that an outage costs callers an answer and not their patience. Thread-safe.
 */
final class PostgresPool implements AutoCloseable {
  /** Callers that wait for a server which is away. */
  static final int WAITING_WHILE_AWAY = 4;

  /** The SQLSTATE "unable to establish connection". */
  private static final String NO_CONNECTION = "08001";

  private final HikariDataSource connections;
  private final Semaphore waiting = new Semaphore(WAITING_WHILE_AWAY);
  private volatile boolean away;

  PostgresPool(HikariConfig config) {
    connections = new HikariDataSource(config);
  }

  Connection take() throws SQLException {
    if (!away) {
      return await();
    }
    if (!waiting.tryAcquire()) {
      throw new SQLTransientConnectionException(
          "PostgreSQL does not let us in, and others wait for it already", NO_CONNECTION);
    }
    try {
      return await();
    } finally {
      waiting.release();
    }
  }

  private Connection await() throws SQLException {
    try {
      Connection connection = connections.getConnection();
      away = false;
      return connection;
    } catch (SQLException e) {
      // With connections left they are only busy.
      away = connections.getHikariPoolMXBean().getTotalConnections() == 0;
      throw e;
    }
  }

  @Override
  public void close() {
    connections.close();
  }
}

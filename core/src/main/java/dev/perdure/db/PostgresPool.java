package dev.perdure.db;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * The connections for one kind of transactions. While the server is there, a caller waits its turn;
 * once there is not one connection left, all are refused at once and a thread of the pool's own
 * waits for the server to come back, so that an outage costs callers an answer and not their
 * patience. Thread-safe.
 */
final class PostgresPool implements AutoCloseable {
  /** The SQLSTATE "unable to establish connection". */
  private static final String NO_CONNECTION = "08001";

  private static final Logger LOG = System.getLogger(PostgresPool.class.getName());

  private final HikariDataSource connections;
  private final AtomicBoolean away = new AtomicBoolean();

  PostgresPool(HikariConfig config) {
    connections = new HikariDataSource(config);
  }

  Connection take() throws SQLException {
    if (away.get()) {
      throw new SQLTransientConnectionException(
          "PostgreSQL does not let us in; it is tried again and again", NO_CONNECTION);
    }
    try {
      return connections.getConnection();
    } catch (SQLException e) {
      // With connections left they are only busy.
      if (connections.getHikariPoolMXBean().getTotalConnections() == 0 && !away.getAndSet(true)) {
        Thread.ofVirtual().name("perdure-reconnect").start(this::reconnect);
      }
      throw e;
    }
  }

  /** Each try waits for a connection as long as a caller would. */
  private void reconnect() {
    while (away.get() && !connections.isClosed()) {
      try (Connection connection = connections.getConnection()) {
        away.set(connection.isClosed());
      } catch (SQLException e) {
        LOG.log(Level.DEBUG, "PostgreSQL is still away: {0}", e.getMessage());
      }
    }
  }

  @Override
  public void close() {
    connections.close();
  }
}

package dev.perdure.it.chaos;

import dev.perdure.testing.EmbeddedPostgresServer;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;

/** A PostgreSQL of its own, with a gate between it and each server. */
final class PostgresStore implements Store {
  private final EmbeddedPostgresServer server = EmbeddedPostgresServer.start(true);
  private final String url = server.createDatabase();

  @Override
  public String url() {
    return url;
  }

  @Override
  public Gate place(Map<String, String> env, Path home) {
    Gate gate = new Gate(server.port());
    env.put("PERDURE_DB_URL", url.replace(":" + server.port() + "/", ":" + gate.port() + "/"));
    return gate;
  }

  @Override
  public Blockade block() {
    return Locks.take(
        url, "SET LOCAL lock_timeout = '3s'; LOCK TABLE turn IN ACCESS EXCLUSIVE MODE");
  }

  @Override
  public long bytes() {
    throw new UnsupportedOperationException("Its files are not the servers'");
  }

  @Override
  public void stop(boolean inOrder) {
    if (inOrder) {
      server.stop();
    } else {
      server.crash();
    }
  }

  @Override
  public void start() {
    server.start();
  }

  @Override
  public void close() {
    server.close();
  }

  /** Locks that a transaction of our own holds. */
  static final class Locks {
    private Locks() {}

    /** Runs the statement in a transaction that ends with the blockade. */
    static Blockade take(String url, String sql) {
      try {
        Connection connection = DriverManager.getConnection(url);
        try (Statement statement = connection.createStatement()) {
          connection.setAutoCommit(false);
          statement.execute(sql);
        } catch (SQLException e) {
          connection.close();
          throw e;
        }
        return () -> end(connection);
      } catch (SQLException e) {
        // The database is away, or busier than this: then it needs no further fault.
        return () -> {};
      }
    }

    private static void end(Connection connection) {
      try (connection) {
        connection.rollback();
      } catch (SQLException e) {
        // The database has ended it.
      }
    }
  }
}

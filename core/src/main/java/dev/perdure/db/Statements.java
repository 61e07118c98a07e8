package dev.perdure.db;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The prepared statements of one connection, kept for the next use because SQLite's driver would
 * parse each of them anew. A statement in use is not in here, so the same SQL may be used again
 * while its rows are read. Not thread-safe; goes with its connection.
 */
final class Statements {
  /** More than Perdure has different statements; the least recently used one goes first. */
  static final int CACHED_STATEMENTS = 256;

  private final Connection connection;
  private final int limit;
  private final LinkedHashMap<String, PreparedStatement> idle =
      new LinkedHashMap<>(16, 0.75f, true);

  private Statements(Connection connection, int limit) {
    this.connection = connection;
    this.limit = limit;
  }

  /**
   * For a SQLite connection whose transactions are begun and ended by statements. The driver is
   * told that it does not commit by itself, as it would try to after every statement otherwise;
   * telling it begins a transaction, which is ended at once.
   */
  static Statements manual(Connection connection) throws SQLException {
    connection.setAutoCommit(false);
    try (Statement rollback = connection.createStatement()) {
      rollback.execute("ROLLBACK");
    }
    return new Statements(connection, CACHED_STATEMENTS);
  }

  /** For a driver that has a cache of its own. */
  static Statements uncached(Connection connection) {
    return new Statements(connection, 0);
  }

  Connection connection() {
    return connection;
  }

  PreparedStatement take(String sql) throws SQLException {
    PreparedStatement statement = idle.remove(sql);
    return statement == null ? connection.prepareStatement(sql) : statement;
  }

  /** Gives back a statement that worked; one that failed is closed instead. */
  void give(String sql, PreparedStatement statement) throws SQLException {
    if (limit == 0) {
      statement.close();
      return;
    }
    statement.clearParameters();
    PreparedStatement other = idle.put(sql, statement);
    if (other != null) {
      other.close();
    }
    if (idle.size() > limit) {
      Iterator<Map.Entry<String, PreparedStatement>> eldest = idle.entrySet().iterator();
      PreparedStatement evicted = eldest.next().getValue();
      eldest.remove();
      evicted.close();
    }
  }
}

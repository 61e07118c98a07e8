package dev.perdure.db;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An open transaction, with short ways to run SQL. Used by one thread, inside one {@link
 * Database.Work}.
 *
 * <p>The SQL is the common subset of both dialects plus these words, which the dialect replaces:
 * {@code {now}} the database's clock in milliseconds since 1970, {@code {lock}} locks the rows read
 * until the end of the transaction, {@code {skip}} does so and passes over rows locked by others.
 * The latter two stand at the end of a SELECT.
 */
public final class Tx {
  /** Reads one row; columns are counted from 1 as JDBC does. */
  @FunctionalInterface
  public interface Mapper<T> {
    T map(ResultSet row) throws SQLException;
  }

  private final Connection connection;
  private final Dialect dialect;

  Tx(Connection connection, Dialect dialect) {
    this.connection = connection;
    this.dialect = dialect;
  }

  public Dialect dialect() {
    return dialect;
  }

  /** For what the short ways do not cover; do not commit, roll back or close it. */
  public Connection connection() {
    return connection;
  }

  /** Runs an INSERT, UPDATE or DELETE and returns the number of rows. */
  public int update(String sql, @Nullable Object... args) throws SQLException {
    try (PreparedStatement statement = prepare(sql, args)) {
      return statement.executeUpdate();
    }
  }

  /** Runs a statement that returns rows, all of which are read. */
  public <T> List<T> list(String sql, Mapper<T> mapper, @Nullable Object... args)
      throws SQLException {
    try (PreparedStatement statement = prepare(sql, args);
        ResultSet rows = statement.executeQuery()) {
      List<T> out = new ArrayList<>();
      while (rows.next()) {
        out.add(mapper.map(rows));
      }
      return out;
    }
  }

  /** Runs a statement that returns at most one row; the rest is ignored. */
  public <T> Optional<T> one(String sql, Mapper<T> mapper, @Nullable Object... args)
      throws SQLException {
    try (PreparedStatement statement = prepare(sql, args);
        ResultSet rows = statement.executeQuery()) {
      return rows.next() ? Optional.of(mapper.map(rows)) : Optional.empty();
    }
  }

  /** Runs one statement for many rows of arguments; returns the row count of each. */
  public int[] batch(String sql, List<@Nullable Object[]> rows) throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(dialect.translate(sql))) {
      for (@Nullable Object[] args : rows) {
        bind(statement, args);
        statement.addBatch();
      }
      return statement.executeBatch();
    }
  }

  /** The database's clock, in milliseconds since 1970. */
  public long now() throws SQLException {
    return one("SELECT {now}", row -> row.getLong(1)).orElseThrow();
  }

  /** {@code ?, ?, ?} for a list of that many arguments. */
  public static String placeholders(int count) {
    return String.join(", ", Collections.nCopies(count, "?"));
  }

  private PreparedStatement prepare(String sql, @Nullable Object[] args) throws SQLException {
    PreparedStatement statement = connection.prepareStatement(dialect.translate(sql));
    try {
      bind(statement, args);
      return statement;
    } catch (SQLException | RuntimeException e) {
      statement.close();
      throw e;
    }
  }

  private static void bind(PreparedStatement statement, @Nullable Object[] args)
      throws SQLException {
    for (int i = 0; i < args.length; i++) {
      switch (args[i]) {
        case null -> statement.setString(i + 1, null);
        case String text -> statement.setString(i + 1, text);
        case Long number -> statement.setLong(i + 1, number);
        case Integer number -> statement.setLong(i + 1, number);
        case byte[] bytes -> statement.setBytes(i + 1, bytes);
        default ->
            throw new IllegalArgumentException(
                "Argument " + (i + 1) + " is of a type not used here: " + args[i].getClass());
      }
    }
  }
}

package dev.perdure.db;

import com.fasterxml.jackson.databind.node.ArrayNode;
import dev.perdure.protocol.Json;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An open transaction, with short ways to run SQL. Used by one thread, inside one {@link
 * Database.Work}. Once a statement has failed the transaction is lost, on both databases: every
 * further statement is refused and nothing is committed.
 *
 * <p>The SQL is the common subset of both dialects plus these words, which the dialect replaces:
 * {@code {now}} the database's clock in milliseconds since 1970, {@code {lock}} locks the rows read
 * until the end of the transaction, {@code {skip}} does so and passes over rows locked by others.
 * The latter two stand at the end of a SELECT. {@code {rows}} in a FROM is one argument, made by
 * {@link #rows}, as a table {@code j} with a JSON array for each row: {@code j.value ->> 0} is its
 * first column as a text.
 *
 * <p>Arguments are String, Long, Integer, byte[] or null; on PostgreSQL also String[], Long[] and
 * byte[][], as arrays.
 */
public final class Tx {
  /** How many rows a {@link #scan} holds in memory at a time. */
  private static final int SCAN_ROWS = 64;

  /** The SQLSTATE "in failed sql transaction". */
  private static final String FAILED_TRANSACTION = "25P02";

  /** Reads one row; columns are counted from 1 as JDBC does. */
  @FunctionalInterface
  public interface Mapper<T> {
    T map(ResultSet row) throws SQLException;
  }

  /** Takes one row and says whether to go on. */
  @FunctionalInterface
  public interface Visitor {
    boolean row(ResultSet row) throws SQLException;
  }

  private final Statements statements;
  private final Dialect dialect;
  private boolean failed;

  Tx(Statements statements, Dialect dialect) {
    this.statements = statements;
    this.dialect = dialect;
  }

  public Dialect dialect() {
    return dialect;
  }

  /** For what the short ways do not cover; do not commit, roll back or close it. */
  public Connection connection() {
    return statements.connection();
  }

  /** Whether a statement has failed, so that there is nothing to commit. */
  boolean failed() {
    return failed;
  }

  /** Runs an INSERT, UPDATE or DELETE and returns the number of rows. */
  public int update(String sql, @Nullable Object... args) throws SQLException {
    return use(
        sql,
        statement -> {
          bind(statement, args);
          return statement.executeUpdate();
        });
  }

  /** Runs a statement that returns rows, all of which are read. */
  public <T> List<T> list(String sql, Mapper<T> mapper, @Nullable Object... args)
      throws SQLException {
    return use(
        sql,
        statement -> {
          bind(statement, args);
          try (ResultSet rows = statement.executeQuery()) {
            List<T> out = new ArrayList<>();
            while (rows.next()) {
              out.add(mapper.map(rows));
            }
            return out;
          }
        });
  }

  /** Runs a statement that returns at most one row; the rest is ignored. */
  public <T> Optional<T> one(String sql, Mapper<T> mapper, @Nullable Object... args)
      throws SQLException {
    return use(
        sql,
        statement -> {
          bind(statement, args);
          try (ResultSet rows = statement.executeQuery()) {
            return rows.next() ? Optional.of(mapper.map(rows)) : Optional.empty();
          }
        });
  }

  /** Runs a statement and walks its rows without holding many of them in memory. */
  public void scan(String sql, Visitor visitor, @Nullable Object... args) throws SQLException {
    use(
        sql,
        statement -> {
          bind(statement, args);
          statement.setFetchSize(SCAN_ROWS);
          try (ResultSet rows = statement.executeQuery()) {
            boolean more = true;
            while (more && rows.next()) {
              more = visitor.row(rows);
            }
            return true;
          }
        });
  }

  /** Runs one statement for many rows of arguments; returns the row count of each. */
  public int[] batch(String sql, List<@Nullable Object[]> rows) throws SQLException {
    return use(
        sql,
        statement -> {
          for (@Nullable Object[] args : rows) {
            bind(statement, args);
            statement.addBatch();
          }
          return statement.executeBatch();
        });
  }

  /** The database's clock, in milliseconds since 1970. */
  public long now() throws SQLException {
    return one("SELECT {now}", row -> row.getLong(1)).orElseThrow();
  }

  /** {@code ?, ?, ?} for a list of that many arguments. */
  public static String placeholders(int count) {
    return String.join(", ", Collections.nCopies(count, "?"));
  }

  /** The argument of {@code {rows}}: rows of texts, numbers and nulls. */
  public static String rows(Iterable<@Nullable Object[]> rows) {
    ArrayNode out = Json.MAPPER.createArrayNode();
    for (@Nullable Object[] row : rows) {
      ArrayNode columns = out.addArray();
      for (@Nullable Object column : row) {
        switch (column) {
          case null -> columns.addNull();
          case String text -> columns.add(text);
          case Long number -> columns.add(number);
          default -> throw new IllegalArgumentException("Not for a row: " + column.getClass());
        }
      }
    }
    return Json.text(out);
  }

  /** The argument of {@code {rows}} for rows of one text each. */
  public static String rowsOf(Collection<String> texts) {
    List<@Nullable Object[]> rows = new ArrayList<>(texts.size());
    texts.forEach(text -> rows.add(new Object[] {text}));
    return rows(rows);
  }

  private interface Use<T> {
    T with(PreparedStatement statement) throws SQLException;
  }

  private <T> T use(String sql, Use<T> use) throws SQLException {
    if (failed) {
      throw new SQLException(
          "A statement of this transaction has failed before; it can only be rolled back.",
          FAILED_TRANSACTION);
    }
    String translated = dialect.translate(sql);
    PreparedStatement statement = null;
    boolean done = false;
    try {
      statement = statements.take(translated);
      T result = use.with(statement);
      done = true;
      statements.give(translated, statement);
      return result;
    } catch (SQLException e) {
      failed = true;
      throw e;
    } finally {
      if (!done && statement != null) {
        closeQuietly(statement);
      }
    }
  }

  private static void closeQuietly(PreparedStatement statement) {
    try {
      statement.close();
    } catch (SQLException e) {
      // What has failed before is what the caller needs to know; this follows from it.
    }
  }

  private void bind(PreparedStatement statement, @Nullable Object[] args) throws SQLException {
    for (int i = 0; i < args.length; i++) {
      switch (args[i]) {
        case null -> statement.setString(i + 1, null);
        case String text -> statement.setString(i + 1, text);
        case Long number -> statement.setLong(i + 1, number);
        case Integer number -> statement.setLong(i + 1, number);
        case byte[] bytes -> statement.setBytes(i + 1, bytes);
        case String[] texts -> statement.setArray(i + 1, connection().createArrayOf("text", texts));
        case Long[] numbers ->
            statement.setArray(i + 1, connection().createArrayOf("bigint", numbers));
        case byte[][] blobs ->
            statement.setArray(i + 1, connection().createArrayOf("bytea", blobs));
        default ->
            throw new IllegalArgumentException(
                "Argument " + (i + 1) + " is of a type not used here: " + args[i].getClass());
      }
    }
  }
}

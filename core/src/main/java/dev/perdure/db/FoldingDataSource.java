package dev.perdure.db;

import java.sql.SQLException;
import org.jspecify.annotations.Nullable;
import org.sqlite.Function;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteConnection;
import org.sqlite.SQLiteDataSource;

/**
 * Gives its connections the function {@code perdure_fold}, which PostgreSQL has by a migration: a
 * text as a search compares it, without the difference of upper and lower case. SQLite's own {@code
 * LOWER} knows only the letters of ASCII. Thread-safe.
 */
final class FoldingDataSource extends SQLiteDataSource {
  FoldingDataSource(SQLiteConfig config) {
    super(config);
  }

  @Override
  public SQLiteConnection getConnection(@Nullable String user, @Nullable String password)
      throws SQLException {
    SQLiteConnection connection = super.getConnection(user, password);
    try {
      Function.create(connection, "perdure_fold", new Fold(), 1, Function.FLAG_DETERMINISTIC);
    } catch (SQLException e) {
      connection.close();
      throw e;
    }
    return connection;
  }

  private static final class Fold extends Function {
    @Override
    protected void xFunc() throws SQLException {
      String text = value_text(0);
      if (text == null) {
        result();
      } else {
        result(fold(text));
      }
    }

    /** Letter by letter, so that a part of a text is folded as it is within the whole. */
    private static String fold(String text) {
      return text.codePoints()
          .map(letter -> Character.toLowerCase(Character.toUpperCase(letter)))
          .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
          .toString();
    }
  }
}

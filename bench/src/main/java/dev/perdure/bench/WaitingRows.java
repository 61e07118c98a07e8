package dev.perdure.bench;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.protocol.Ids;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Copies of the rows that the server itself has written for a session with one turn, with ids of
 * their own: what it would have written for as many requests, in a small part of the time. Used by
 * one thread.
 */
final class WaitingRows {
  private static final int COPIES_AT_ONCE = 500;

  /** All that a session with a turn has, in an order that foreign keys allow. */
  private static final Map<String, String> KEYS =
      Map.of(
          "session", "id = ?",
          "turn", "session_id = ?",
          "message", "session_id = ?",
          "lane", "turn_id = (SELECT id FROM turn WHERE session_id = ?)",
          "tool_call", "turn_id = (SELECT id FROM turn WHERE session_id = ?)",
          "log_block", "turn_id = (SELECT id FROM turn WHERE session_id = ?)",
          "later_turn", "turn_id = (SELECT id FROM turn WHERE session_id = ?)",
          "turn_context", "turn_id = (SELECT id FROM turn WHERE session_id = ?)");

  private static final List<String> TABLES =
      List.of(
          "session",
          "turn",
          "message",
          "lane",
          "tool_call",
          "log_block",
          "later_turn",
          "turn_context");

  private static final Pattern ID = Pattern.compile("(sess|turn|msg|call)_[0-9a-z]{26}");

  private final Database database;
  private final Ids ids = Ids.system();

  WaitingRows(Database database) {
    this.database = database;
  }

  /** One row, without the columns that are null. */
  private record Row(String table, List<String> columns, List<Object> values) {}

  /**
   * Copies a session.
   *
   * @return the ids of the copies' turns
   */
  List<String> copy(String session, int copies) {
    List<Row> rows = new ArrayList<>();
    for (String table : TABLES) {
      rows.addAll(database.read(tx -> rows(tx, table, session)));
    }
    List<String> turns = new ArrayList<>();
    for (int done = 0; done < copies; done += COPIES_AT_ONCE) {
      int count = Math.min(COPIES_AT_ONCE, copies - done);
      List<Map<String, String>> names = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        Map<String, String> fresh = new HashMap<>();
        rows.forEach(row -> row.values.forEach(value -> copied(value, fresh)));
        names.add(fresh);
        fresh.values().stream().filter(id -> id.startsWith("turn_")).forEach(turns::add);
      }
      int _ =
          database.write(tx -> {
            for (Row row : rows) {
              insert(tx, row, names);
            }
            return count;
          });
    }
    return turns;
  }

  /** For the planner of a database that has just grown. */
  void analyze() {
    int _ = database.write(tx -> tx.update("ANALYZE"));
  }

  private static List<Row> rows(Tx tx, String table, String session) throws SQLException {
    return tx.list(
        "SELECT * FROM " + table + " WHERE " + KEYS.get(table),
        found -> row(table, found),
        session);
  }

  private static Row row(String table, ResultSet found) throws SQLException {
    ResultSetMetaData about = found.getMetaData();
    List<String> columns = new ArrayList<>();
    List<Object> values = new ArrayList<>();
    for (int i = 1; i <= about.getColumnCount(); i++) {
      @Nullable Object value = found.getObject(i);
      if (value != null) {
        columns.add(about.getColumnName(i));
        values.add(value instanceof Number number ? Long.valueOf(number.longValue()) : value);
      }
    }
    return new Row(table, columns, values);
  }

  private void insert(Tx tx, Row row, List<Map<String, String>> names) throws SQLException {
    List<@Nullable Object[]> args = new ArrayList<>();
    for (Map<String, String> fresh : names) {
      args.add(row.values.stream().map(value -> copied(value, fresh)).toArray());
    }
    int[] _ =
        tx.batch(
            "INSERT INTO "
                + row.table
                + " ("
                + String.join(", ", row.columns)
                + ") VALUES ("
                + Tx.placeholders(row.columns.size())
                + ")",
            args);
  }

  /** The value with new ids in it, which are as long as the old ones. */
  private Object copied(Object value, Map<String, String> fresh) {
    return switch (value) {
      case String text -> copied(text, fresh);
      case byte[] bytes -> copied(new String(bytes, ISO_8859_1), fresh).getBytes(ISO_8859_1);
      default -> value;
    };
  }

  private String copied(String text, Map<String, String> fresh) {
    return ID.matcher(text)
        .replaceAll(found -> fresh.computeIfAbsent(found.group(), old -> fresh(found.group(1))));
  }

  private String fresh(String prefix) {
    return switch (prefix) {
      case "sess" -> ids.session();
      case "turn" -> ids.turn();
      case "msg" -> ids.message();
      default -> ids.call();
    };
  }
}

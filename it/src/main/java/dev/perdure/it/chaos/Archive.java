package dev.perdure.it.chaos;

import dev.perdure.it.check.Stored;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The database as it is, read with plain SQL and none of the product's code. For one thread. */
public final class Archive implements AutoCloseable {
  private final Connection connection;

  public Archive(String url) {
    try {
      connection = DriverManager.getConnection(url);
    } catch (SQLException e) {
      throw new IllegalStateException("The database of the run cannot be reached", e);
    }
  }

  /** Makes something of a row. */
  @FunctionalInterface
  interface Mapper<T> {
    T map(ResultSet row) throws SQLException;
  }

  <T> List<T> list(String sql, Mapper<T> mapper, String... args) {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int i = 0; i < args.length; i++) {
        statement.setString(i + 1, args[i]);
      }
      List<T> out = new ArrayList<>();
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) {
          out.add(mapper.map(rows));
        }
      }
      return out;
    } catch (SQLException e) {
      throw new IllegalStateException("The database of the run cannot be read", e);
    }
  }

  /** How many turns are neither completed nor failed nor cancelled. */
  long openTurns() {
    return list(
            "SELECT COUNT(*) FROM turn WHERE state IN ('queued', 'running', 'waiting')",
            row -> row.getLong(1))
        .getFirst();
  }

  /** The session of each turn that has ended. */
  Map<String, String> endedTurns() {
    Map<String, String> turns = new HashMap<>();
    list(
        "SELECT id, session_id FROM turn WHERE ended_at IS NOT NULL",
        row -> turns.put(row.getString(1), row.getString(2)));
    return turns;
  }

  /** Rows that belong to nothing, or still hold something; each in a few words. */
  public List<String> leftovers() {
    List<String> out = new ArrayList<>();
    Map<String, String> questions = new HashMap<>();
    questions.put(
        "turn is still open",
        "SELECT id || ' ' || state || ' node ' || COALESCE(node_id, '-') FROM turn"
            + " WHERE state IN ('queued', 'running', 'waiting')");
    questions.put(
        "turn is held by a node that does not live",
        "SELECT id FROM turn t WHERE node_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM node n"
            + " WHERE n.id = t.node_id)");
    questions.put(
        "block of a log without a turn",
        "SELECT turn_id || ' ' || first_seq FROM log_block b"
            + " WHERE NOT EXISTS (SELECT 1 FROM turn t WHERE t.id = b.turn_id)");
    questions.put(
        "idempotency key without a turn",
        "SELECT key || ' ' || turn_id FROM idempotency i"
            + " WHERE NOT EXISTS (SELECT 1 FROM turn t WHERE t.id = i.turn_id)");
    questions.put(
        "message without a turn",
        "SELECT id FROM message m WHERE NOT EXISTS (SELECT 1 FROM turn t WHERE t.id = m.turn_id)");
    questions.put(
        "lane has an intent that nobody took up",
        "SELECT turn_id || '/' || lane FROM lane WHERE retry_asked = 1");
    questions.put(
        "call of a tool is open in a turn that has ended",
        "SELECT c.id || ' ' || c.state FROM tool_call c JOIN turn t ON t.id = c.turn_id"
            + " WHERE t.ended_at IS NOT NULL AND c.state IN"
            + " ('approval', 'approved', 'client', 'time', 'input', 'intent', 'attention', 'repeat')");
    questions.forEach((what, sql) ->
        list(sql, row -> row.getString(1)).forEach(subject -> out.add(subject + ": " + what)));
    return out;
  }

  /** One session with everything in it. */
  public Stored.Session session(String id) {
    Map<String, List<Stored.Lane>> lanes = lanes(id);
    Map<String, List<Stored.Block>> blocks = blocks(id);
    Map<String, List<Stored.ToolCall>> calls = calls(id);
    List<Stored.Turn> turns =
        list(
            """
            SELECT id, state, position, epoch, node_id, started_at, ended_at, user_message
              FROM turn WHERE session_id = ? ORDER BY position\
            """,
            row ->
                new Stored.Turn(
                    row.getString(1),
                    row.getString(2),
                    row.getLong(3),
                    row.getLong(4),
                    row.getString(5),
                    millis(row, 6),
                    millis(row, 7),
                    row.getString(8),
                    lanes.getOrDefault(row.getString(1), List.of()),
                    blocks.getOrDefault(row.getString(1), List.of()),
                    calls.getOrDefault(row.getString(1), List.of())),
            id);
    List<Stored.Message> messages =
        list(
            """
            SELECT id, turn_id, role, position, status, parts
              FROM message WHERE session_id = ? ORDER BY position\
            """,
            row ->
                new Stored.Message(
                    row.getString(1),
                    row.getString(2),
                    row.getString(3),
                    row.getLong(4),
                    row.getString(5),
                    text(row.getString(6))),
            id);
    return new Stored.Session(id, turns, messages);
  }

  /** The lanes of a session, by turn. */
  private Map<String, List<Stored.Lane>> lanes(String id) {
    Map<String, List<Stored.Lane>> lanes = new HashMap<>();
    list(
        """
        SELECT l.turn_id, l.lane, l.message_id, l.model, l.state
          FROM lane l JOIN turn t ON t.id = l.turn_id WHERE t.session_id = ? ORDER BY 1, 2\
        """,
        row ->
            lanes
                .computeIfAbsent(row.getString(1), turn -> new ArrayList<>())
                .add(
                    new Stored.Lane(
                        row.getInt(2), row.getString(3), row.getString(4), row.getString(5))),
        id);
    return lanes;
  }

  /** The ledger of a session, by turn. */
  private Map<String, List<Stored.ToolCall>> calls(String id) {
    Map<String, List<Stored.ToolCall>> calls = new HashMap<>();
    list(
        """
        SELECT c.turn_id, c.id, c.tool, c.effect, c.state, c.runs
          FROM tool_call c JOIN turn t ON t.id = c.turn_id WHERE t.session_id = ? ORDER BY 1, 2\
        """,
        row ->
            calls
                .computeIfAbsent(row.getString(1), turn -> new ArrayList<>())
                .add(
                    new Stored.ToolCall(
                        row.getString(2),
                        row.getString(3),
                        row.getString(4),
                        row.getString(5),
                        row.getLong(6))),
        id);
    return calls;
  }

  /** The log of a session, by turn. */
  private Map<String, List<Stored.Block>> blocks(String id) {
    Map<String, List<Stored.Block>> blocks = new HashMap<>();
    list(
        """
        SELECT b.turn_id, b.first_seq, b.last_seq, b.payload
          FROM log_block b JOIN turn t ON t.id = b.turn_id WHERE t.session_id = ? ORDER BY 1, 2\
        """,
        row ->
            blocks
                .computeIfAbsent(row.getString(1), turn -> new ArrayList<>())
                .add(
                    new Stored.Block(
                        row.getLong(2),
                        row.getLong(3),
                        new String(row.getBytes(4), StandardCharsets.UTF_8))),
        id);
    return blocks;
  }

  private static @Nullable Long millis(ResultSet row, int column) throws SQLException {
    long value = row.getLong(column);
    return row.wasNull() ? null : Long.valueOf(value);
  }

  private static String text(String parts) {
    StringBuilder text = new StringBuilder();
    try {
      Recorder.JSON
          .readTree(parts)
          .forEach(part -> {
            if (part.path("kind").asText().equalsIgnoreCase("text")) {
              text.append(part.path("text").asText());
            }
          });
    } catch (IOException e) {
      throw new UncheckedIOException("A message's parts are not JSON: " + parts, e);
    }
    return text.toString();
  }

  @Override
  public void close() {
    try {
      connection.close();
    } catch (SQLException e) {
      throw new IllegalStateException(e);
    }
  }
}

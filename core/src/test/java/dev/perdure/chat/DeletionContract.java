package dev.perdure.chat;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.db.Database;
import dev.perdure.db.Dialect;
import dev.perdure.db.Tx;
import dev.perdure.log.LogLimits;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.Ids;
import java.sql.DatabaseMetaData;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * A session that is deleted leaves nothing, whatever tables there are: the schema is read, each
 * table gets a row of a session that goes and one of a session that stays, with a word in each
 * column of text by which it is known again.
 */
abstract class DeletionContract {
  private static final Caller ANN = new Caller("acme", "ann");
  private static final String GOES = "doomed";
  private static final String STAYS = "lasting";

  /** What has nothing of a session, and why. */
  private static final Map<String, String> NOT_OF_SESSIONS =
      Map.of(
          "flyway_schema_history", "the schema's own",
          "node", "servers",
          "embedding_model", "who makes vectors",
          "preference", "an owner's, for all sessions",
          "blob", "an owner's contents; those that no document refers to are swept",
          "file", "an owner's files; those that no message refers to are swept",
          "file_block", "the same",
          "log_recent", "on its way to log_block, where what belongs to no turn is dropped");

  /** Columns that name a row of another table without being declared to, and that table. */
  private static final Map<String, String> NAMES =
      Map.ofEntries(
          Map.entry("session_id", "session"),
          Map.entry("turn_id", "turn"),
          Map.entry("last_turn", "turn"),
          Map.entry("message_id", "message"),
          Map.entry("parent_id", "message"),
          Map.entry("user_message", "message"),
          Map.entry("up_to", "message"),
          Map.entry("document_id", "document"),
          Map.entry("schedule_id", "schedule"),
          Map.entry("call_id", "tool_call"),
          Map.entry("replaces", "tool_call"));

  /** A column of a table. */
  private record Column(String name, int type, String typeName, boolean made) {
    boolean text() {
      return type == Types.VARCHAR || type == Types.LONGVARCHAR || type == Types.CLOB;
    }
  }

  private Database database;
  private TurnLog log;
  private Desk desk;

  /** The columns of each table, those first to which others refer. */
  private final Map<String, List<Column>> tables = new LinkedHashMap<>();

  abstract Database open();

  @BeforeEach
  void begin() {
    database = open();
    log = new TurnLog(database, "node_a", LogLimits.DEFAULT);
    desk =
        new Desk(
            database,
            log,
            Starter.NONE,
            Ids.system(),
            new DeskLimits(10, 1000, 1000, Duration.ofHours(1)));
    database.<Boolean>read(tx -> {
      readSchema(tx);
      return true;
    });
    for (String session : List.of(GOES, STAYS)) {
      database.<Boolean>write(tx -> {
        for (String table : tables.keySet()) {
          fill(tx, table, session);
        }
        return tx.update(
                """
                INSERT INTO idempotency (tenant, owner, key, body_hash, turn_id, created_at)
                VALUES ('acme', 'ann', ?, 'h', ?, 0)\
                """,
                "of a schedule " + session,
                "schedule_" + session)
            == 1;
      });
    }
  }

  @AfterEach
  void end() {
    log.close();
    database.close();
  }

  private void readSchema(Tx tx) throws SQLException {
    DatabaseMetaData meta = tx.connection().getMetaData();
    @Nullable String schema = tx.dialect() == Dialect.SQLITE ? null : "public";
    Map<String, Set<String>> parents = new TreeMap<>();
    try (ResultSet row = meta.getTables(null, schema, "%", new String[] {"TABLE"})) {
      while (row.next()) {
        String table = row.getString("TABLE_NAME");
        // The full-text index of SQLite, which a trigger keeps like the table of the pieces.
        if (!NOT_OF_SESSIONS.containsKey(table) && !table.startsWith("chunk_words")) {
          parents.put(table, new HashSet<>());
        }
      }
    }
    for (Map.Entry<String, Set<String>> table : parents.entrySet()) {
      try (ResultSet row = meta.getImportedKeys(null, schema, table.getKey())) {
        while (row.next()) {
          table.getValue().add(row.getString("PKTABLE_NAME"));
        }
      }
      table.getValue().retainAll(parents.keySet());
    }
    while (!parents.isEmpty()) {
      for (String table : List.copyOf(parents.keySet())) {
        if (tables.keySet().containsAll(parents.getOrDefault(table, Set.of()))) {
          tables.put(table, columns(meta, schema, table));
          parents.remove(table);
        }
      }
    }
    assertThat(tables).hasSizeGreaterThan(20);
  }

  private static List<Column> columns(DatabaseMetaData meta, @Nullable String schema, String table)
      throws SQLException {
    List<Column> columns = new ArrayList<>();
    try (ResultSet row = meta.getColumns(null, schema, table, "%")) {
      while (row.next()) {
        columns.add(
            new Column(
                row.getString("COLUMN_NAME"),
                row.getInt("DATA_TYPE"),
                row.getString("TYPE_NAME"),
                "YES".equals(row.getString("IS_AUTOINCREMENT"))));
      }
    }
    return columns;
  }

  private void fill(Tx tx, String table, String session) throws SQLException {
    List<String> names = new ArrayList<>();
    List<String> places = new ArrayList<>();
    List<@Nullable Object> values = new ArrayList<>();
    for (Column column : tables.getOrDefault(table, List.of())) {
      if (!column.made && !(table.equals("chunk") && column.name.equals("id"))) {
        names.add(column.name);
        places.add(column.typeName.equals("tsvector") ? "CAST(? AS TSVECTOR)" : "?");
        values.add(value(tx, table, column, session));
      }
    }
    tx.update(
        "INSERT INTO %s (%s) VALUES (%s)"
            .formatted(table, String.join(", ", names), String.join(", ", places)),
        values.toArray());
  }

  private static @Nullable Object value(Tx tx, String table, Column column, String session)
      throws SQLException {
    return switch (column.name) {
      case "tenant" -> ANN.tenant();
      case "owner" -> ANN.owner();
      // These are read, as JSON, when the session is locked.
      case "tools", "metadata", "output", "tool_limits" -> null;
      case "state" -> table.equals("compensation") ? "done" : "completed";
      case "id" -> column.text() ? table + "_" + session : number(session);
      case "chunk_id" ->
          tx.one(
                  "SELECT id FROM chunk WHERE session_id = ?",
                  row -> row.getLong(1),
                  "session_" + session)
              .orElseThrow();
      case "file_id" -> file(tx, session);
      default ->
          NAMES.containsKey(column.name)
              ? NAMES.get(column.name) + "_" + session
              : column.text() || column.typeName.equals("tsvector")
                  ? session + " " + table + " " + column.name
                  : column.typeName.equalsIgnoreCase("bytea")
                      ? session.getBytes(UTF_8)
                      : number(session);
    };
  }

  private static Long number(String session) {
    return session.equals(GOES) ? 1L : 2L;
  }

  private static String file(Tx tx, String session) throws SQLException {
    String id = "file_" + session;
    tx.update(
        """
        INSERT INTO file (id, tenant, owner, name, media_type, size, hash, state, created_at, used_at)
        VALUES (?, 'acme', 'ann', 'n', 'text/plain', 1, ?, 'ready', 0, 0)
        ON CONFLICT (id) DO NOTHING\
        """,
        id,
        id);
    return id;
  }

  /** The tables in which a column of text has something of this session, and how many rows. */
  private Map<String, Long> rows(String session) {
    return database.<Map<String, Long>>read(tx -> {
      Map<String, Long> found = new TreeMap<>();
      for (Map.Entry<String, List<Column>> table : tables.entrySet()) {
        List<String> texts =
            table.getValue().stream()
                .filter(Column::text)
                .map(column -> column.name + " LIKE '%" + session + "%'")
                .toList();
        long count =
            texts.isEmpty()
                ? 0
                : tx.one(
                        "SELECT COUNT(*) FROM "
                            + table.getKey()
                            + " WHERE "
                            + String.join(" OR ", texts),
                        row -> row.getLong(1))
                    .orElseThrow();
        if (count > 0) {
          found.put(table.getKey(), count);
        }
      }
      return found;
    });
  }

  @Test
  void a_session_that_is_deleted_leaves_no_row_in_any_table() {
    assertThat(rows(GOES).keySet()).isEqualTo(tables.keySet());
    Map<String, Long> others = rows(STAYS);
    assertThat(others.keySet()).isEqualTo(tables.keySet());
    desk.deleteSession(ANN, "session_" + GOES);
    assertThat(rows(GOES)).isEmpty();
    assertThat(rows(STAYS)).isEqualTo(others);
  }

  @Test
  void of_what_is_owed_only_that_stays_which_is_not_undone() {
    for (String state : List.of("due", "failed")) {
      database.write(tx -> {
        fill(tx, "compensation", state + " " + GOES);
        return tx.update(
            "UPDATE compensation SET turn_id = 'turn_doomed', state = ? WHERE call_id = ?",
            state,
            "tool_call_" + state + " " + GOES);
      });
    }
    desk.deleteSession(ANN, "session_" + GOES);
    assertThat(rows(GOES)).isEqualTo(Map.of("compensation", 2L));
  }
}

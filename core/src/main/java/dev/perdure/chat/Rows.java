package dev.perdure.chat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.exc.InvalidFormatException;
import dev.perdure.chat.Message.Part;
import dev.perdure.chat.Message.Role;
import dev.perdure.chat.Message.Status;
import dev.perdure.chat.Turn.Lane;
import dev.perdure.chat.TurnRequest.Output;
import dev.perdure.db.Tx;
import dev.perdure.protocol.ClosedSet;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.Source;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnState;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Between rows and records: column lists, mappers, and the JSON that some columns hold. */
final class Rows {
  static final String SESSION_COLUMNS =
      "id, title, instructions, metadata, tools, created_at, updated_at, output, tool_limits";

  static final String MESSAGE_COLUMNS =
      "id, session_id, turn_id, parent_id, role, position, status, model, parts, finish, usage,"
          + " error, tools, files, output, created_at, updated_at, attempts, sources";

  static final String TURN_COLUMNS =
      "id, session_id, user_message, state, position, epoch, request, cancelled_by, error,"
          + " created_at, started_at, ended_at, log_expired, wake_at, tool_order";

  /** Reads what an older or newer version wrote, so unknown members are passed over. */
  private static final ObjectMapper STORED =
      Json.MAPPER.copy().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

  private static final TypeReference<List<Part>> PARTS = new TypeReference<>() {};

  private static final TypeReference<List<Message.ToolUse>> TOOL_USES = new TypeReference<>() {};

  private static final TypeReference<List<AttemptStarted>> ATTEMPTS = new TypeReference<>() {};

  private static final TypeReference<List<Message.Attachment>> FILES = new TypeReference<>() {};

  private static final TypeReference<List<Source>> SOURCES = new TypeReference<>() {};

  private static final TypeReference<List<String>> NAMES = new TypeReference<>() {};

  private static final TypeReference<Map<String, String>> TEXTS = new TypeReference<>() {};

  private Rows() {}

  static Session session(ResultSet row) throws SQLException {
    return new Session(
        row.getString(1),
        new Session.Settings(
            row.getString(2),
            row.getString(3),
            texts(row.getString(4)),
            namesOrNull(row.getString(5)),
            outputOrNull(row.getString(8)),
            toolLimits(row.getString(9))),
        row.getLong(6),
        row.getLong(7));
  }

  /** The form of replies; null where nothing is stored. */
  static @Nullable Output outputOrNull(@Nullable String json) {
    try {
      return json == null ? null : STORED.readValue(json, Output.class);
    } catch (JsonProcessingException e) {
      throw damaged(e);
    }
  }

  /** A list of names; null where nothing is stored. */
  static @Nullable List<String> namesOrNull(@Nullable String json) {
    try {
      return json == null ? null : STORED.readValue(json, NAMES);
    } catch (JsonProcessingException e) {
      throw damaged(e);
    }
  }

  /** Limits of tools; none where nothing is stored. */
  static ToolLimits toolLimits(@Nullable String json) {
    ToolLimits limits = readOrNull(json, ToolLimits.class);
    return limits == null ? ToolLimits.NONE : limits;
  }

  static @Nullable String toolLimitsOrNull(ToolLimits limits) {
    return limits.equals(ToolLimits.NONE) ? null : json(limits);
  }

  /** Names and values; none where nothing is stored. */
  static Map<String, String> texts(@Nullable String json) {
    try {
      return json == null ? Map.of() : STORED.readValue(json, TEXTS);
    } catch (JsonProcessingException e) {
      throw damaged(e);
    }
  }

  static @Nullable String textsOrNull(Map<String, String> texts) {
    return texts.isEmpty() ? null : json(texts);
  }

  static Message message(ResultSet row) throws SQLException {
    String finish = row.getString(10);
    return new Message(
        row.getString(1),
        row.getString(2),
        row.getString(3),
        row.getString(4),
        ClosedSet.value(Role.class, row.getString(5)),
        row.getLong(6),
        ClosedSet.value(Status.class, row.getString(7)),
        row.getString(8),
        parts(row.getString(9)),
        finish == null ? null : FinishReason.of(finish),
        readOrNull(row.getString(11), TokenUsage.class),
        readOrNull(row.getString(12), TurnError.class),
        toolUses(row.getString(13)),
        attempts(row.getString(18)),
        files(row.getString(14)),
        sources(row.getString(19)),
        output(row.getString(15)),
        row.getLong(16),
        row.getLong(17));
  }

  static List<Message.Attachment> files(@Nullable String json) {
    try {
      return json == null ? List.of() : STORED.readValue(json, FILES);
    } catch (JsonProcessingException e) {
      throw damaged(e);
    }
  }

  private static List<Source> sources(@Nullable String json) {
    try {
      return json == null ? List.of() : STORED.readValue(json, SOURCES);
    } catch (JsonProcessingException e) {
      throw damaged(e);
    }
  }

  private static @Nullable JsonNode output(@Nullable String json) {
    JsonNode output = json == null ? null : Json.trusted(json);
    return output == null || output.isNull() ? null : output;
  }

  private static List<AttemptStarted> attempts(@Nullable String json) {
    try {
      return json == null ? List.of() : STORED.readValue(json, ATTEMPTS);
    } catch (JsonProcessingException e) {
      throw damaged(e);
    }
  }

  private static List<Message.ToolUse> toolUses(@Nullable String json) {
    try {
      return json == null ? List.of() : STORED.readValue(json, TOOL_USES);
    } catch (JsonProcessingException e) {
      throw damaged(e);
    }
  }

  /** Turns with their lanes, in the order of the rows. */
  static List<Turn> turns(Tx tx, String where, @Nullable Object... args) throws SQLException {
    List<Turn> bare =
        tx.list("SELECT " + TURN_COLUMNS + " FROM turn " + where, Rows::bareTurn, args);
    if (bare.isEmpty()) {
      return bare;
    }
    Map<String, List<Lane>> lanes = new HashMap<>();
    tx.list(
        "SELECT turn_id, lane, message_id, model, state FROM lane WHERE turn_id IN ("
            + Tx.placeholders(bare.size())
            + ") ORDER BY turn_id, lane",
        row ->
            lanes
                .computeIfAbsent(row.getString(1), id -> new ArrayList<>())
                .add(
                    new Lane(
                        row.getInt(2),
                        row.getString(3),
                        row.getString(4),
                        LaneState.of(row.getString(5)))),
        bare.stream().map(Turn::id).toArray());
    return bare.stream().map(t -> withLanes(t, lanes.getOrDefault(t.id(), List.of()))).toList();
  }

  private static Turn bareTurn(ResultSet row) throws SQLException {
    return new Turn(
        row.getString(1),
        row.getString(2),
        row.getString(3),
        TurnState.of(row.getString(4)),
        row.getLong(5),
        row.getLong(6),
        read(row.getString(7), TurnRequest.class),
        row.getString(8),
        readOrNull(row.getString(9), TurnError.class),
        List.of(),
        row.getLong(10),
        longOrNull(row, 11),
        longOrNull(row, 12),
        row.getLong(13) != 0,
        longOrNull(row, 14),
        null,
        namesOrNull(row.getString(15)));
  }

  private static Turn withLanes(Turn t, List<Lane> lanes) {
    return new Turn(
        t.id(),
        t.session(),
        t.userMessage(),
        t.state(),
        t.position(),
        t.epoch(),
        t.request(),
        t.cancelledBy(),
        t.error(),
        lanes,
        t.createdAtMillis(),
        t.startedAtMillis(),
        t.endedAtMillis(),
        t.logExpired(),
        t.wakeAtMillis(),
        t.answered(),
        t.toolOrder());
  }

  static @Nullable Long longOrNull(ResultSet row, int column) throws SQLException {
    long value = row.getLong(column);
    return row.wasNull() ? null : Long.valueOf(value);
  }

  /** The JSON of a column. */
  static String json(Object value) {
    try {
      return STORED.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("A record that cannot be written as JSON", e);
    }
  }

  static @Nullable String jsonOrNull(@Nullable Object value) {
    return value == null ? null : json(value);
  }

  static List<Part> parts(String json) {
    try {
      return STORED.readValue(json, PARTS);
    } catch (JsonProcessingException e) {
      throw damaged(e);
    }
  }

  static <T> T read(String json, Class<T> type) {
    try {
      return STORED.readValue(json, type);
    } catch (JsonProcessingException e) {
      throw damaged(e);
    }
  }

  private static <T> @Nullable T readOrNull(@Nullable String json, Class<T> type) {
    return json == null ? null : read(json, type);
  }

  static @Nullable TurnError errorOrNull(@Nullable String json) {
    return readOrNull(json, TurnError.class);
  }

  private static PerdureException damaged(JsonProcessingException e) {
    if (e.getCause() instanceof PerdureException known && known.isNewer()) {
      return known;
    }
    if (e instanceof InvalidFormatException wrong && wrong.getTargetType().isEnum()) {
      return PerdureException.newer(
          wrong.getTargetType().getSimpleName(), String.valueOf(wrong.getValue()));
    }
    return new PerdureException(
        ErrorCode.INTERNAL, "A stored record cannot be read; the database is damaged.", e);
  }
}

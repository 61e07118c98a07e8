package dev.perdure.note;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.ToolException;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/**
 * The tool {@code notes}: models remember, list and forget short texts of a session, in table
 * {@code note}; they go with their session. A note is stored under the key of its call, so a call
 * that is repeated after a crash makes no second one. Thread-safe, without state.
 */
public final class NotesTool implements Tool {
  /** Of one session; the model is told to forget some first. */
  static final int MAX_NOTES = 50;

  /** Of one note, in UTF-16 units. */
  static final int MAX_CHARS = 500;

  private static final JsonNode SCHEMA =
      Json.trusted(
          """
          {"type": "object", "required": ["action"], "additionalProperties": false,
           "properties": {
             "action": {"type": "string", "enum": ["remember", "list", "forget"]},
             "text": {"type": "string", "minLength": 1, "maxLength": 500,
                      "description": "What to remember"},
             "note": {"type": "integer", "minimum": 1,
                      "description": "The number of the note to forget"}}}\
          """);

  private static final Spec SPEC =
      new Spec(
          "notes",
          "Keeps short notes of this conversation, such as what the user wants to be remembered."
              + " 'remember' stores a text and returns its number, 'list' returns all notes, 'forget'"
              + " deletes one by its number.",
          SCHEMA,
          Effect.IDEMPOTENT,
          Approval.NEVER,
          Spec.DEFAULT_LIMIT);

  private final Database database;

  public NotesTool(Database database) {
    this.database = database;
  }

  @Override
  public Spec spec() {
    return SPEC;
  }

  /** The result, or why there is none. */
  private record Outcome(JsonNode json, String fault) {}

  @Override
  public JsonNode run(Input input) throws ToolException, InterruptedException {
    // Not on this thread: an interrupt would cost the database a connection.
    CompletableFuture<Outcome> done = new CompletableFuture<>();
    Thread.ofVirtual()
        .name("notes")
        .start(() -> {
          try {
            done.complete(database.write(tx -> change(tx, input)));
          } catch (RuntimeException e) {
            done.completeExceptionally(e);
          }
        });
    try {
      Outcome outcome = done.get();
      if (!outcome.fault.isEmpty()) {
        throw new ToolException(outcome.fault);
      }
      return outcome.json;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof PerdureException known) {
        throw ToolException.unknown("The notes cannot be reached: " + known.getMessage());
      }
      throw new IllegalStateException(e.getCause());
    }
  }

  private static Outcome change(Tx tx, Input input) throws SQLException {
    Optional<String> session =
        tx.one(
            """
            SELECT s.id FROM session s
             WHERE s.id = (SELECT session_id FROM turn WHERE id = ? AND tenant = ? AND owner = ?)
             {lock}\
            """,
            row -> row.getString(1),
            input.turn(),
            input.tenant(),
            input.owner());
    if (session.isEmpty()) {
      return refused("The conversation was deleted, and its notes with it.");
    }
    JsonNode arguments = input.arguments();
    return switch (arguments.path("action").asText()) {
      case "remember" -> remember(tx, session.get(), input.key(), arguments.path("text").asText());
      case "forget" -> forget(tx, session.get(), arguments.path("note").asLong());
      default -> list(tx, session.get());
    };
  }

  private static Outcome remember(Tx tx, String session, String key, String text)
      throws SQLException {
    if (text.isBlank()) {
      return refused("There is nothing to remember. Send 'text'.");
    }
    Optional<Long> before =
        tx.one("SELECT number FROM note WHERE call_id = ?", row -> row.getLong(1), key);
    if (before.isPresent()) {
      return numbered("remembered", before.get());
    }
    record Now(long count, long last) {}
    Now now =
        tx.one(
                "SELECT COUNT(*), COALESCE(MAX(number), 0) FROM note WHERE session_id = ?",
                row -> new Now(row.getLong(1), row.getLong(2)),
                session)
            .orElseThrow();
    if (now.count >= MAX_NOTES) {
      return refused("There are " + MAX_NOTES + " notes already. Forget some first.");
    }
    tx.update(
        """
        INSERT INTO note (call_id, session_id, number, text, created_at)
        VALUES (?, ?, ?, ?, {now})\
        """,
        key,
        session,
        now.last + 1,
        text);
    return numbered("remembered", now.last + 1);
  }

  /** Forgetting what is not there is no failure: the call may be made a second time. */
  private static Outcome forget(Tx tx, String session, long number) throws SQLException {
    if (number < 1) {
      return refused("Which one? Send the number of the note as 'note'.");
    }
    tx.update("DELETE FROM note WHERE session_id = ? AND number = ?", session, number);
    return numbered("forgotten", number);
  }

  private static Outcome list(Tx tx, String session) throws SQLException {
    List<JsonNode> notes =
        tx.list(
            "SELECT number, text FROM note WHERE session_id = ? ORDER BY number",
            row ->
                Json.MAPPER
                    .createObjectNode()
                    .put("note", row.getLong(1))
                    .put("text", row.getString(2)),
            session);
    ObjectNode out = Json.MAPPER.createObjectNode();
    out.putArray("notes").addAll(notes);
    return new Outcome(out, "");
  }

  private static Outcome numbered(String what, long number) {
    return new Outcome(Json.MAPPER.createObjectNode().put(what, number), "");
  }

  private static Outcome refused(String why) {
    return new Outcome(Json.MAPPER.nullNode(), why);
  }
}

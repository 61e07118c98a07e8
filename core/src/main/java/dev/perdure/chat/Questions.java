package dev.perdure.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.perdure.chat.Message.Part;
import dev.perdure.chat.Message.Role;
import dev.perdure.chat.Message.Status;
import dev.perdure.chat.Origin.Spot;
import dev.perdure.chat.TurnInsert.NewMessage;
import dev.perdure.db.Tx;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PartKind;
import java.sql.SQLException;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Questions of models that the user's next message answers. The message is stored behind the reply
 * that asked, and the conversation goes on behind the message. Stateless.
 */
final class Questions {
  private Questions() {}

  /** The question, and the turn that goes on. */
  record Answered(String turn, Turn.Answered told) {}

  private record Asking(String turn, String call, String reply, @Nullable String accepts) {}

  /**
   * Answers the oldest question of the session that is still open, if the message goes to the end
   * of the conversation or behind the reply that asked. The caller has locked the session and its
   * open turns.
   */
  static Optional<Answered> answer(Tx tx, Caller caller, Ids ids, String session, NewTurn message)
      throws SQLException {
    Optional<Asking> asking = oldest(tx, caller, session);
    if (asking.isEmpty() || !fits(message.origin(), asking.get())) {
      return Optional.empty();
    }
    Asking question = asking.get();
    String text =
        message.parts().stream()
            .filter(part -> part.kind() == PartKind.TEXT)
            .map(Part::text)
            .collect(Collectors.joining("\n\n"));
    String id = ids.message();
    TurnInsert.insertMessage(
        tx,
        new NewMessage(
            id, session, question.turn, question.reply, Role.USER, Status.COMPLETE, null),
        Rows.json(message.parts()));
    if (!message.files().isEmpty()) {
      TurnInsert.attach(tx, caller, id, message.files());
    }
    @Nullable String name = message.origin().name();
    if (name != null) {
      TurnInsert.name(tx, session, name, id);
    }
    ToolCalls.decide(
        tx,
        question.call,
        CallState.INPUT,
        CallState.DONE,
        Json.text(JsonNodeFactory.instance.textNode(choice(question.accepts, text))),
        null,
        null);
    tx.update("UPDATE session SET updated_at = {now} WHERE id = ?", session);
    return Optional.of(new Answered(question.turn, new Turn.Answered(question.call, id)));
  }

  /** Whether a session has a question that a message may answer. */
  static boolean asks(Tx tx, Caller caller, String session) throws SQLException {
    return oldest(tx, caller, session).isPresent();
  }

  private static Optional<Asking> oldest(Tx tx, Caller caller, String session) throws SQLException {
    return tx.one(
        """
        SELECT t.id, c.id, l.message_id, c.accepts
          FROM turn t JOIN tool_call c ON c.turn_id = t.id
               JOIN lane l ON l.turn_id = t.id AND l.lane = c.lane
         WHERE t.session_id = ? AND t.tenant = ? AND t.owner = ?
           AND t.state IN ('queued', 'running', 'waiting')
           AND t.cancelled_by IS NULL AND c.state = 'input'
           AND (c.expires_at IS NULL OR c.expires_at > {now})
         ORDER BY c.created_at, c.id LIMIT 1\
        """,
        row -> new Asking(row.getString(1), row.getString(2), row.getString(3), row.getString(4)),
        session,
        caller.tenant(),
        caller.owner());
  }

  private static boolean fits(Origin origin, Asking question) {
    return switch (origin.spot()) {
      case Spot.Newest() -> true;
      case Spot.Under(@Nullable String parent) -> question.reply.equals(parent);
      case Spot.Again(String ignored) -> false;
    };
  }

  /** One of the choices, if it is meant; else what the user has written, for the model to read. */
  private static String choice(@Nullable String accepts, String text) {
    if (accepts != null) {
      for (JsonNode choice : Json.trusted(accepts).path("enum")) {
        if (choice.asText().strip().equalsIgnoreCase(text.strip())) {
          return choice.asText();
        }
      }
    }
    return text;
  }
}

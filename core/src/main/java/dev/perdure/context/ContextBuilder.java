package dev.perdure.context;

import dev.perdure.chat.Conversations;
import dev.perdure.chat.Message;
import dev.perdure.chat.Message.Role;
import dev.perdure.chat.Message.Status;
import dev.perdure.chat.Turn;
import dev.perdure.db.Database;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelRequest.Limits;
import dev.perdure.provider.ModelRequest.ModelMessage;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * From a session's history to a model request: walks from the turn's user message up the chain of
 * parents. Where a reply on the chain is not complete and another lane of its turn is, that one
 * stands in; a reply that was cut short counts with the text that it has. Thread-safe.
 */
public final class ContextBuilder {
  /** How much more is read than is shown. */
  private static final int READ_MORE = 4;

  private final Database database;
  private final ContextLimits limits;

  public ContextBuilder(Database database, ContextLimits limits) {
    this.database = database;
    this.limits = limits;
  }

  /**
   * Builds the request of one model call.
   *
   * @param model the vendor's own name of the model
   */
  public ModelRequest build(Turn turn, String model, Limits callLimits) {
    List<Message> history =
        database.read(tx -> {
          // Lanes multiply the rows of a turn, so read more than is shown; yet not all there is.
          long position =
              tx.one(
                      "SELECT position FROM message WHERE id = ?",
                      row -> row.getLong(1),
                      turn.userMessage())
                  .orElseThrow(() ->
                      new PerdureException(ErrorCode.NOT_FOUND, "The turn's session was deleted."));
          return Conversations.history(
              tx,
              turn.session(),
              position,
              READ_MORE * limits.messages(),
              (long) READ_MORE * limits.chars());
        });
    return new ModelRequest(
        model,
        turn.request().instructions(),
        messages(history, turn.userMessage()),
        turn.request().params(),
        callLimits);
  }

  private List<ModelMessage> messages(List<Message> history, String last) {
    Map<String, Message> byId = new HashMap<>();
    Map<String, List<Message>> byTurn = new HashMap<>();
    for (Message message : history) {
      byId.put(message.id(), message);
      byTurn.computeIfAbsent(message.turn(), id -> new ArrayList<>()).add(message);
    }
    Deque<ModelMessage> chain = new ArrayDeque<>();
    int chars = 0;
    int count = 0;
    Set<String> seen = new HashSet<>();
    @Nullable Message at = byId.get(last);
    while (at != null && seen.add(at.id()) && count < limits.messages()) {
      Message shown = at.role() == Role.USER ? at : standIn(at, byTurn);
      String text = shown.text();
      if (!text.isBlank()) {
        if (count > 0 && chars + text.length() > limits.chars()) {
          break;
        }
        chars += text.length();
        count++;
        prepend(chain, shown.role(), text);
      }
      at = at.parent() == null ? null : byId.get(at.parent());
    }
    // A model expects the user to have begun.
    while (chain.size() > 1 && chain.getFirst().role() == ModelRequest.Role.ASSISTANT) {
      chain.removeFirst();
    }
    return List.copyOf(chain);
  }

  /** Two messages of one role in a row, as after a reply without text, become one. */
  private static void prepend(Deque<ModelMessage> chain, Role from, String text) {
    ModelRequest.Role role =
        switch (from) {
          case USER -> ModelRequest.Role.USER;
          case ASSISTANT -> ModelRequest.Role.ASSISTANT;
        };
    @Nullable ModelMessage next = chain.peekFirst();
    if (next != null && next.role() == role) {
      chain.removeFirst();
      chain.addFirst(new ModelMessage(role, text + "\n\n" + next.text()));
    } else {
      chain.addFirst(new ModelMessage(role, text));
    }
  }

  private static Message standIn(Message reply, Map<String, List<Message>> byTurn) {
    if (reply.status() == Status.COMPLETE) {
      return reply;
    }
    return byTurn.getOrDefault(reply.turn(), List.of()).stream()
        .filter(m -> m.role() == Role.ASSISTANT && m.status() == Status.COMPLETE)
        .findFirst()
        .orElse(reply);
  }
}

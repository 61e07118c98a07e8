package dev.perdure.server.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.chat.Branches;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.Desk;
import dev.perdure.chat.Message;
import dev.perdure.chat.Origin.Earlier;
import dev.perdure.chat.Session;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.http.Exchange;
import dev.perdure.server.http.FrontDoor;
import dev.perdure.server.http.HttpLimits;
import dev.perdure.server.http.Text;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Conversations as sessions: {@code conv_X} is {@code sess_X}, and its items are the messages of
 * its newest branch. Thread-safe.
 */
final class ConversationRoutes {
  private static final int MAX_ITEMS = 20;

  /** The most messages of a conversation that are listed, the newest ones. */
  private static final int BRANCH_MESSAGES = 2000;

  private static final long MILLIS = 1000;

  private final Desk desk;
  private final Conversations conversations;
  private final Branches branches;
  private final HttpLimits limits;
  private final Responses responses;

  ConversationRoutes(FrontDoor.Parts parts, Responses responses) {
    this.responses = responses;
    this.desk = parts.desk();
    this.conversations = parts.conversations();
    this.branches = parts.branches();
    this.limits = parts.limits();
  }

  void create(Exchange exchange) throws IOException {
    JsonNode body = body(exchange);
    List<Earlier> items = items(exchange, body);
    Session session =
        desk.createSession(
            exchange.caller(), new Session.Settings(null, null, metadata(body), null));
    if (!items.isEmpty()) {
      List<String> _ = branches.append(exchange.caller(), session.id(), items);
    }
    OpenAiDoor.send(exchange, conversation(session));
  }

  void retrieve(Exchange exchange) {
    OpenAiDoor.send(exchange, conversation(session(exchange)));
  }

  void update(Exchange exchange) throws IOException {
    Map<String, String> metadata = metadata(body(exchange));
    Session changed =
        desk.changeSession(
            exchange.caller(), session(exchange).id(), old -> old.withMetadata(metadata));
    OpenAiDoor.send(exchange, conversation(changed));
  }

  void delete(Exchange exchange) {
    Session session = session(exchange);
    desk.deleteSession(exchange.caller(), session.id());
    ObjectNode json = Json.MAPPER.createObjectNode().put("id", id(session.id()));
    OpenAiDoor.send(exchange, json.put("object", "conversation.deleted").put("deleted", true));
  }

  void list(Exchange exchange) {
    OpenAiDoor.page(exchange, all(exchange));
  }

  void item(Exchange exchange) {
    String id = exchange.variable("item");
    for (ObjectNode item : all(exchange)) {
      if (item.path("id").textValue().equals(id)) {
        OpenAiDoor.send(exchange, item);
        return;
      }
    }
    throw notFound("Item", "item_id", id);
  }

  void add(Exchange exchange) throws IOException {
    Session session = session(exchange);
    List<Earlier> items = items(exchange, body(exchange));
    if (items.isEmpty()) {
      throw Refusal.invalid("items", "'items' must be a list of at least one message.");
    }
    List<String> ids = branches.append(exchange.caller(), session.id(), items);
    List<ObjectNode> added = all(exchange);
    added.removeIf(item -> !ids.contains(item.path("id").textValue()));
    OpenAiDoor.send(exchange, OpenAiDoor.pageOf(added, false));
  }

  /** The items of the newest branch, oldest first. */
  private List<ObjectNode> all(Exchange exchange) {
    String session = session(exchange).id();
    List<ObjectNode> items = new ArrayList<>();
    branches
        .newestMessage(exchange.caller(), session)
        .ifPresent(leaf -> {
          for (Message message :
              branches.branch(exchange.caller(), session, leaf, BRANCH_MESSAGES)) {
            message.tools().forEach(use -> items.add(ToolItems.stored(use)));
            items.add(Shapes.message(message));
          }
        });
    return items;
  }

  /** The session of the conversation in the path. */
  private Session session(Exchange exchange) {
    String id = exchange.variable("conversation");
    try {
      return conversations.session(exchange.caller(), sessionOf(id));
    } catch (PerdureException e) {
      throw e.code() == ErrorCode.NOT_FOUND ? notFound("Conversation", "conversation_id", id) : e;
    }
  }

  /** The id of the session of a conversation; one that cannot be is that of none. */
  static String sessionOf(String conversation) {
    return conversation.matches("conv_[0-9a-z]{26}")
        ? "sess_" + conversation.substring("conv_".length())
        : "";
  }

  private static String id(String session) {
    return "conv_" + session.substring("sess_".length());
  }

  private static Refusal notFound(String what, String param, String id) {
    return new Refusal(
        404, "not_found", param, what + " with id '" + Text.shown(id) + "' not found.");
  }

  private static ObjectNode conversation(Session session) {
    ObjectNode json = Json.MAPPER.createObjectNode().put("id", id(session.id()));
    json.put("object", "conversation").put("created_at", session.createdAtMillis() / MILLIS);
    ObjectNode metadata = json.putObject("metadata");
    session.settings().metadata().forEach(metadata::put);
    return json;
  }

  private JsonNode body(Exchange exchange) throws IOException {
    byte[] body = exchange.body();
    return body.length == 0 ? Json.MAPPER.createObjectNode() : OpenAiRequest.parse(body);
  }

  private static Map<String, String> metadata(JsonNode body) {
    Map<String, String> metadata = new TreeMap<>();
    OpenAiRequest.metadata(body.path("metadata"))
        .properties()
        .forEach(each -> metadata.put(each.getKey(), each.getValue().textValue()));
    return metadata;
  }

  private List<Earlier> items(Exchange exchange, JsonNode body) {
    JsonNode items = body.path("items");
    if (items.size() > MAX_ITEMS) {
      throw Refusal.invalid("items", "At most " + MAX_ITEMS + " items are accepted at once.");
    }
    return responses.stored(exchange.caller(), OpenAiRequest.items(items, limits.body()));
  }
}

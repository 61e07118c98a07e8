package dev.perdure.server.aisdk;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import dev.perdure.protocol.Json;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A frame that {@code WebSocketChatTransport} of npm {@code ai} 7 sends, as far as it says what is
 * wanted; what it wants is checked later. Immutable.
 *
 * <pre>
 *   {"type":"send", "requestId", "id", "trigger", "messageId"?, "messages", "headers", "body", ...}
 *   {"type":"resume", "requestId", "id", "headers", "body", ...}
 *   {"type":"abort", "requestId"}
 * </pre>
 */
sealed interface SocketFrame {
  /** More than the client's generator makes, in UTF-16 code units. */
  int ID_CHARS = 200;

  /** Headers of a request that the door knows, in lower case. */
  List<String> HEADERS = List.of("x-perdure-attempts", "idempotency-key");

  String requestId();

  /**
   * What by HTTP is posted.
   *
   * @param members of the request, together with those of its body
   */
  record Send(String requestId, ChatRequest.Members members, Map<String, String> headers)
      implements SocketFrame {}

  /** Asks for the newest reply of a chat from its beginning. */
  record Resume(String requestId, ChatRequest.Members members, Map<String, String> headers)
      implements SocketFrame {}

  record Abort(String requestId) implements SocketFrame {}

  /** The frame of a message; empty if it is none. */
  static Optional<SocketFrame> read(byte[] message) {
    @Nullable String type = null;
    @Nullable String requestId = null;
    Map<String, String> headers = new HashMap<>();
    ChatRequest.Members members = new ChatRequest.Members();
    try (JsonParser parser = Json.MAPPER.getFactory().createParser(message)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return Optional.empty();
      }
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        JsonToken value = parser.nextToken();
        switch (name) {
          case "type" -> type = value == JsonToken.VALUE_STRING ? parser.getText() : null;
          case "requestId" -> requestId = value == JsonToken.VALUE_STRING ? parser.getText() : null;
          case "headers" -> headers(parser, headers);
          case "body" -> body(parser, members);
          default -> members.take(name, parser);
        }
        parser.skipChildren();
      }
      if (parser.nextToken() != null) {
        return Optional.empty();
      }
    } catch (IOException e) {
      return Optional.empty();
    }
    if (type == null || requestId == null || requestId.length() > ID_CHARS) {
      return Optional.empty();
    }
    return switch (type) {
      case "send" -> Optional.of(new Send(requestId, members, Map.copyOf(headers)));
      case "resume" -> Optional.of(new Resume(requestId, members, Map.copyOf(headers)));
      case "abort" -> Optional.of(new Abort(requestId));
      default -> Optional.empty();
    };
  }

  private static void headers(JsonParser parser, Map<String, String> into) throws IOException {
    while (parser.currentToken() != JsonToken.END_OBJECT
        && parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName().toLowerCase(Locale.ROOT);
      if (parser.nextToken() == JsonToken.VALUE_STRING && HEADERS.contains(name)) {
        into.put(name, parser.getText());
      }
      parser.skipChildren();
    }
  }

  /** By HTTP these stand beside the others, which go before them. */
  private static void body(JsonParser parser, ChatRequest.Members members) throws IOException {
    if (parser.currentToken() != JsonToken.START_OBJECT) {
      return;
    }
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      parser.nextToken();
      if (ChatRequest.OWN.contains(name)) {
        members.take(name, parser);
      }
      parser.skipChildren();
    }
  }
}

package dev.perdure.server.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest;
import dev.perdure.chat.TurnRequest.ClientTool;
import dev.perdure.chat.TurnRequest.Output;
import dev.perdure.protocol.Json;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a response repeats of the request that made it, and the engine does not need. Kept as the
 * turn's note; a turn of another door has none, and is answered with what is usual. Immutable.
 *
 * @param deleted whether it is not to be found any more
 * @param metadata an object of strings
 * @param tools the client's tools as the API shows them
 * @param noTools whether no tools may be used
 * @param output the form that the reply must have; null for any
 * @param own whether its session was made for it
 */
record ResponseNote(
    boolean background,
    boolean deleted,
    @Nullable String previous,
    @Nullable String conversation,
    JsonNode metadata,
    ArrayNode tools,
    boolean noTools,
    @Nullable Output output,
    boolean own,
    @Nullable String instructions,
    @Nullable Integer maxOutputTokens,
    double temperature,
    double topP) {

  /** The note of a response that was deleted. */
  static final String DELETED = "{\"deleted\":true}";

  static ResponseNote of(Turn turn, @Nullable String note) {
    JsonNode json = note == null ? Json.MAPPER.createObjectNode() : Json.trusted(note);
    JsonNode metadata = json.path("metadata");
    Double temperature = turn.request().params().temperature();
    Double topP = turn.request().params().topP();
    return new ResponseNote(
        json.path("background").asBoolean(false),
        json.path("deleted").asBoolean(false),
        json.path("previous").textValue(),
        json.path("conversation").textValue(),
        metadata.isObject() ? metadata : Json.MAPPER.createObjectNode(),
        tools(turn.request()),
        List.of().equals(turn.request().tools()),
        turn.request().output(),
        json.path("own").asBoolean(false),
        turn.request().instructions(),
        turn.request().params().maxOutputTokens(),
        temperature == null ? 1 : temperature,
        topP == null ? 1 : topP);
  }

  private static ArrayNode tools(TurnRequest request) {
    ArrayNode tools = Json.MAPPER.createArrayNode();
    for (ClientTool tool : request.clientTools()) {
      tools
          .addObject()
          .put("type", "function")
          .put("name", tool.name())
          .put("description", tool.description())
          .put("strict", false)
          .set("parameters", tool.schema());
    }
    return tools;
  }

  static String json(OpenAiRequest request) {
    ObjectNode json = Json.MAPPER.createObjectNode();
    json.put("background", request.background());
    if (request.previous() != null) {
      json.put("previous", request.previous());
    }
    if (request.conversation() != null) {
      json.put("conversation", request.conversation());
    }
    json.put("own", request.previous() == null && request.conversation() == null);
    json.set("metadata", request.metadata());
    return Json.text(json);
  }
}

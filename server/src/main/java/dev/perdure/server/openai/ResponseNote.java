package dev.perdure.server.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.chat.Turn;
import dev.perdure.protocol.Json;
import org.jspecify.annotations.Nullable;

/**
 * What a response repeats of the request that made it, and the engine does not need. Kept as the
 * turn's note; a turn of another door has none, and is answered with what is usual. Immutable.
 *
 * @param metadata an object of strings
 */
record ResponseNote(
    boolean background,
    @Nullable String previous,
    JsonNode metadata,
    @Nullable String instructions,
    @Nullable Integer maxOutputTokens,
    double temperature,
    double topP) {

  static ResponseNote of(Turn turn, @Nullable String note) {
    JsonNode json = note == null ? Json.MAPPER.createObjectNode() : Json.trusted(note);
    JsonNode metadata = json.path("metadata");
    Double temperature = turn.request().params().temperature();
    Double topP = turn.request().params().topP();
    return new ResponseNote(
        json.path("background").asBoolean(false),
        json.path("previous").textValue(),
        metadata.isObject() ? metadata : Json.MAPPER.createObjectNode(),
        turn.request().instructions(),
        turn.request().params().maxOutputTokens(),
        temperature == null ? 1 : temperature,
        topP == null ? 1 : topP);
  }

  static String json(boolean background, @Nullable String previous, JsonNode metadata) {
    ObjectNode json = Json.MAPPER.createObjectNode();
    json.put("background", background);
    if (previous != null) {
      json.put("previous", previous);
    }
    json.set("metadata", metadata);
    return Json.text(json);
  }
}

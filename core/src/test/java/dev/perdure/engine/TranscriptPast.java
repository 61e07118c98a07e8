package dev.perdure.engine;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.Message.Part;
import dev.perdure.chat.Message.Role;
import dev.perdure.chat.Origin;
import dev.perdure.context.ContextSettings;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PartKind;
import dev.perdure.retrieval.DocumentFeed;
import dev.perdure.retrieval.DocumentLimits;
import dev.perdure.retrieval.Documents;
import dev.perdure.retrieval.MediaType;
import java.util.ArrayList;
import java.util.List;

/**
 * What was there before the turn of a transcript: {@code earlier}, {@code documents}. Stateless.
 */
final class TranscriptPast {
  private TranscriptPast() {}

  /** The session, with the documents that it has. */
  static String session(EngineHarness node, JsonNode scenario) throws Exception {
    String session = node.session();
    for (JsonNode document : scenario.path("documents")) {
      new Documents(node.database, Ids.system(), DocumentLimits.DEFAULT, () -> {})
          .add(
              EngineHarness.CALLER,
              session,
              document.required("name").textValue(),
              MediaType.MARKDOWN,
              document.required("text").textValue().getBytes(UTF_8));
    }
    DocumentFeed.indexAll(node.database);
    return session;
  }

  static ContextSettings contexts(JsonNode scenario) {
    ContextSettings d = ContextSettings.DEFAULT;
    return scenario.has("window")
        ? new ContextSettings(
            d.messages(), d.chars(), List.of("script/*=" + scenario.get("window").asInt()), null)
        : d;
  }

  /** Messages that came before, each so many times its text. */
  static Origin origin(JsonNode scenario) {
    List<Origin.Earlier> earlier = new ArrayList<>();
    for (JsonNode message : scenario.path("earlier")) {
      String text = message.required("text").textValue().repeat(message.path("times").asInt(1));
      Role role = earlier.size() % 2 == 0 ? Role.USER : Role.ASSISTANT;
      earlier.add(new Origin.Earlier(role, List.of(new Part(PartKind.TEXT, text))));
    }
    return new Origin(new Origin.Spot.Newest(), null, earlier, null);
  }
}

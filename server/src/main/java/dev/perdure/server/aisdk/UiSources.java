package dev.perdure.server.aisdk;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.Source;

/**
 * What a reply rests on, as the AI SDK has it: {@code source-url} and {@code source-document},
 * which look the same as a chunk of a stream and as a part of a message. Stateless.
 */
final class UiSources {
  private UiSources() {}

  /** Its id is that of the document, or the address: a message has each source once. */
  static ObjectNode part(Source source) {
    ObjectNode part = Json.MAPPER.createObjectNode();
    boolean page = source.url() != null;
    part.put("type", page ? "source-url" : "source-document").put("sourceId", source.key());
    if (page) {
      return part.put("url", source.url()).put("title", source.title());
    }
    part.put("mediaType", source.mediaType()).put("title", source.title());
    ArrayNode pieces = part.putObject("providerMetadata").putObject("perdure").putArray("pieces");
    source.pieces().forEach(pieces::add);
    return part;
  }
}

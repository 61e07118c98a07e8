package dev.perdure.provider.openai;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.provider.http.Reply;

/**
 * The annotations of the kind {@code url_citation}: with their members beside the type, as
 * Responses has them, or in an object of that name, as chat completions do. Stateless.
 */
final class UrlCitations {
  private static final String TYPE = "url_citation";

  private UrlCitations() {}

  /**
   * @param annotations an array; anything else is passed over
   */
  static void tell(JsonNode annotations, Reply reply) {
    if (annotations.isArray()) {
      annotations.forEach(each -> one(each, reply));
    }
  }

  static void one(JsonNode annotation, Reply reply) {
    if (annotation.path("type").asText().equals(TYPE)) {
      JsonNode page = annotation.has(TYPE) ? annotation.path(TYPE) : annotation;
      reply.cite(page.path("url").textValue(), page.path("title").textValue());
    }
  }
}

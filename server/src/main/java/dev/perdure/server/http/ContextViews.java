package dev.perdure.server.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.perdure.context.ContextView;
import dev.perdure.context.ContextView.Source;
import dev.perdure.context.Summary;
import dev.perdure.retrieval.Chunk;
import java.io.IOException;
import java.util.List;

/** What an attempt was shown, as JSON. Stateless and thread-safe. */
final class ContextViews {
  private ContextViews() {}

  static Views.View context(String turn, List<ContextView> attempts) {
    return json -> {
      json.writeStartObject();
      json.writeStringField("turn", turn);
      json.writeArrayFieldStart("attempts");
      for (ContextView attempt : attempts) {
        attempt(json, attempt);
      }
      json.writeEndArray();
      json.writeEndObject();
    };
  }

  private static void attempt(JsonGenerator json, ContextView attempt) throws IOException {
    json.writeStartObject();
    json.writeNumberField("lane", attempt.lane());
    json.writeNumberField("step", attempt.step());
    json.writeNumberField("attempt", attempt.attempt());
    json.writeStringField("model", attempt.model());
    json.writeNumberField("at", attempt.atMillis());
    json.writeNumberField("window", attempt.window());
    json.writeNumberField("reserved", attempt.reserved());
    json.writeStringField("counting", attempt.exact() ? "exact" : "estimated");
    json.writeNumberField("tokens", attempt.tokens());
    if (!attempt.semantic().equals("off")) {
      json.writeStringField("semanticSearch", attempt.semantic());
    }
    json.writeArrayFieldStart("sources");
    for (Source source : attempt.sources()) {
      json.writeStartObject();
      json.writeStringField("kind", source.kind());
      json.writeStringField("id", source.id());
      if (source.part() != null) {
        json.writeNumberField("part", source.part());
      }
      json.writeNumberField("tokens", source.tokens());
      if (!source.hits().isEmpty()) {
        json.writeArrayFieldStart("foundBy");
        for (Chunk.Hit hit : source.hits()) {
          json.writeStartObject();
          json.writeStringField("by", hit.by().wire());
          json.writeNumberField("rank", hit.rank());
          json.writeEndObject();
        }
        json.writeEndArray();
      }
      json.writeEndObject();
    }
    json.writeEndArray();
    if (attempt.summary() != null) {
      summary(json, attempt.summary());
    }
    if (!attempt.why().equals("none")) {
      json.writeObjectFieldStart("leftOut");
      json.writeNumberField("messages", attempt.leftOut());
      json.writeStringField("why", attempt.why());
      json.writeEndObject();
    }
    if (attempt.toolsLeftOut() > 0) {
      json.writeNumberField("toolsLeftOut", attempt.toolsLeftOut());
    }
    json.writeEndObject();
  }

  private static void summary(JsonGenerator json, Summary summary) throws IOException {
    json.writeObjectFieldStart("summary");
    json.writeStringField("id", summary.id());
    json.writeStringField("turn", summary.turn());
    json.writeNumberField("lane", summary.lane());
    json.writeStringField("model", summary.model());
    json.writeStringField("upTo", summary.upTo());
    json.writeNumberField("messages", summary.messages());
    json.writeStringField("text", summary.text());
    json.writeEndObject();
  }
}

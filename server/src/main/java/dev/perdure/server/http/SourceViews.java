package dev.perdure.server.http;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.perdure.protocol.Source;
import dev.perdure.protocol.TurnEvent.SourceUsed;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.protocol.TurnFold.StepSnapshot;
import java.io.IOException;
import java.util.List;

/** What a reply rests on, as the API shows it. Stateless. */
final class SourceViews {
  private SourceViews() {}

  /** The member {@code sources} of a lane; none for a lane without any. */
  static void lane(JsonGenerator json, LaneSnapshot lane) throws IOException {
    if (lane.sources().isEmpty()) {
      return;
    }
    json.writeArrayFieldStart("sources");
    for (StepSnapshot step : lane.steps()) {
      for (SourceUsed used : step.sources()) {
        json.writeStartObject();
        json.writeNumberField("source", used.number());
        json.writeNumberField("step", step.step());
        members(json, used.source());
        json.writeEndObject();
      }
    }
    json.writeEndArray();
  }

  /** Parts of a stored message, behind all others. */
  static void parts(JsonGenerator json, List<Source> sources) throws IOException {
    for (Source source : sources) {
      json.writeStartObject();
      json.writeStringField("type", "source");
      members(json, source);
      json.writeEndObject();
    }
  }

  private static void members(JsonGenerator json, Source source) throws IOException {
    json.writeStringField("kind", source.kind());
    json.writeStringField("title", source.title());
    Views.text(json, "url", source.url());
    Views.text(json, "document", source.document());
    Views.text(json, "mediaType", source.mediaType());
    if (!source.pieces().isEmpty()) {
      json.writeArrayFieldStart("pieces");
      for (int piece : source.pieces()) {
        json.writeNumber(piece);
      }
      json.writeEndArray();
    }
  }
}

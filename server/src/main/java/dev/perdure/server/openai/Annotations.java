package dev.perdure.server.openai;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.Source;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.PartEnded;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.protocol.TurnEvent.SourceUsed;
import java.util.ArrayList;
import java.util.List;

/**
 * The sources of a reply as annotations of its text. The log does not say which words rest on a
 * source, so each stands at the end of the first text that ends behind it, as a range without
 * length: a client that puts a mark there changes no word. Places count characters (code points).
 * Used by one thread.
 */
final class Annotations {
  private static final String URL_CITATION = "url_citation";

  private record Untold(int step, Source source) {}

  private static final int LANE = 0;

  private final List<Untold> untold = new ArrayList<>();
  private int step;
  private boolean passingText;

  /** Gathers the sources, and forgets those that an attempt voids. */
  void hear(TurnEvent event) {
    if (event instanceof AttemptStarted e && e.lane() == LANE) {
      step = e.step();
      untold.removeIf(each -> each.step >= e.step());
    } else if (event instanceof SourceUsed e && e.lane() == LANE) {
      untold.add(new Untold(step, e.source()));
    }
  }

  /** What an earlier response has told is not told again. */
  void passOver(TurnEvent event) {
    if (event instanceof PartStarted e && e.lane() == LANE) {
      passingText = e.kind() == PartKind.TEXT;
    } else if (event instanceof PartEnded e && e.lane() == LANE && passingText) {
      untold.clear();
    }
  }

  /** The annotations of a text that has ended. */
  ArrayNode take(String text) {
    ArrayNode taken = of(untold.stream().map(Untold::source).toList(), text);
    untold.clear();
    return taken;
  }

  static ArrayNode of(List<Source> sources, String text) {
    ArrayNode all = Json.MAPPER.createArrayNode();
    int end = length(text);
    for (Source source : sources) {
      ObjectNode one = all.addObject();
      if (source.url() == null) {
        one.put("type", "file_citation").put("file_id", source.document());
        one.put("filename", source.title()).put("index", end);
      } else {
        one.put("type", URL_CITATION).put("url", source.url()).put("title", source.title());
        one.put("start_index", end).put("end_index", end);
      }
    }
    return all;
  }

  /** Those of a response as its completion has them: addresses only, in the whole of the text. */
  static ArrayNode ofCompletion(JsonNode response) {
    ArrayNode all = Json.MAPPER.createArrayNode();
    int before = 0;
    for (JsonNode item : response.path("output")) {
      if (!item.path("type").asText().equals("message")) {
        continue;
      }
      for (JsonNode content : item.path("content")) {
        for (JsonNode each : content.path("annotations")) {
          if (each.path("type").asText().equals(URL_CITATION)) {
            int place = before + each.path("end_index").asInt();
            ObjectNode page = all.addObject().put("type", URL_CITATION).putObject(URL_CITATION);
            page.put("url", each.path("url").textValue());
            page.put("title", each.path("title").textValue());
            page.put("start_index", place).put("end_index", place);
          }
        }
        before += length(content.path("text").asText());
      }
    }
    return all;
  }

  private static int length(String text) {
    return text.codePointCount(0, text.length());
  }
}

package dev.perdure.context;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import dev.perdure.retrieval.Chunk.By;
import dev.perdure.retrieval.Chunk.Hit;
import dev.perdure.retrieval.Retriever.Semantic;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Of what a request to a model was made. Stored as JSON with short names, since there is one for
 * each call:
 *
 * <pre>
 * {"w":window,"r":reserved,"x":1 if exact,
 *  "s":[section,tokens, …],                      the system prompt
 *  "h":[position,tokens, …],                     the messages, oldest first
 *  "e":["d" or "m",id,part,tokens, …],           excerpts of documents and of messages; absent if none
 *  "b":["search:rank,search:rank", …],           by what each excerpt was found; absent if none
 *  "v":"what came of the search by vectors",     absent if there is none
 *  "f":[id,tokens, …],                           files that came with messages; absent if none
 *  "m":[id,tokens],                              a summary of what came before; absent if none
 *  "t":[tools left out, name,tokens, …],         tools; absent if there are none
 *  "d":[earlier messages left out, "why"]}       absent if none
 * </pre>
 *
 * @param window of the model, in tokens
 * @param reserved tokens of the window that were kept free for the reply
 * @param exact whether the tokens were counted by the model's own encoding, or estimated
 * @param summary of what came before the history; null if there is none
 * @param leftOut messages of the session before the first one that was shown, those of all lanes
 * @param why they were left out; NONE if there are none
 * @param semantic what came of the search by vectors
 */
record ContextUse(
    int window,
    int reserved,
    boolean exact,
    List<Section> sections,
    List<Shown> history,
    List<Excerpt> excerpts,
    List<Given> files,
    @Nullable Given summary,
    Tools tools,
    long leftOut,
    Why why,
    Semantic semantic) {

  ContextUse {
    sections = List.copyOf(sections);
    history = List.copyOf(history);
    excerpts = List.copyOf(excerpts);
    files = List.copyOf(files);
  }

  /** A section of the system prompt. */
  record Section(String name, int tokens) {}

  /** A message of the session, by its position. */
  record Shown(long position, int tokens) {}

  /**
   * A piece of a document, or of a message that is not part of the history shown.
   *
   * @param id of the document or message
   * @param hits by which searches it was found; what an older version has stored does not say
   */
  record Excerpt(boolean ofDocument, String id, int part, int tokens, List<Hit> hits) {
    Excerpt {
      hits = List.copyOf(hits);
    }
  }

  /** A file of a message that is shown, or a summary. */
  record Given(String id, int tokens) {}

  /**
   * The tools that the model is told of.
   *
   * @param leftOut how many it might use as well, and is not told of
   */
  record Tools(List<Tool> told, int leftOut) {
    static final Tools NONE = new Tools(List.of(), 0);

    Tools {
      told = List.copyOf(told);
    }

    static Tools of(Offered offered) {
      return new Tools(
          offered.tools().stream().map(one -> new Tool(one.spec().name(), one.tokens())).toList(),
          offered.leftOut());
    }
  }

  /** A tool that the model is told of. */
  record Tool(String name, int tokens) {}

  /** What it was that the history did not fit into. */
  enum Why {
    NONE,
    WINDOW,
    SETTINGS;

    String wire() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** All tokens of the request, as far as they are counted. */
  int tokens() {
    return sections.stream().mapToInt(Section::tokens).sum()
        + history.stream().mapToInt(Shown::tokens).sum()
        + excerpts.stream().mapToInt(Excerpt::tokens).sum()
        + files.stream().mapToInt(Given::tokens).sum()
        + (summary == null ? 0 : summary.tokens)
        + tools.told.stream().mapToInt(Tool::tokens).sum();
  }

  String json() {
    ObjectNode out = JsonNodeFactory.instance.objectNode();
    out.put("w", window).put("r", reserved);
    if (exact) {
      out.put("x", 1);
    }
    if (!sections.isEmpty()) {
      ArrayNode s = out.putArray("s");
      sections.forEach(section -> s.add(section.name).add(section.tokens));
    }
    ArrayNode h = out.putArray("h");
    history.forEach(shown -> h.add(shown.position).add(shown.tokens));
    if (!excerpts.isEmpty()) {
      ArrayNode e = out.putArray("e");
      for (Excerpt excerpt : excerpts) {
        e.add(excerpt.ofDocument ? "d" : "m").add(excerpt.id);
        e.add(excerpt.part).add(excerpt.tokens);
      }
      ArrayNode b = out.putArray("b");
      excerpts.forEach(excerpt -> b.add(text(excerpt.hits)));
    }
    if (!files.isEmpty()) {
      ArrayNode f = out.putArray("f");
      files.forEach(file -> f.add(file.id).add(file.tokens));
    }
    if (summary != null) {
      out.putArray("m").add(summary.id).add(summary.tokens);
    }
    if (semantic != Semantic.OFF) {
      out.put("v", semantic.name().toLowerCase(Locale.ROOT));
    }
    if (!tools.equals(Tools.NONE)) {
      ArrayNode t = out.putArray("t").add(tools.leftOut);
      tools.told.forEach(tool -> t.add(tool.name).add(tool.tokens));
    }
    if (why != Why.NONE) {
      out.putArray("d").add(leftOut).add(why.wire());
    }
    return Json.text(out);
  }

  /** Reads what any version has written. */
  static ContextUse parse(String json) {
    JsonNode in = Json.trusted(json);
    List<Section> sections = new ArrayList<>();
    JsonNode s = in.path("s");
    for (int i = 0; i + 1 < s.size(); i += 2) {
      sections.add(new Section(s.get(i).asText(), s.get(i + 1).asInt()));
    }
    List<Shown> history = new ArrayList<>();
    JsonNode h = in.path("h");
    for (int i = 0; i + 1 < h.size(); i += 2) {
      history.add(new Shown(h.get(i).asLong(), h.get(i + 1).asInt()));
    }
    List<Excerpt> excerpts = new ArrayList<>();
    JsonNode e = in.path("e");
    for (int i = 0; i + 3 < e.size(); i += 4) {
      excerpts.add(
          new Excerpt(
              e.get(i).asText().equals("d"),
              e.get(i + 1).asText(),
              e.get(i + 2).asInt(),
              e.get(i + 3).asInt(),
              hits(in.path("b").path(i / 4).asText())));
    }
    List<Given> files = new ArrayList<>();
    JsonNode f = in.path("f");
    for (int i = 0; i + 1 < f.size(); i += 2) {
      files.add(new Given(f.get(i).asText(), f.get(i + 1).asInt()));
    }
    JsonNode m = in.path("m");
    List<Tool> tools = new ArrayList<>();
    JsonNode t = in.path("t");
    for (int i = 1; i + 1 < t.size(); i += 2) {
      tools.add(new Tool(t.get(i).asText(), t.get(i + 1).asInt()));
    }
    JsonNode d = in.path("d");
    return new ContextUse(
        in.path("w").asInt(),
        in.path("r").asInt(),
        in.path("x").asInt() == 1,
        sections,
        history,
        excerpts,
        files,
        m.isMissingNode() ? null : new Given(m.path(0).asText(), m.path(1).asInt()),
        new Tools(tools, t.path(0).asInt()),
        d.path(0).asLong(),
        d.isMissingNode() ? Why.NONE : Why.valueOf(d.path(1).asText().toUpperCase(Locale.ROOT)),
        Semantic.valueOf(in.path("v").asText("off").toUpperCase(Locale.ROOT)));
  }

  private static String text(List<Hit> hits) {
    return hits.stream()
        .map(hit -> hit.by().wire() + ":" + hit.rank())
        .collect(Collectors.joining(","));
  }

  private static List<Hit> hits(String text) {
    List<Hit> out = new ArrayList<>();
    for (String hit : text.isEmpty() ? new String[0] : text.split(",", -1)) {
      String[] halves = hit.split(":", -1);
      out.add(new Hit(By.valueOf(halves[0].toUpperCase(Locale.ROOT)), Integer.parseInt(halves[1])));
    }
    return out;
  }
}

package dev.perdure.it.check;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * From events to text, written from PROTOCOL.md alone. It goes on after whatever the grammar
 * forbids and keeps it as a problem. For one thread.
 */
final class ReplyFold {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** One lane as it stands. */
  static final class Lane {
    String message = "";
    int attempt;
    int step;
    String state = "pending";
    private final TreeMap<Integer, Part> parts = new TreeMap<>();
    private final Set<String> waiting = new HashSet<>();
    private boolean compacted;
    private final TreeMap<Integer, Source> sources = new TreeMap<>();

    String text(String kind) {
      StringBuilder text = new StringBuilder();
      parts.values().stream()
          .filter(part -> part.kind.equals(kind))
          .forEach(p -> text.append(p.text));
      return text.toString();
    }

    String text() {
      return text("text");
    }

    boolean over() {
      return isTerminal(state);
    }

    /** A lane waits while a call of it does. */
    void waits(String type, String call) {
      switch (type) {
        case "tool.waiting" -> waiting.add(call);
        case "tool.decided", "tool.returned" -> waiting.remove(call);
        default -> {}
      }
      state = waiting.isEmpty() ? "streaming" : "waiting";
    }
  }

  /** Something that the lane rests on. */
  private record Source(int step, String key) {}

  private static final class Part {
    final int step;
    final String kind;
    final StringBuilder text = new StringBuilder();
    boolean ended;

    Part(int step, String kind) {
      this.step = step;
      this.kind = kind;
    }
  }

  private final List<String> problems = new ArrayList<>();
  private final TreeMap<Integer, Lane> lanes = new TreeMap<>();
  private long seq = -1;
  private long epoch;
  private @Nullable String end;

  static boolean isTerminal(String state) {
    return state.equals("completed") || state.equals("failed") || state.equals("cancelled");
  }

  static JsonNode json(String line) {
    try {
      return JSON.readTree(line);
    } catch (JsonProcessingException e) {
      return JSON.createObjectNode().put("type", "(not JSON)");
    }
  }

  /** The number of the last event; -1 before the first. */
  long seq() {
    return seq;
  }

  long epoch() {
    return epoch;
  }

  /** The state in {@code turn.ended}; null before it. */
  @Nullable String end() {
    return end;
  }

  Map<Integer, Lane> lanes() {
    return lanes;
  }

  List<String> problems() {
    return problems;
  }

  /** Begins with the state that a snapshot describes. */
  static ReplyFold of(JsonNode snapshot) {
    ReplyFold fold = new ReplyFold();
    fold.seq = snapshot.path("seq").asLong(-1);
    fold.epoch = snapshot.path("epoch").asLong();
    String state = snapshot.path("state").asText();
    fold.end = isTerminal(state) ? state : null;
    for (JsonNode json : snapshot.path("lanes")) {
      Lane lane = new Lane();
      lane.message = json.path("message").asText();
      lane.attempt = json.path("attempt").asInt();
      lane.state = json.path("state").asText();
      for (JsonNode call : json.path("calls")) {
        if (call.has("waiting")) {
          lane.waiting.add(call.path("call").asText());
        }
      }
      for (JsonNode p : json.path("parts")) {
        Part part = new Part(p.path("step").asInt(), p.path("kind").asText());
        part.text.append(p.path("text").asText());
        part.ended = p.path("ended").asBoolean();
        lane.parts.put(p.path("part").asInt(), part);
      }
      for (JsonNode s : json.path("sources")) {
        Source source = new Source(s.path("step").asInt(), key(s));
        lane.sources.put(s.path("source").asInt(), source);
      }
      lane.step = stepOf(json);
      fold.lanes.put(json.path("lane").asInt(), lane);
    }
    return fold;
  }

  /** A snapshot does not say that a step has begun: it has, once the calls before are all over. */
  private static int stepOf(JsonNode lane) {
    int step = 0;
    for (String member : List.of("parts", "sources", "calls")) {
      for (JsonNode each : lane.path(member)) {
        step = Math.max(step, each.path("step").asInt());
      }
    }
    boolean called = false;
    for (JsonNode call : lane.path("calls")) {
      if (call.path("step").asInt() == step) {
        called = true;
        if (!call.has("output") && !call.has("error")) {
          return step;
        }
      }
    }
    return called ? step + 1 : step;
  }

  void apply(String line) {
    JsonNode json = json(line);
    String type = json.path("type").asText();
    long number = json.path("seq").asLong(-1);
    if (number != seq + 1) {
      problem("seq " + number + " follows " + seq, line);
    }
    seq = number;
    if (end != null) {
      problem("an event after turn.ended", line);
    }
    if (seq == 0 != type.equals("turn.accepted")) {
      problem(type + " at seq " + seq, line);
    }
    switch (type) {
      case "turn.accepted" -> accepted(json);
      case "turn.started" -> {
        if (json.path("epoch").asLong() <= epoch) {
          problem("epoch " + json.path("epoch").asLong() + " after " + epoch, line);
        }
        epoch = json.path("epoch").asLong();
      }
      case "turn.ended" -> {
        end = json.path("state").asText();
        lanes.forEach((n, lane) -> {
          if (!lane.over()) {
            problem("lane " + n + " is still " + lane.state + " at the end of the turn", line);
          }
        });
      }
      case "context.compacted" -> compacted(lanes.get(json.path("lane").asInt(-1)), line);
      case "notice", "turn.waiting", "turn.resumed", "tool.undo" -> {}
      case "tool.called", "step.ended", "tool.waiting", "tool.decided", "tool.returned" -> {
        Lane lane = lanes.get(json.path("lane").asInt(-1));
        if (lane == null || lane.over()) {
          problem("a lane that is unknown or over", line);
        } else {
          lane.waits(type, json.path("call").asText());
        }
      }
      case "attempt.started",
          "source",
          "part.started",
          "part.delta",
          "part.ended",
          "usage",
          "lane.ended" -> {
        Lane lane = lanes.get(json.path("lane").asInt(-1));
        if (lane == null) {
          problem("an unknown lane", line);
        } else {
          apply(lane, type, json, line);
        }
      }
      default -> problem("an unknown type of event", line);
    }
  }

  private void accepted(JsonNode json) {
    for (JsonNode each : json.path("lanes")) {
      Lane lane = new Lane();
      lane.message = each.path("message").asText();
      lanes.put(each.path("lane").asInt(), lane);
    }
  }

  private void compacted(@Nullable Lane lane, String line) {
    if (lane == null || lane.over() || lane.compacted) {
      problem("a lane that is unknown or over, or has a summary", line);
    } else {
      lane.compacted = true;
    }
  }

  private void apply(Lane lane, String type, JsonNode json, String line) {
    if (type.equals("attempt.started")) {
      attempt(lane, json, line);
      return;
    }
    if (type.equals("lane.ended")) {
      if (lane.over()) {
        problem("the lane has ended before", line);
      }
      lane.state = json.path("state").asText();
      return;
    }
    if (type.equals("usage")) {
      return;
    }
    if (lane.over() || lane.attempt != json.path("attempt").asInt()) {
      problem(
          "the lane is " + lane.state + " in attempt " + lane.attempt + ", which has no part",
          line);
    }
    if (type.equals("source")) {
      source(lane, json, line);
      return;
    }
    int number = json.path("part").asInt(-1);
    Part part = lane.parts.get(number);
    switch (type) {
      case "part.started" -> {
        if (number != lane.parts.size()) {
          problem("part " + number + " after " + lane.parts.size() + " parts", line);
        }
        lane.parts.put(number, new Part(lane.step, json.path("kind").asText()));
      }
      case "part.delta" -> {
        if (part == null || part.ended) {
          problem("text of a part that is not open", line);
        } else {
          part.text.append(json.path("text").asText());
        }
      }
      case "part.ended" -> {
        if (part == null || part.ended) {
          problem("the end of a part that is not open", line);
        } else {
          part.ended = true;
        }
      }
      default -> throw new IllegalStateException(type);
    }
  }

  private static String key(JsonNode source) {
    return source.path("kind").asText().equals("url")
        ? source.path("url").asText()
        : source.path("document").asText();
  }

  /** Each once in its lane, numbered densely; an address is one of the web. */
  private void source(Lane lane, JsonNode json, String line) {
    String key = key(json);
    boolean known = lane.sources.values().stream().anyMatch(other -> other.key.equals(key));
    if (json.path("source").asInt(-1) != lane.sources.size() || known || key.isEmpty()) {
      problem("a source that is told already, or out of its order", line);
    }
    if (json.path("kind").asText().equals("url") && !key.matches("(?i)https?://[^/].*")) {
      problem("a source that is no address of the web", line);
    }
    lane.sources.put(lane.sources.size(), new Source(lane.step, key));
  }

  private void attempt(Lane lane, JsonNode json, String line) {
    int attempt = json.path("attempt").asInt();
    if (attempt <= lane.attempt) {
      problem("attempt " + attempt + " after " + lane.attempt, line);
    }
    if (lane.over() && !json.path("reason").asText().equals("retry")) {
      problem("an attempt of a lane that has ended", line);
    }
    lane.attempt = attempt;
    lane.state = "streaming";
    lane.step = json.path("step").asInt();
    lane.parts.values().removeIf(part -> part.step >= lane.step);
    lane.sources.values().removeIf(source -> source.step >= lane.step);
  }

  private void problem(String what, String line) {
    problems.add(what + ": " + line);
  }
}

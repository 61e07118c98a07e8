package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What one client has seen of a turn, over any number of connections. It has its own fold of events
 * to text, and it refuses whatever the protocol forbids: gaps, repetitions, events after the end,
 * deltas of parts that were never begun. For one thread.
 */
final class Transcript {
  /** One event as received. */
  record Event(long seq, String type, JsonNode json) {}

  private final List<Event> events = new ArrayList<>();
  private final Map<Integer, Lane> lanes = new TreeMap<>();
  private final List<JsonNode> notices = new ArrayList<>(); // guarded by itself
  private boolean ended;

  private static final class Lane {
    int attempt;
    int step;
    boolean open;

    /** The step of each part. */
    final Map<Integer, Integer> steps = new TreeMap<>();

    final Map<Integer, String> kinds = new TreeMap<>();
    final Map<Integer, StringBuilder> parts = new TreeMap<>();
  }

  /**
   * Takes a frame about the moment, which is no event and must not move the cursor. Returns false:
   * it never is the last one.
   */
  boolean notice(Api.Frame frame) {
    assertThat(frame.id()).as("%s has no id", frame.data()).isNull();
    synchronized (notices) {
      notices.add(Api.read(frame.data()));
    }
    return false;
  }

  /** The first thing with this code that was said about the moment. */
  JsonNode notice(String code) {
    synchronized (notices) {
      return notices.stream()
          .filter(json -> json.path("code").asText().equals(code))
          .findFirst()
          .orElseThrow(() -> new AssertionError("No " + code + " in " + notices));
    }
  }

  /** The codes of what was said about the moment so far; for any thread. */
  List<String> notices() {
    synchronized (notices) {
      return notices.stream().map(json -> json.required("code").textValue()).toList();
    }
  }

  /** Takes the next frame. */
  Event add(Api.Frame frame) {
    JsonNode json = Api.read(frame.data());
    long seq = json.required("seq").longValue();
    assertThat(frame.id()).as("the id of %s", frame.data()).isEqualTo(Long.toString(seq));
    assertThat(seq).as("no gap and no repetition").isEqualTo(lastSeq() + 1);
    assertThat(ended).as("nothing after turn.ended, but %s", frame.data()).isFalse();
    Event event = new Event(seq, json.required("type").textValue(), json);
    events.add(event);
    fold(event);
    return event;
  }

  private void fold(Event event) {
    JsonNode json = event.json();
    switch (event.type()) {
      case "turn.accepted" -> {
        assertThat(event.seq()).isZero();
        json.required("lanes").forEach(l -> lanes.put(l.required("lane").intValue(), new Lane()));
      }
      case "attempt.started" -> {
        Lane lane = lane(json);
        assertThat(json.required("attempt").intValue()).isGreaterThan(lane.attempt);
        lane.attempt = json.required("attempt").intValue();
        lane.step = json.required("step").intValue();
        lane.steps.values().removeIf(step -> step >= lane.step);
        lane.kinds.keySet().retainAll(lane.steps.keySet());
        lane.parts.keySet().retainAll(lane.steps.keySet());
        lane.open = true;
      }
      case "part.started" -> {
        Lane lane = openLane(json);
        int part = json.required("part").intValue();
        assertThat(part).isEqualTo(lane.parts.size());
        lane.parts.put(part, new StringBuilder());
        lane.steps.put(part, lane.step);
        lane.kinds.put(part, json.required("kind").textValue());
      }
      case "part.delta" -> {
        StringBuilder part = openLane(json).parts.get(json.required("part").intValue());
        if (part == null) {
          throw new AssertionError("The part of " + json + " was never begun");
        }
        part.append(json.required("text").textValue());
      }
      case "lane.ended" -> lane(json).open = false;
      case "turn.ended" -> {
        ended = true;
        lanes.forEach((n, lane) -> assertThat(lane.open).as("lane %s has ended", n).isFalse());
      }
      default -> {} // turn.started, part.ended, usage, notice and what is to come
    }
  }

  private Lane lane(JsonNode json) {
    Lane lane = lanes.get(json.required("lane").intValue());
    if (lane == null) {
      throw new AssertionError("The lane of " + json + " was not accepted");
    }
    return lane;
  }

  private Lane openLane(JsonNode json) {
    Lane lane = lane(json);
    assertThat(lane.open).as("the lane of %s is open", json).isTrue();
    assertThat(json.required("attempt").intValue()).isEqualTo(lane.attempt);
    return lane;
  }

  List<Event> events() {
    return events;
  }

  List<Event> events(String type) {
    return events.stream().filter(e -> e.type().equals(type)).toList();
  }

  /** -1 before the first. */
  long lastSeq() {
    return events.size() - 1L;
  }

  boolean ended() {
    return ended;
  }

  /** The state in {@code turn.ended}. */
  String state() {
    return events("turn.ended").getFirst().json().required("state").textValue();
  }

  /** The text of a lane as it stands. */
  String text(int lane) {
    return text(lanes.getOrDefault(lane, new Lane()));
  }

  String text() {
    return text(0);
  }

  int attempts(int lane) {
    return lanes.getOrDefault(lane, new Lane()).attempt;
  }

  private static String text(Lane lane) {
    StringBuilder text = new StringBuilder();
    lane.parts.forEach((n, part) -> {
      if ("text".equals(lane.kinds.get(n))) {
        text.append(part);
      }
    });
    return text.toString();
  }
}

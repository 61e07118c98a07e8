package dev.perdure.protocol;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.protocol.TurnFold.PartSnapshot;
import dev.perdure.protocol.TurnFold.TurnSnapshot;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a client shows that begins with a snapshot and takes the lines after it, written from
 * PROTOCOL.md and not from {@link TurnFold}. For one thread.
 */
final class SnapshotClient {
  private final Map<Integer, Shown> lanes = new TreeMap<>();
  private String state;
  private long epoch;
  private String error;

  private static final class Shown {
    String model = "";
    String state = "";
    int attempt;
    final List<StringBuilder> texts = new ArrayList<>();
    final List<String> kinds = new ArrayList<>();
    final List<Boolean> ended = new ArrayList<>();
    final long[] usage = new long[4];
    String end = "";
  }

  SnapshotClient(TurnSnapshot from) {
    state = from.state().wire();
    epoch = from.epoch();
    error = String.valueOf(from.error());
    for (LaneSnapshot lane : from.lanes()) {
      Shown shown = new Shown();
      shown.model = lane.model();
      shown.state = lane.state().wire();
      shown.attempt = lane.attempt();
      shown.end = lane.finish() == null ? "" : lane.finish().wire();
      shown.end += lane.error() == null ? "" : lane.error().text();
      TokenUsage usage = lane.usage();
      add(shown, usage.input(), usage.output(), usage.reasoning(), usage.cached());
      for (PartSnapshot part : lane.parts()) {
        shown.texts.add(new StringBuilder(part.text()));
        shown.kinds.add(part.kind().wire());
        shown.ended.add(part.ended());
      }
      lanes.put(lane.lane(), shown);
    }
  }

  void take(byte[] line) {
    JsonNode json = Json.trusted(new String(line, java.nio.charset.StandardCharsets.UTF_8));
    Shown lane = lanes.getOrDefault(json.path("lane").asInt(-1), new Shown());
    int part = json.path("part").asInt();
    switch (json.required("type").textValue()) {
      case "turn.started" -> {
        state = "running";
        epoch = json.required("epoch").longValue();
      }
      case "attempt.started" -> {
        lane.model = json.required("model").textValue();
        lane.attempt = json.required("attempt").intValue();
        lane.state = "streaming";
        lane.end = "";
        lane.texts.clear();
        lane.kinds.clear();
        lane.ended.clear();
      }
      case "part.started" -> {
        lane.texts.add(new StringBuilder());
        lane.kinds.add(json.required("kind").textValue());
        lane.ended.add(false);
      }
      case "part.delta" -> lane.texts.get(part).append(json.required("text").textValue());
      case "part.ended" -> lane.ended.set(part, true);
      case "usage" ->
          add(
              lane,
              json.required("input").longValue(),
              json.required("output").longValue(),
              json.required("reasoning").longValue(),
              json.required("cached").longValue());
      case "lane.ended" -> {
        lane.state = json.required("state").textValue();
        lane.end = json.path("finish").asText("") + json.path("error").path("text").asText("");
      }
      case "turn.ended" -> {
        state = json.required("state").textValue();
        JsonNode e = json.path("error");
        error =
            e.isMissingNode()
                ? "null"
                : new TurnError(
                        e.required("code").textValue(),
                        e.required("text").textValue(),
                        e.required("retryable").booleanValue())
                    .toString();
      }
      default -> {} // a client passes over what it does not know
    }
  }

  private static void add(Shown lane, long... counts) {
    for (int i = 0; i < counts.length; i++) {
      lane.usage[i] += counts[i];
    }
  }

  /** Everything that can be seen, for comparing. */
  String shown() {
    StringBuilder out = new StringBuilder(state + " " + epoch + " " + error + "\n");
    lanes.forEach((number, lane) -> {
      out.append(number).append(' ').append(lane.model).append(' ').append(lane.state);
      out.append(' ').append(lane.attempt).append(' ').append(List.of(lane.usage[0]));
      out.append(lane.usage[1]).append(' ').append(lane.usage[2]).append(' ');
      out.append(lane.usage[3]).append(" end ").append(lane.end).append('\n');
      for (int i = 0; i < lane.texts.size(); i++) {
        out.append(lane.kinds.get(i)).append(lane.ended.get(i)).append(lane.texts.get(i));
        out.append('\n');
      }
    });
    return out.toString();
  }
}

package dev.perdure.server.openai;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.LaneState;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnEvent.LaneRef;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.PartEnded;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.protocol.TurnEvent.StepEnded;
import dev.perdure.protocol.TurnEvent.ToolCalled;
import dev.perdure.protocol.TurnEvent.ToolWaiting;
import dev.perdure.protocol.TurnEvent.TurnAccepted;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import dev.perdure.protocol.TurnEvent.TurnWaiting;
import dev.perdure.protocol.TurnState;
import dev.perdure.protocol.WaitFor;
import dev.perdure.server.http.FrameBuffer;
import dev.perdure.server.http.Projection;
import dev.perdure.server.http.Transcripts;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/**
 * Responses as the Open Responses specification (openresponses.org, its ResponseResource) has them,
 * whatever their status: every log, asked for behind each of its events as {@code retrieve} may be,
 * and every event of a stream with the members that its type must have. Types of members: {@code s}
 * string, {@code i} integer, {@code n} number, {@code b} boolean, {@code o} object, {@code a}
 * array; with {@code ?} also null.
 */
class ResponseShapeTest {
  private static final Set<String> STATUSES =
      Set.of("queued", "in_progress", "completed", "failed", "incomplete", "cancelled");

  /** The 31 required members. */
  private static final Map<String, String> RESPONSE =
      Map.ofEntries(
          entry("id", "s"),
          entry("object", "s"),
          entry("created_at", "i"),
          entry("completed_at", "i?"),
          entry("status", "s"),
          entry("incomplete_details", "o?"),
          entry("model", "s"),
          entry("previous_response_id", "s?"),
          entry("instructions", "s?"),
          entry("output", "a"),
          entry("error", "o?"),
          entry("tools", "a"),
          entry("tool_choice", "s"),
          entry("truncation", "s"),
          entry("parallel_tool_calls", "b"),
          entry("text", "o"),
          entry("top_p", "n"),
          entry("presence_penalty", "n"),
          entry("frequency_penalty", "n"),
          entry("top_logprobs", "i"),
          entry("temperature", "n"),
          entry("reasoning", "o?"),
          entry("usage", "o?"),
          entry("max_output_tokens", "i?"),
          entry("max_tool_calls", "i?"),
          entry("store", "b"),
          entry("background", "b"),
          entry("service_tier", "s"),
          entry("metadata", "o"),
          entry("safety_identifier", "s?"),
          entry("prompt_cache_key", "s?"));

  private static final Map<String, Map<String, String>> ITEMS =
      Map.of(
          "message",
          Map.of("id", "s", "status", "s", "role", "s", "content", "a"),
          "reasoning",
          Map.of("id", "s", "status", "s", "summary", "a", "content", "a"),
          "function_call",
          Map.of("id", "s", "status", "s", "call_id", "s", "name", "s", "arguments", "s"),
          "mcp_call",
          Map.ofEntries(
              entry("id", "s"),
              entry("status", "s"),
              entry("name", "s"),
              entry("arguments", "s"),
              entry("server_label", "s"),
              entry("approval_request_id", "s?"),
              entry("output", "s?"),
              entry("error", "s?")),
          "mcp_approval_request",
          Map.of("id", "s", "name", "s", "arguments", "s", "server_label", "s"));

  private static final Map<String, Map<String, String>> CONTENTS =
      Map.of(
          "output_text",
          Map.of("text", "s", "annotations", "a", "logprobs", "a"),
          "reasoning_text",
          Map.of("text", "s"));

  private static final Map<String, String> LIFECYCLE = Map.of("response", "o");
  private static final Map<String, String> ITEM = Map.of("output_index", "i", "item", "o");
  private static final Map<String, String> OF_ITEM = Map.of("output_index", "i", "item_id", "s");
  private static final Map<String, String> OF_PART = also(OF_ITEM, "content_index", "i");

  /** What the events have beside {@code type} and {@code sequence_number}. */
  private static final Map<String, Map<String, String>> EVENTS =
      Map.ofEntries(
          entry("created", LIFECYCLE),
          entry("queued", LIFECYCLE),
          entry("in_progress", LIFECYCLE),
          entry("completed", LIFECYCLE),
          entry("failed", LIFECYCLE),
          entry("incomplete", LIFECYCLE),
          entry("output_item.added", ITEM),
          entry("output_item.done", ITEM),
          entry("content_part.added", also(OF_PART, "part", "o")),
          entry("content_part.done", also(OF_PART, "part", "o")),
          entry("output_text.delta", also(OF_PART, "delta", "s", "logprobs", "a")),
          entry(
              "output_text.annotation.added",
              also(OF_PART, "annotation_index", "i", "annotation", "o")),
          entry("output_text.done", also(OF_PART, "text", "s", "logprobs", "a")),
          entry("reasoning_text.delta", also(OF_PART, "delta", "s")),
          entry("reasoning_text.done", also(OF_PART, "text", "s")),
          entry("function_call_arguments.delta", also(OF_ITEM, "delta", "s")),
          entry("function_call_arguments.done", also(OF_ITEM, "name", "s", "arguments", "s")),
          entry("mcp_call.in_progress", OF_ITEM),
          entry("mcp_call_arguments.done", also(OF_ITEM, "arguments", "s")),
          entry("mcp_call.completed", OF_ITEM),
          entry("mcp_call.failed", OF_ITEM));

  private final Set<String> seen = new TreeSet<>();

  private static Map<String, String> also(Map<String, String> some, String... more) {
    Map<String, String> all = new HashMap<>(some);
    for (int i = 0; i < more.length; i += 2) {
      all.put(more[i], more[i + 1]);
    }
    return Map.copyOf(all);
  }

  @Test
  void every_response_has_its_members_whatever_its_status_and_so_has_every_event()
      throws IOException {
    for (String name : Transcripts.names().toList()) {
      List<TurnEvent> log = Transcripts.events(name);
      project(name, log, -1);
      for (long wait : Transcripts.waits(log)) {
        project(name, log, wait);
      }
    }
    project("cut short", said(FinishReason.LENGTH), -1);
    project("a function of the client", waiting(WaitFor.CLIENT), -1);
    project("a wait", waiting(WaitFor.TIME), -1);
    assertThat(RESPONSE).hasSize(31);
    assertThat(seen).containsAll(STATUSES).contains("max_output_tokens", "content_filter");
    assertThat(seen).containsAll(ITEMS.keySet()).containsAll(CONTENTS.keySet());
    EVENTS.keySet().forEach(type -> assertThat(seen).contains("response." + type));
  }

  /** Looks at what is sent, and at what a client that asks in between is answered. */
  private void project(String name, List<TurnEvent> log, long from) {
    ResponseStream stream = new ResponseStream(OpenAiStreamTest.note(), from, -1);
    FrameBuffer out = new FrameBuffer();
    String asked = "";
    for (int seq = 0; seq < log.size(); seq++) {
      Projection.Then then = stream.apply(seq, log.get(seq), out);
      if (seq > from) {
        JsonNode now = stream.response();
        checkResponse(name + " behind " + seq, now);
        asked = Json.text(now);
      }
      if (then == Projection.Then.END) {
        break;
      }
    }
    String last = "";
    for (String line : Transcripts.project(log, again(from)).split("\n", -1)) {
      if (line.startsWith("data: ")) {
        JsonNode event = Json.trusted(line.substring("data: ".length()));
        checkEvent(name, event);
        last = event.has("response") ? Json.text(event.get("response")) : last;
      }
    }
    boolean told = !asked.contains("\"status\":\"cancelled\"") && !name.equals("a wait");
    assertThat(asked.equals(last) || !told).as("%s: asked and told are the same", name).isTrue();
  }

  private static ResponseStream again(long from) {
    return new ResponseStream(OpenAiStreamTest.note(), from, -1);
  }

  private void checkResponse(String at, JsonNode response) {
    check(at, response, RESPONSE);
    String status = response.path("status").textValue();
    assertThat(STATUSES).as(at).contains(status);
    seen.add(status);
    seen.add(response.at("/incomplete_details/reason").asText());
    assertThat(response.path("object").textValue()).isEqualTo("response");
    assertThat(response.path("completed_at").isNull()).isEqualTo(!status.equals("completed"));
    assertThat(response.path("error").isNull()).as(at).isEqualTo(!status.equals("failed"));
    assertThat(response.path("incomplete_details").isNull())
        .as(at)
        .isEqualTo(!status.equals("incomplete"));
    if (status.equals("failed")) {
      check(at, response.path("error"), Map.of("code", "s", "message", "s"));
    }
    check(at, response.path("text").path("format"), Map.of("type", "s"));
    if (!response.path("usage").isNull()) {
      check(
          at,
          response.path("usage"),
          Map.of(
              "input_tokens", "i",
              "input_tokens_details", "o",
              "output_tokens", "i",
              "output_tokens_details", "o",
              "total_tokens", "i"));
      check(at, response.at("/usage/input_tokens_details"), Map.of("cached_tokens", "i"));
      check(at, response.at("/usage/output_tokens_details"), Map.of("reasoning_tokens", "i"));
    }
    response.path("output").forEach(item -> checkItem(at, item));
  }

  private void checkItem(String at, JsonNode item) {
    String type = item.path("type").asText();
    assertThat(ITEMS).as(at + item).containsKey(type);
    seen.add(type);
    check(at, item, ITEMS.getOrDefault(type, Map.of()));
    item.path("content").forEach(content -> checkContent(at, content));
  }

  private void checkContent(String at, JsonNode content) {
    String type = content.path("type").asText();
    assertThat(CONTENTS).as(at + content).containsKey(type);
    seen.add(type);
    check(at, content, CONTENTS.getOrDefault(type, Map.of()));
  }

  private void checkEvent(String name, JsonNode event) {
    String type = event.path("type").asText();
    String at = name + ", " + event;
    String known = type.substring(type.indexOf('.') + 1);
    assertThat(EVENTS).as(at).containsKey(known);
    seen.add(type);
    check(at, event, also(EVENTS.getOrDefault(known, Map.of()), "type", "s"));
    check(at, event, Map.of("sequence_number", "i"));
    if (event.has("response")) {
      checkResponse(at, event.path("response"));
    }
    if (event.has("item")) {
      checkItem(at, event.path("item"));
    }
    if (event.has("part")) {
      checkContent(at, event.path("part"));
    }
  }

  private static void check(String at, JsonNode object, Map<String, String> members) {
    members.forEach((name, type) -> {
      JsonNode value = object.get(name);
      assertThat(value).as("%s lacks %s", at, name).isNotNull();
      if (value.isNull()) {
        assertThat(type).as("%s: %s is null", at, name).endsWith("?");
        return;
      }
      boolean fits =
          switch (type.charAt(0)) {
            case 's' -> value.isTextual();
            case 'i' -> value.isIntegralNumber();
            case 'n' -> value.isNumber();
            case 'b' -> value.isBoolean();
            case 'o' -> value.isObject();
            case 'a' -> value.isArray();
            default -> throw new AssertionError(type);
          };
      assertThat(fits).as("%s: %s is %s", at, name, value).isTrue();
    });
  }

  private static List<TurnEvent> begun() {
    return new ArrayList<>(
        List.of(
            new TurnAccepted(
                "turn_1", "sess_1", "msg_1", List.of(new LaneRef(0, "msg_2", "a/b")), 1),
            new TurnStarted(1, 1),
            new AttemptStarted(0, 0, 1, "a/b", null)));
  }

  private static List<TurnEvent> said(FinishReason finish) {
    List<TurnEvent> log = begun();
    log.add(new PartStarted(0, 1, 0, PartKind.TEXT));
    log.add(new PartDelta(0, 1, 0, "half a"));
    log.add(new PartEnded(0, 1, 0));
    log.add(new LaneEnded(0, LaneState.COMPLETED, finish, null));
    log.add(new TurnEnded(TurnState.COMPLETED, null, "", 2));
    return log;
  }

  private static List<TurnEvent> waiting(WaitFor what) {
    List<TurnEvent> log = begun();
    log.add(new ToolCalled(0, 1, "call_1", "weather", "{}", null));
    log.add(new StepEnded(0, 0, 1, FinishReason.TOOL_CALLS, null));
    log.add(new ToolWaiting(0, "call_1", what, null, 5L));
    log.add(new TurnWaiting(List.of(what), 5L, 2));
    return log;
  }
}

package dev.perdure.server.aisdk;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.protocol.Decision;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.WaitFor;
import dev.perdure.server.aisdk.UiMessageStream.Attempts;
import dev.perdure.server.http.FrameBuffer;
import dev.perdure.server.http.KnownLog;
import dev.perdure.server.http.Projection;
import dev.perdure.server.http.Transcripts;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class UiMessageStreamTest {
  private static UiMessageStream resetting() {
    return new UiMessageStream(Attempts.RESET, new KnownLog(false), -1);
  }

  private static UiMessageStream cutting(KnownLog known) {
    return new UiMessageStream(Attempts.CUT, known, -1);
  }

  @ParameterizedTest
  @MethodSource("dev.perdure.server.http.Transcripts#names")
  void a_log_becomes_these_chunks(String name) throws Exception {
    List<TurnEvent> log = Transcripts.events(name);
    StringBuilder all = new StringBuilder(Transcripts.project(log, resetting()));
    for (long wait : Transcripts.waits(log)) {
      KnownLog known = new KnownLog(false);
      for (int seq = 0; seq <= wait; seq++) {
        known.event(seq, log.get(seq));
      }
      known.answered();
      all.append("behind ").append(wait).append(":\n\n");
      all.append(Transcripts.project(log, new UiMessageStream(Attempts.RESET, known, wait)));
    }
    Transcripts.assertGolden("ai-sdk", name, all.toString());
  }

  @Test
  void an_attempt_that_is_void_cuts_the_stream_of_a_client_that_cannot_forget() throws Exception {
    List<TurnEvent> log = Transcripts.events("retry-after-partial");
    String stream = Transcripts.project(log, cutting(new KnownLog(true)));
    assertThat(stream).contains("old").doesNotContain("new", "reset-step", "[DONE]");
  }

  @Test
  void what_is_void_when_such_a_client_comes_again_is_not_shown() throws Exception {
    List<TurnEvent> log = Transcripts.events("retry-after-partial");
    KnownLog known = new KnownLog(true);
    for (int seq = 0; seq < log.size(); seq++) {
      known.event(seq, log.get(seq));
    }
    String stream = Transcripts.project(log, cutting(known));
    assertThat(stream).contains("new", "[DONE]").doesNotContain("old", "reset-step");
  }

  @Test
  void an_attempt_of_which_nothing_was_shown_needs_no_reset() throws Exception {
    List<TurnEvent> log = Transcripts.events("retry-before-content");
    String reset = Transcripts.project(log, resetting());
    assertThat(reset).doesNotContain("reset-step");
    assertThat(Transcripts.project(log, cutting(new KnownLog(true)))).isEqualTo(reset);
  }

  @Test
  void nothing_a_model_says_breaks_a_frame() {
    FrameBuffer out = new FrameBuffer();
    UiMessageStream stream = resetting();
    String wild = "a\r\nb\n\ndata: [DONE]\n\n\u2028\u0000\"\\";
    assertThat(
            List.of(
                stream.apply(
                    0,
                    new TurnEvent.TurnAccepted(
                        "t", "s", "u", List.of(new TurnEvent.LaneRef(0, "m", "x/y")), 1),
                    out),
                stream.apply(1, new TurnEvent.AttemptStarted(0, 0, 1, "x/y", null), out),
                stream.apply(2, new TurnEvent.PartStarted(0, 1, 0, PartKind.TEXT), out),
                stream.apply(3, new TurnEvent.PartDelta(0, 1, 0, wild), out)))
        .containsOnly(Projection.Then.GO_ON);
    String text = new String(out.bytes(), 0, out.length(), UTF_8);
    assertThat(text.split("\n\n", -1)).hasSize(5);
    assertThat(text).contains("\\r\\nb\\n\\n").doesNotContain("\r", "\u0000");
  }

  @Test
  void a_call_of_a_tool_is_shown_with_its_approval_and_its_end() {
    List<TurnEvent> log =
        List.of(
            new TurnEvent.TurnAccepted(
                "t", "s", "u", List.of(new TurnEvent.LaneRef(0, "m", "x/y")), 1),
            new TurnEvent.AttemptStarted(0, 0, 1, "x/y", null),
            new TurnEvent.ToolCalled(0, 1, "c1", "look", "{\"a\":1}", null),
            new TurnEvent.ToolCalled(0, 1, "c2", "send", "{}", null),
            new TurnEvent.ToolCalled(0, 1, "c3", "send", "{}", null),
            new TurnEvent.StepEnded(0, 0, 1, FinishReason.TOOL_CALLS, null),
            new TurnEvent.ToolWaiting(0, "c2", WaitFor.APPROVAL, "hash", null),
            new TurnEvent.ToolReturned(0, "c1", "[1]", null),
            new TurnEvent.ToolDecided(0, "c2", Decision.REFUSE, "no"),
            new TurnEvent.ToolReturned(0, "c2", null, new TurnError("refused", "no", false)),
            new TurnEvent.ToolReturned(0, "c3", null, new TurnError("x", "broke", false)),
            new TurnEvent.AttemptStarted(0, 1, 2, "x/y", null));
    assertThat(Transcripts.project(log, resetting()).lines().filter(line -> !line.isEmpty()))
        .map(line -> line.substring("data: ".length()))
        .containsExactly(
            "{\"type\":\"start\",\"messageId\":\"m\",\"messageMetadata\":"
                + "{\"turn\":\"t\",\"session\":\"s\",\"createdAt\":1}}",
            "{\"type\":\"start-step\"}",
            "{\"type\":\"tool-input-available\",\"toolCallId\":\"c1\",\"toolName\":\"look\","
                + "\"input\":{\"a\":1}}",
            "{\"type\":\"tool-input-available\",\"toolCallId\":\"c2\",\"toolName\":\"send\","
                + "\"input\":{}}",
            "{\"type\":\"tool-input-available\",\"toolCallId\":\"c3\",\"toolName\":\"send\","
                + "\"input\":{}}",
            "{\"type\":\"tool-approval-request\",\"toolCallId\":\"c2\",\"approvalId\":\"c2\"}",
            "{\"type\":\"tool-output-available\",\"toolCallId\":\"c1\",\"output\":[1]}",
            "{\"type\":\"tool-approval-response\",\"approvalId\":\"c2\",\"approved\":false,"
                + "\"reason\":\"no\"}",
            "{\"type\":\"tool-output-denied\",\"toolCallId\":\"c2\"}",
            "{\"type\":\"tool-output-error\",\"toolCallId\":\"c3\",\"errorText\":\"broke\"}",
            "{\"type\":\"finish-step\"}",
            "{\"type\":\"start-step\"}");
  }
}

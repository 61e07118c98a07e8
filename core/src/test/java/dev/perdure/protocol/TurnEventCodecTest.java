package dev.perdure.protocol;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.LaneEnded;
import dev.perdure.protocol.TurnEvent.LaneRef;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEvent.PartEnded;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.protocol.TurnEvent.SourceUsed;
import dev.perdure.protocol.TurnEvent.StepEnded;
import dev.perdure.protocol.TurnEvent.ToolCalled;
import dev.perdure.protocol.TurnEvent.ToolDecided;
import dev.perdure.protocol.TurnEvent.ToolReturned;
import dev.perdure.protocol.TurnEvent.ToolUndo;
import dev.perdure.protocol.TurnEvent.ToolWaiting;
import dev.perdure.protocol.TurnEvent.TurnAccepted;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEvent.TurnResumed;
import dev.perdure.protocol.TurnEvent.TurnScheduled;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import dev.perdure.protocol.TurnEvent.TurnWaiting;
import dev.perdure.protocol.TurnEvent.Unknown;
import dev.perdure.protocol.TurnEvent.UsageReported;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;

class TurnEventCodecTest {
  private static final TurnError ERROR = new TurnError("rate_limited", "Too \"fast\".\n", true);

  private static final List<TurnEvent> ONE_OF_EACH =
      List.of(
          new TurnAccepted("t", "s", "u", List.of(new LaneRef(0, "m", "demo/demo")), 17),
          new TurnScheduled(99, 17),
          new TurnStarted(3, 18),
          new AttemptStarted(0, 0, 1, "demo/demo", null),
          new AttemptStarted(1, 0, 2, "demo/demo", "server"),
          new PartStarted(0, 1, 0, PartKind.REASONING),
          new PartDelta(0, 1, 0, "a\r\n\u2028\u0000\"\\ \uD83D\uDE00 \u00e9"),
          new PartDelta(2, 3, 4, "half \uD83D of a pair, \uDE00 the other"),
          new PartDelta(0, 1, 0, "\u0001\b\f\t\u001f\u007f\u0080\u07ff\u0800\uffff".repeat(500)),
          new PartEnded(0, 1, 0),
          new SourceUsed(
              0, 1, 0, Source.document("doc_1", "a \"b\"\n.pdf", "text/plain", List.of(3, 0))),
          new SourceUsed(1, 2, 7, Source.page("https://a.example/?x=%22", "é").orElseThrow()),
          new ToolCalled(0, 1, "call_1", "a\n", "{\"x\":[1,2.5,\"é\\n\"]}", "ref"),
          new ToolCalled(0, 1, "call_2", "b", "\"not an object\"", null),
          new ToolUndo(1, "call_3"),
          new ToolCalled(0, 1, "call_3", "b", "{}", null, "call_2"),
          new StepEnded(0, 3, 4, FinishReason.TOOL_CALLS, "{\"wire\":\"x\",\"content\":[\"\\r\"]}"),
          new StepEnded(0, 3, 4, FinishReason.TOOL_CALLS, null),
          new ToolWaiting(0, "call_1", WaitFor.APPROVAL, "00ff", 17L),
          new ToolWaiting(0, "call_1", WaitFor.ATTENTION, null, null),
          new ToolDecided(0, "call_1", Decision.REFUSE, "no\n"),
          new ToolDecided(0, "call_1", Decision.APPROVE, null),
          new ToolReturned(0, "call_1", "\"text\"", null),
          new ToolReturned(0, "call_1", null, ERROR),
          new TurnWaiting(List.of(WaitFor.APPROVAL, WaitFor.CLIENT), 18L, 17),
          new TurnWaiting(List.of(WaitFor.ATTENTION), null, 17),
          new TurnResumed(18),
          new UsageReported(0, 1, new TokenUsage(1, 2, 3, 4)),
          new Notice("degraded", "slow", null),
          new Notice("retrying", "again", 1),
          new LaneEnded(0, LaneState.COMPLETED, FinishReason.CONTENT_FILTER, null),
          new LaneEnded(0, LaneState.FAILED, null, ERROR),
          new TurnEnded(TurnState.COMPLETED, null, "00ff", 19),
          new TurnEnded(TurnState.FAILED, ERROR, "00ff", 19));

  @Test
  void every_event_is_read_back_as_it_was() {
    long seq = 40;
    for (TurnEvent event : ONE_OF_EACH) {
      byte[] line = TurnEventCodec.encode(++seq, event);
      assertThat(TurnEventCodec.decode(line, 0, line.length))
          .isEqualTo(new TurnEventCodec.Line(seq, event));
    }
  }

  @Test
  void a_line_holds_no_raw_line_end_whatever_the_text() {
    for (TurnEvent event : ONE_OF_EACH) {
      assertThat(new String(TurnEventCodec.encode(0, event), UTF_8)).doesNotContain("\n", "\r");
    }
  }

  @Test
  void the_bytes_are_the_documented_ones() {
    assertThat(new String(TurnEventCodec.encode(7, new PartDelta(0, 1, 2, "Hé")), UTF_8))
        .isEqualTo(
            "{\"seq\":7,\"type\":\"part.delta\",\"lane\":0,\"attempt\":1,\"part\":2,\"text\":\"Hé\"}");
  }

  @Test
  void every_char_is_read_back_and_is_valid_utf_8() throws Exception {
    StringBuilder all = new StringBuilder();
    for (int c = 0; c <= Character.MAX_VALUE; c++) {
      all.append((char) c);
    }
    byte[] line = TurnEventCodec.encode(-1, new PartDelta(0, 1, 0, all.toString()));
    assertThat(UTF_8.newDecoder().decode(ByteBuffer.wrap(line)).length()).isPositive();
    assertThat(TurnEventCodec.decode(line, 0, line.length).event())
        .isEqualTo(new PartDelta(0, 1, 0, all.toString()));
  }

  @Test
  void a_delta_cut_anywhere_or_of_another_form_is_never_misread() {
    String line =
        "{\"seq\":7,\"type\":\"part.delta\",\"lane\":0,\"attempt\":1,\"part\":2,\"text\":\"Hé\"}";
    byte[] whole = line.getBytes(UTF_8);
    for (int length = 0; length < whole.length; length++) {
      int cut = length;
      assertThatThrownBy(() -> TurnEventCodec.decode(whole, 0, cut))
          .isInstanceOf(PerdureException.class);
    }
    for (String other :
        List.of(
            line.replace("\"Hé\"}", "\"Hé\",\"newer\":1}"),
            line.replace("{\"seq\":7,", "{ \"seq\" : 7,"),
            line.replace("Hé", "H\\u00e9"))) {
      byte[] bytes = other.getBytes(UTF_8);
      assertThat(TurnEventCodec.decode(bytes, 0, bytes.length))
          .isEqualTo(new TurnEventCodec.Line(7, new PartDelta(0, 1, 2, "Hé")));
    }
  }

  @Test
  void a_source_of_a_newer_kind_is_passed_over() {
    byte[] line = "{\"seq\":9,\"type\":\"source\",\"kind\":\"tea\",\"x\":1}".getBytes(UTF_8);
    assertThat(TurnEventCodec.decode(line, 0, line.length).event())
        .isEqualTo(new Unknown("source"));
  }

  @Test
  void an_event_of_a_newer_version_is_passed_over() {
    byte[] line = "{\"seq\":9,\"type\":\"tea.served\",\"x\":1}".getBytes(UTF_8);
    assertThat(TurnEventCodec.decode(line, 0, line.length).event())
        .isEqualTo(new Unknown("tea.served"));
  }

  @Test
  void a_damaged_line_is_an_internal_error_without_its_content() {
    for (String text : List.of("secret", "{\"seq\":1}", "{\"seq\":1,\"type\":\"part.delta\"}")) {
      byte[] line = text.getBytes(UTF_8);
      assertThatThrownBy(() -> TurnEventCodec.decode(line, 0, line.length))
          .isInstanceOf(PerdureException.class)
          .hasMessageContaining("damaged")
          .hasMessageNotContaining("secret");
    }
  }
}

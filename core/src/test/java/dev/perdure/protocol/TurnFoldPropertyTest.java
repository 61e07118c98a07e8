package dev.perdure.protocol;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.protocol.TurnEventCodec.Line;
import dev.perdure.protocol.TurnFold.LaneSnapshot;
import dev.perdure.protocol.TurnFold.TurnSnapshot;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** Whatever a log holds and wherever it is cut: there is one outcome. */
class TurnFoldPropertyTest {

  @Property(tries = 300)
  void a_node_that_takes_over_at_any_event_continues_the_fold_of_the_one_before(
      @ForAll("logs") List<TurnEvent> log) {
    TurnSnapshot whole = fold(log).snapshot();
    for (int cut = 0; cut <= log.size(); cut++) {
      // The first node's events, as its successor reads them from their stored lines.
      TurnFold fold = new TurnFold();
      for (int seq = 0; seq < log.size(); seq++) {
        TurnEvent event = log.get(seq);
        fold.apply(seq, seq < cut ? decoded(seq, event) : event);
      }
      assertThat(fold.snapshot()).isEqualTo(whole);
      assertThat(fold.seq()).isEqualTo(log.size() - 1L);
    }
  }

  @Property(tries = 300)
  void a_snapshot_at_any_event_and_the_lines_after_it_show_what_all_lines_show(
      @ForAll("logs") List<TurnEvent> log) {
    String whole = new SnapshotClient(fold(log).snapshot()).shown();
    for (int cut = 1; cut <= log.size(); cut++) {
      SnapshotClient client = new SnapshotClient(fold(log.subList(0, cut)).snapshot());
      for (int seq = cut; seq < log.size(); seq++) {
        client.take(TurnEventCodec.encode(seq, log.get(seq)));
      }
      assertThat(client.shown()).as("snapshot at %d", cut - 1).isEqualTo(whole);
    }
  }

  @Property(tries = 200)
  void a_snapshot_stays_as_it_was_while_the_turn_goes_on(@ForAll("logs") List<TurnEvent> log) {
    TurnFold fold = new TurnFold();
    List<TurnSnapshot> taken = new ArrayList<>();
    for (int seq = 0; seq < log.size(); seq++) {
      fold.apply(seq, log.get(seq));
      taken.add(fold.snapshot());
    }
    for (int cut = 1; cut <= log.size(); cut++) {
      assertThat(taken.get(cut - 1)).isEqualTo(fold(log.subList(0, cut)).snapshot());
    }
  }

  @Property(tries = 300)
  void the_text_of_a_lane_is_that_of_the_deltas_of_its_last_attempt(
      @ForAll("logs") List<TurnEvent> log) {
    for (LaneSnapshot lane : fold(log).snapshot().lanes()) {
      StringBuilder all = new StringBuilder();
      for (TurnEvent event : log) {
        if (event instanceof TurnEvent.PartDelta delta
            && delta.lane() == lane.lane()
            && delta.attempt() == lane.attempt()) {
          all.append(delta.text());
        }
      }
      int shown = lane.parts().stream().mapToInt(part -> part.text().length()).sum();
      assertThat(shown).isEqualTo(all.length());
    }
  }

  /** Order, repetitions and events after the end: all that a correct writer never does. */
  @Property(tries = 300)
  void whatever_comes_in_whatever_order_is_refused_or_keeps_to_the_tables_of_states(
      @ForAll("logs") List<TurnEvent> log, @ForAll("orders") List<Integer> order) {
    TurnFold fold = new TurnFold();
    fold.apply(0, log.getFirst());
    for (int place : order) {
      TurnSnapshot before = fold.snapshot();
      TurnEvent event = log.get(1 + place % (log.size() - 1));
      try {
        fold.apply(fold.seq() + 1, event);
      } catch (IllegalArgumentException | IllegalStateException e) {
        assertThat(fold.seq()).isEqualTo(before.seq());
        continue;
      }
      TurnSnapshot after = fold.snapshot();
      assertThat(after.seq()).isEqualTo(before.seq() + 1);
      if (after.state() != before.state() || event instanceof TurnEvent.TurnEnded) {
        assertThat(before.state().next()).contains(after.state());
      }
      for (int i = 0; i < after.lanes().size(); i++) {
        LaneState from = before.lanes().get(i).state();
        LaneState to = after.lanes().get(i).state();
        // A retry leads through PENDING within one event.
        boolean retried = from.terminal() && to == LaneState.STREAMING;
        boolean ends = event instanceof TurnEvent.LaneEnded end && end.lane() == i;
        assertThat((from == to && !ends) || retried || from.next().contains(to))
            .as("%s to %s", from, to)
            .isTrue();
      }
    }
  }

  @Property(tries = 300)
  void every_event_is_one_line_and_is_read_back(@ForAll("logs") List<TurnEvent> log) {
    for (int seq = 0; seq < log.size(); seq++) {
      byte[] line = TurnEventCodec.encode(seq, log.get(seq));
      for (byte b : line) {
        assertThat(b).isNotIn((byte) '\n', (byte) '\r');
      }
      assertThat(TurnEventCodec.decode(line, 0, line.length))
          .isEqualTo(new Line(seq, log.get(seq)));
    }
  }

  @Property(tries = 500)
  void any_text_at_all_is_read_back_also_by_others(@ForAll("texts") String text) {
    TurnEvent event = new TurnEvent.PartDelta(0, 1, 0, text);
    assertThat(decoded(7, event)).isEqualTo(event);
    String line = new String(TurnEventCodec.encode(7, event), UTF_8);
    assertThat(Json.trusted(line).path("text").textValue()).isEqualTo(text);
  }

  @Provide
  Arbitrary<List<TurnEvent>> logs() {
    return LogScripts.logs();
  }

  @Provide
  Arbitrary<String> texts() {
    return Arbitraries.oneOf(
        Arbitraries.strings().all(), Arbitraries.strings().withCharRange('\0', '\u00a0'));
  }

  @Provide
  Arbitrary<List<Integer>> orders() {
    return Arbitraries.integers().between(0, 10_000).list().ofMaxSize(40);
  }

  private static TurnFold fold(List<TurnEvent> log) {
    TurnFold fold = new TurnFold();
    for (int seq = 0; seq < log.size(); seq++) {
      fold.apply(seq, log.get(seq));
    }
    return fold;
  }

  private static TurnEvent decoded(long seq, TurnEvent event) {
    byte[] line = TurnEventCodec.encode(seq, event);
    return TurnEventCodec.decode(line, 0, line.length).event();
  }
}

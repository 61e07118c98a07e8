package dev.perdure.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.protocol.Source;
import dev.perdure.protocol.TurnEvent.SourceUsed;
import dev.perdure.protocol.TurnFold.StepSnapshot;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class StepSourcesTest {
  private static Source page(int number) {
    return Source.page("https://a.example/" + number, "Page " + number).orElseThrow();
  }

  private static StepSnapshot step(List<SourceUsed> sources) {
    return new StepSnapshot(0, 1, "m", List.of(), sources, List.of(), true, null);
  }

  @Test
  void a_source_is_told_once_in_its_lane_and_numbered_behind_those_before() {
    Source document = Source.document("doc_1", "a.txt", "text/plain", List.of(0));
    StepSources sources =
        new StepSources(
            List.of(step(List.of(new SourceUsed(0, 1, 0, document)))), List.of(document, page(1)));
    sources.add(page(1));
    assertThat(sources.take(0, 2)).containsExactly(new SourceUsed(0, 2, 1, page(1)));
    assertThat(sources.take(0, 2)).isEmpty();
    sources.add(page(2));
    assertThat(sources.take(0, 2)).containsExactly(new SourceUsed(0, 2, 2, page(2)));
  }

  @Test
  void a_provider_that_cites_without_end_is_heard_up_to_the_limit() {
    List<SourceUsed> before =
        IntStream.range(0, 40).mapToObj(i -> new SourceUsed(0, 1, i, page(i))).toList();
    StepSources sources = new StepSources(List.of(step(before)), List.of());
    IntStream.range(0, 10_000).forEach(i -> sources.add(page(i)));
    assertThat(sources.take(0, 2)).hasSize(StepSources.MAX_SOURCES - 40);
    sources.add(page(20_000));
    assertThat(sources.take(0, 2)).isEmpty();
  }
}

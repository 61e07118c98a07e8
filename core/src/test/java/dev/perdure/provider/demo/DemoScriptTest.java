package dev.perdure.provider.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.PartKind;
import dev.perdure.provider.demo.DemoScript.Step;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DemoScriptTest {
  private static final InstantSource CLOCK =
      InstantSource.fixed(Instant.ofEpochSecond(1_700_000_000L, 123_456_000));

  @Test
  void the_default_reply_says_what_it_is() {
    assertThat(text(play("Hi", 1)))
        .contains("demo provider")
        .contains("/long 2000")
        .contains("OPENAI_API_KEY");
    assertThat(play("Hi", 1).getLast()).isInstanceOf(Step.Finish.class);
  }

  @Test
  void the_same_prompt_and_seed_say_the_same() {
    assertThat(play("/long 50", 1)).isEqualTo(play("/long 50", 1));
    assertThat(text(steps(DemoScript.of("/long 50", 1), 1)))
        .isNotEqualTo(text(steps(DemoScript.of("/long 50", 2), 1)));
  }

  @Test
  void long_has_that_many_chunks_and_paces_before_each() {
    List<Step> steps = play("/long 7 /pace 5ms", 1);
    assertThat(steps).filteredOn(Step.Say.class::isInstance).hasSize(7);
    assertThat(steps).filteredOn(new Step.Pause(Duration.ofMillis(5))::equals).hasSize(7);
    assertThat(steps.getLast())
        .isInstanceOfSatisfying(
            Step.Finish.class, f -> assertThat(f.usage().output()).isEqualTo(7));
  }

  @Test
  void a_million_chunks_need_no_memory() {
    Iterator<Step> steps = DemoScript.of("/long 1000000 /pace 0ms", 0).play(1, CLOCK);
    int said = 0;
    while (steps.next() instanceof Step.Say) {
      said++;
    }
    assertThat(said).isEqualTo(1_000_000);
  }

  @Test
  void thinking_comes_before_the_text() {
    List<PartKind> kinds =
        play("/think\nWhy?", 1).stream()
            .filter(Step.Say.class::isInstance)
            .map(s -> ((Step.Say) s).kind())
            .toList();
    assertThat(kinds.getFirst()).isEqualTo(PartKind.REASONING);
    assertThat(kinds.getLast()).isEqualTo(PartKind.TEXT);
    assertThat(kinds.lastIndexOf(PartKind.REASONING)).isLessThan(kinds.indexOf(PartKind.TEXT));
  }

  @Test
  void a_fault_hits_the_first_call_only_unless_told() {
    assertThat(play("/long 9 /error 529 at 4", 1)).endsWith(error(529, 4, 1));
    assertThat(play("/long 9 /error 529 at 4", 2).getLast()).isInstanceOf(Step.Finish.class);
    assertThat(play("/long 9 /error 500 times 2", 2)).containsExactly(error(500, 0, 2));
    assertThat(play("/long 9 /error 500 times 2", 3).getLast()).isInstanceOf(Step.Finish.class);
    assertThat(play("/long 9 /error 500 always", 99))
        .containsExactly(error(500, 0, DemoFault.ALWAYS));
  }

  @Test
  void a_fault_without_a_place_is_in_the_middle() {
    List<Step> steps = play("/long 10 /truncate", 1);
    assertThat(steps).filteredOn(Step.Say.class::isInstance).hasSize(5);
    assertThat(steps.getLast()).isInstanceOf(Step.Fail.class);
  }

  @Test
  void a_stall_is_a_pause_and_the_reply_goes_on() {
    List<Step> steps = play("/long 4 /pace 0ms /stall 30s at 2", 5);
    assertThat(steps.get(2)).isEqualTo(new Step.Pause(Duration.ofSeconds(30)));
    assertThat(steps.getLast()).isInstanceOf(Step.Finish.class);
  }

  @Test
  void echo_says_the_rest_of_the_line_with_its_spaces() {
    assertThat(text(play("/echo two  spaces /long 3", 1))).isEqualTo("two  spaces /long 3");
    assertThat(text(play("/echo", 1))).isEmpty();
  }

  @Test
  void finish_reasons_can_be_chosen() {
    assertThat(finish("/length")).isEqualTo(FinishReason.LENGTH);
    assertThat(finish("/filter")).isEqualTo(FinishReason.CONTENT_FILTER);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/nonsense",
        "/long",
        "/long x",
        "/long -1",
        "/long 99999999",
        "/error 200",
        "/error",
        "/pace 5y",
        "/stall",
        "/error 500 at",
        "/error 500 sometimes",
        "/script what=1",
        "/"
      })
  void a_command_that_is_not_understood_is_explained(String prompt) {
    assertThat(text(play(prompt, 1))).contains("'").contains("The commands are");
    assertThat(play(prompt, 1).getLast()).isInstanceOf(Step.Finish.class);
  }

  @Test
  void parameters_steer_programs() {
    DemoScript script =
        DemoScript.of("hi", 0, "chunks=20;interval=50ms;fault=529@4;times=always;seed=3;size=12");
    List<Step> steps = steps(script, 7);
    assertThat(steps.getFirst()).isEqualTo(new Step.Pause(Duration.ofMillis(50)));
    assertThat(steps.get(1))
        .isInstanceOfSatisfying(Step.Say.class, s -> assertThat(s.text()).hasSize(12));
    assertThat(steps).endsWith(error(529, 4, DemoFault.ALWAYS));
    assertThatThrownBy(() -> DemoScript.of("", 0, "fault=what@1"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("what");
  }

  @Test
  void timestamps_begin_each_chunk() {
    List<Step> steps = steps(DemoScript.of("", 0, "chunks=1;timestamps=1;interval=0"), 1);
    assertThat(text(steps)).startsWith("~1700000000123456~");
  }

  @Test
  void utf8_has_characters_of_every_length() {
    String text = text(play("/utf8", 1));
    assertThat(text.codePoints().anyMatch(c -> c > 0xFFFF)).isTrue();
    assertThat(text.codePoints().anyMatch(c -> c > 0x7FF && c < 0xFFFF)).isTrue();
    assertThat(text.codePoints().anyMatch(c -> c > 0x7F && c < 0x7FF)).isTrue();
    String sized = text(steps(DemoScript.of("", 0, "chunks=300;size=3;utf8=1"), 1));
    assertThat(sized.codePoints().noneMatch(c -> c >= 0xD800 && c <= 0xDFFF)).isTrue();
  }

  private static Step error(int status, int at, int times) {
    return new Step.Fail(
        new DemoFault(DemoFault.Kind.ERROR, at, status, Duration.ZERO, times, null));
  }

  private static FinishReason finish(String prompt) {
    return ((Step.Finish) play(prompt, 1).getLast()).reason();
  }

  private static String text(List<Step> steps) {
    return steps.stream()
        .filter(Step.Say.class::isInstance)
        .map(s -> ((Step.Say) s).text())
        .collect(Collectors.joining());
  }

  private static List<Step> play(String prompt, int call) {
    return steps(DemoScript.of(prompt, 0), call);
  }

  private static List<Step> steps(DemoScript script, int call) {
    List<Step> steps = new ArrayList<>();
    script.play(call, CLOCK).forEachRemaining(steps::add);
    return steps;
  }
}

package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.protocol.PerdureException;
import java.util.List;
import org.junit.jupiter.api.Test;

class TextTest {
  @Test
  void text_that_people_write_passes() {
    String text = "tab\t, line\n, Windows line\r\n, \u00e9, \u4e2d, \ud83d\ude00, \u2028";

    assertThat(Text.checked("text", text)).isSameAs(text);
  }

  @Test
  void control_characters_are_refused_by_code_and_place() {
    for (char c = 0; c < ' '; c++) {
      if (c != '\n' && c != '\t' && c != '\r') {
        String text = "ab" + c;
        assertThatThrownBy(() -> Text.checked("text", text))
            .isInstanceOf(PerdureException.class)
            .hasMessageContaining("'text'")
            .hasMessageContaining(String.format("U+%04X at 2", (int) c));
      }
    }
    assertThatThrownBy(() -> Text.checked("text", "\u007f")).hasMessageContaining("U+007F");
  }

  @Test
  void a_surrogate_without_its_other_half_is_refused() {
    for (String text : List.of("\ud83d", "\ude00", "\ud83dx", "x\ude00\ud83d", "\ud83d\ud83d")) {
      assertThatThrownBy(() -> Text.checked("text", text))
          .isInstanceOf(PerdureException.class)
          .hasMessageContaining("surrogate");
    }
  }

  @Test
  void a_line_has_no_line_end() {
    assertThatThrownBy(() -> Text.line("title", "a\nb")).hasMessageContaining("U+000A");
    assertThatThrownBy(() -> Text.line("title", "a\rb")).hasMessageContaining("U+000D");
    assertThat(Text.line("title", "a b")).isEqualTo("a b");
  }

  @Test
  void shown_text_is_short_and_printable() {
    assertThat(Text.shown("a\r\nb\u0000\u00e9")).isEqualTo("a??b??");
    assertThat(Text.shown("x".repeat(5000))).hasSizeLessThan(70);
  }

  @Test
  void well_formed_text_has_no_lone_surrogate() {
    assertThat(Text.wellFormed("a\ud83d\ude00")).isEqualTo("a\ud83d\ude00");
    assertThat(Text.wellFormed("\ud83da\ude00")).isEqualTo("?a?");
  }

  @Test
  void a_near_name_is_offered_and_a_far_one_is_not() {
    List<String> known = List.of("models", "fallbacks", "whenBusy");

    assertThat(Text.didYouMean("model", known)).contains("'models'");
    assertThat(Text.didYouMean("whenbusy", known)).contains("'whenBusy'");
    assertThat(Text.didYouMean("temperature", known)).isEmpty();
    assertThat(Text.didYouMean("x".repeat(100_000), known)).isEmpty();
    assertThat(Text.didYouMean("x", List.of())).isEmpty();
  }
}

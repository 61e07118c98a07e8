package dev.perdure.retrieval;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TermsTest {
  @Test
  void case_accents_and_english_endings_do_not_matter() {
    assertThat(Terms.of("Cities CITY's city")).containsExactly("city", "s");
    assertThat(Terms.of("stopped stopping stop stops")).containsExactly("stop");
    assertThat(Terms.of("naïve Naive")).containsExactly("naiv");
    assertThat(Terms.of("falling fall process this bus"))
        .containsExactly("fall", "process", "this", "bus");
  }

  @Test
  void scripts_without_spaces_become_pairs() {
    assertThat(Terms.of("東京駅 GPT")).containsExactly("東京", "京駅", "gpt");
  }

  @Test
  void a_term_is_of_letters_and_digits_whatever_the_text() {
    assertThat(Terms.of("a'b \"c\" d*e (f) g:h \u0000 i\u200bj \ud83d\ude00 \ud800"))
        .allMatch(term -> term.codePoints().allMatch(Character::isLetterOrDigit));
    assertThat(Terms.of("x".repeat(1000))).allMatch(term -> term.length() <= 32);
  }

  @Test
  void a_question_is_asked_without_words_that_are_everywhere() {
    assertThat(Terms.asked("What is the colour of the lighthouse?"))
        .containsExactly("colour", "lighthous");
    assertThat(Terms.asked("what is it")).containsExactly("what", "is", "it");
    assertThat(Terms.asked("w1 w2 w3 ".repeat(3) + "x ".repeat(40)))
        .containsExactly("w1", "w2", "w3");
  }

  @Test
  void pieces_are_cut_where_the_text_has_ends_and_lose_nothing_but_space() {
    String text = ("A sentence of some length, which ends here. ".repeat(20) + "\n\n").repeat(5);
    assertThat(Chunker.chunks(text))
        .hasSize(5)
        .allMatch(chunk -> chunk.endsWith("here.") && chunk.length() <= Chunker.MAX_CHARS);
    String solid = "x".repeat(5_000);
    assertThat(String.join("", Chunker.chunks(solid))).isEqualTo(solid);
    String pairs = "😀".repeat(2_000);
    assertThat(String.join("", Chunker.chunks(pairs))).isEqualTo(pairs);
    assertThat(Chunker.chunks(" \n\n ")).isEmpty();
  }
}

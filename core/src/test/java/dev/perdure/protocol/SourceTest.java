package dev.perdure.protocol;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SourceTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "javascript://a.example/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "mailto:a@a.example",
        "//a.example/x",
        "/v1/turns",
        "a.example",
        "http:",
        "https:///x",
        "https://",
        "https:a.example",
        "https://bank.example@a.example/",
        "https://a.example/\u202egnp.exe",
        "https://a.example/a b",
        "https://a.example/\"onclick=\"x",
        "https://a.example/<b>",
        "https://a.example/\u0000",
        "https://\u0430.example/",
        "",
      })
  void what_is_no_plain_address_of_the_web_is_no_source(String url) {
    assertThat(Source.page(url, "Click")).isEmpty();
  }

  @Test
  void an_address_without_end_is_no_source_and_a_title_without_end_is_cut() {
    String url = "https://a.example/" + "x".repeat(Source.MAX_URL_CHARS);
    assertThat(Source.page(url, null)).isEmpty();
    assertThat(Source.page(url.substring(0, Source.MAX_URL_CHARS), null)).isPresent();
    String title =
        Source.page("https://a.example", "\uD83D\uDE00".repeat(500)).orElseThrow().title();
    assertThat(title).hasSize(Source.MAX_TITLE_CHARS).doesNotContain("\uFFFD");
  }

  @Test
  void a_title_is_one_line_of_whole_characters_that_does_not_turn() {
    Source page =
        Source.page("HTTPS://A.example/x?q=1#y", " a\r\nb\u0000\u202e\u2066\uD83D c\u2028d ")
            .orElseThrow();
    assertThat(page.title()).isEqualTo("a  b \uFFFD c d");
    assertThat(page.url()).isEqualTo("HTTPS://A.example/x?q=1#y");
    assertThat(page.kind()).isEqualTo("url");
    assertThat(Source.page("http://a.example:8080/x", "\n").orElseThrow().title())
        .isEqualTo("a.example");
    Source document = Source.document("doc_1", "\u202e", "text/plain", List.of(2, 0));
    assertThat(document.title()).isEqualTo("doc_1");
    assertThat(document.kind()).isEqualTo("document");
  }
}

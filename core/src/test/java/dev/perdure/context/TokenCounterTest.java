package dev.perdure.context;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.knuddels.jtokkit.api.EncodingType;
import dev.perdure.protocol.PerdureException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TokenCounterTest {
  private static final Map<String, String> TEXTS =
      Map.ofEntries(
          Map.entry(
              "English",
              "A durable reply outlives its connection: whoever leaves in the middle of a sentence"
                  + " finds the rest of it afterwards, on any device, in the order in which it was"
                  + " written."),
          Map.entry(
              "German",
              "Eine dauerhafte Antwort überlebt ihre Verbindung: Wer mitten im Satz die"
                  + " Geschwindigkeitsbegrenzung überschreitet, findet den Rest später wieder."),
          Map.entry(
              "French",
              "Une réponse durable survit à sa connexion : celui qui s'en va au milieu d'une phrase"
                  + " en retrouve la suite plus tard, sur n'importe quel appareil."),
          Map.entry(
              "Polish",
              "Trwała odpowiedź przeżywa swoje połączenie: kto odejdzie w połowie zdania, znajdzie"
                  + " później jego resztę na dowolnym urządzeniu."),
          Map.entry(
              "Russian",
              "Долговечный ответ переживает своё соединение: кто уйдёт посреди предложения, найдёт"
                  + " потом его остаток на любом устройстве."),
          Map.entry(
              "Greek",
              "Μια ανθεκτική απάντηση επιζεί της σύνδεσής της: όποιος φύγει στη μέση μιας πρότασης"
                  + " βρίσκει αργότερα τη συνέχεια."),
          Map.entry(
              "Arabic",
              "الرد الدائم يبقى بعد انقطاع اتصاله، ومن يغادر في منتصف الجملة يجد بقيتها."),
          Map.entry("Hindi", "एक टिकाऊ उत्तर अपने कनेक्शन से अधिक समय तक जीवित रहता है।"),
          Map.entry("Chinese", "持久的回复比它的连接活得更久：谁在句子中间离开，之后都能找到其余部分。"),
          Map.entry("Japanese", "永続的な返信は接続よりも長生きします。途中で離れても続きを読めます。"),
          Map.entry("Korean", "지속적인 응답은 연결보다 오래 살아남습니다. 나중에 나머지를 찾을 수 있습니다."),
          Map.entry(
              "code",
              """
              for (int i = 0; i < rows.size(); i++) {
                total += rows.get(i).amount() * 3;
              }
              return Map.of("total", total, "count", 1024);
              """),
          Map.entry("emoji", "😀 🚀 ✅ 👩‍👩‍👧 done!"));

  @Test
  void an_estimate_with_its_margin_is_not_too_low_and_not_twice_too_high() {
    TEXTS.forEach((language, text) -> {
      int exact = TokenCounter.exact(EncodingType.O200K_BASE, text);
      double safe = TokenCounter.estimate(text) * ModelFamily.ESTIMATED;
      assertThat(safe).as(language).isBetween((double) exact, 2.2 * exact);
    });
  }

  @Test
  void a_count_of_one_message_is_kept() {
    TokenCounter counter = new TokenCounter();
    ModelFamily gpt = ModelFamily.of("openai/gpt-4o");
    assertThat(counter.count(gpt, "m", "one two three")).isEqualTo(4);
    assertThat(counter.count(gpt, "m", "another text of the same message, which cannot be"))
        .isEqualTo(4);
    assertThat(counter.count(gpt, "one two three")).isEqualTo(4);
  }

  @Test
  void a_text_that_is_made_to_be_slow_is_counted_in_pieces() {
    String text = "a".repeat(300_000) + "\u00e9\ud83d\ude00".repeat(10_000);
    assertThat(TokenCounter.exact(EncodingType.O200K_BASE, text)).isPositive();
    assertThat(TokenCounter.exact(EncodingType.CL100K_BASE, text)).isPositive();
  }

  @Test
  void a_window_is_known_by_the_name_of_the_model_or_set() {
    ModelWindows windows = new ModelWindows(List.of("ollama/*=4096", "openai/gpt-4o=9999"));
    assertThat(windows.of("ollama/gemma3").window()).isEqualTo(4096);
    assertThat(windows.of("openai/gpt-4o").window()).isEqualTo(9999);
    assertThat(windows.of("openai/gpt-4o-mini").window()).isEqualTo(128_000);
    assertThat(windows.of("router/openai/gpt-4o-mini").encoding())
        .isEqualTo(EncodingType.O200K_BASE);
    assertThat(windows.of("anthropic/claude-sonnet-4-5").window()).isEqualTo(200_000);
    assertThat(windows.of("vllm/some-model").window()).isEqualTo(ModelFamily.UNKNOWN_WINDOW);
    for (String wrong : List.of("4096", "=4096", "x/y=", "x/y=12", "x/y=many")) {
      assertThatThrownBy(() -> new ModelWindows(List.of(wrong)))
          .isInstanceOf(PerdureException.class)
          .hasMessageContaining("'" + wrong + "'");
    }
  }
}

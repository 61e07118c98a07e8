package dev.perdure.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FieldsTest {
  private static Fields fields(String json, String... known) {
    return Fields.of(json.getBytes(UTF_8), known);
  }

  private static PerdureException refusal(Runnable task) {
    return catchThrowableOfType(PerdureException.class, task::run);
  }

  @Test
  void no_body_is_an_empty_object() {
    assertThat(Fields.of(new byte[0], "text").has("text")).isFalse();
  }

  @Test
  void broken_json_is_located_and_not_repeated() {
    PerdureException e = refusal(() -> fields("{\n  \"text\": sesame}", "text"));

    assertThat(e.code()).isEqualTo(ErrorCode.INVALID_JSON);
    assertThat(e).hasMessageContaining("line 2").hasMessageNotContaining("sesame");
  }

  @Test
  void every_way_to_break_json_is_invalid_json() {
    String deep = "[".repeat(5000);
    for (String json :
        new String[] {
          " ",
          "{",
          "{}{}",
          "{} x",
          "{\"a\":1,\"a\":2}",
          "{\"a\":NaN}",
          "{\"a\":+1}",
          "{'a':1}",
          "{\"a\":\"\n\"}",
          "{\"a\":01}",
          "{\"a\":1e99999999999999999999999999999999999999999999999" + "99999999999999999999999}",
          deep,
          "{\"a\":" + deep,
          "nul",
          "\"",
          "{\"a\":\"\\x\"}",
          "{\"a\":\"\\ud8\"}",
          "// c\n{}"
        }) {
      assertThat(refusal(() -> fields(json, "a")).code())
          .as(json)
          .isEqualTo(ErrorCode.INVALID_JSON);
    }
  }

  @Test
  void bytes_that_are_no_utf_8_are_invalid_json() {
    byte[] body = {'{', '"', 'a', '"', ':', '"', (byte) 0xc3, (byte) 0x28, '"', '}'};

    assertThat(refusal(() -> Fields.of(body, "a")).code()).isEqualTo(ErrorCode.INVALID_JSON);
  }

  @Test
  void anything_but_an_object_is_refused_by_its_type() {
    assertThatThrownBy(() -> fields("[]"))
        .hasMessage("The body must be an object, but is an array.");
    assertThatThrownBy(() -> fields("null")).hasMessageContaining("but is null");
    assertThatThrownBy(() -> fields("\"x\"")).hasMessageContaining("but is a string");
    assertThatThrownBy(() -> fields("1")).hasMessageContaining("but is a number");
  }

  @Test
  void an_unknown_member_is_refused_with_the_nearest_known_one() {
    assertThatThrownBy(() -> fields("{\"modles\":[]}", "text", "models"))
        .hasMessageContaining("'modles'")
        .hasMessageContaining("Did you mean 'models'?");
    assertThatThrownBy(() -> fields("{\"\\r\\nx\":1}", "text"))
        .hasMessageNotContainingAny("\r", "\n")
        .hasMessageContaining("'??x'");
  }

  @Test
  void wrong_types_are_named_with_their_path() {
    assertThatThrownBy(() -> fields("{\"a\":1}", "a").text("a", 9))
        .hasMessage("'a' must be a string, but is a number.");
    assertThatThrownBy(() -> fields("{\"a\":[1]}", "a").texts("a", 9, 9))
        .hasMessage("'a[0]' must be a string, but is a number.");
    assertThatThrownBy(() -> fields("{\"a\":{}}", "a").texts("a", 9, 9))
        .hasMessage("'a' must be an array, but is an object.");
    assertThatThrownBy(() -> fields("{\"a\":[[]]}", "a").objects("a", 9))
        .hasMessage("'a[0]' must be an object, but is an array.");
    assertThatThrownBy(
            () -> fields("{\"a\":{\"b\":true}}", "a").object("a", "b").integer("b", 0, 1))
        .hasMessage("'a.b' must be a whole number, but is a boolean.");
    assertThatThrownBy(() -> fields("{\"a\":\"1\"}", "a").number("a", 0, true, 1))
        .hasMessage("'a' must be a number, but is a string.");
  }

  @Test
  void numbers_have_bounds() {
    assertThat(fields("{\"a\":2}", "a").integer("a", 1, 2)).contains(2);
    for (String value : new String[] {"0", "3", "99999999999", "-1"}) {
      assertThatThrownBy(() -> fields("{\"a\":" + value + "}", "a").integer("a", 1, 2))
          .hasMessage("'a' is out of range. It must be 1 to 2.");
    }
    assertThatThrownBy(() -> fields("{\"a\":1.0}", "a").integer("a", 1, 2))
        .hasMessageContaining("whole number");
    assertThat(fields("{\"a\":1}", "a").number("a", 0, false, 1)).contains(1.0);
    for (String value : new String[] {"0", "1.1", "1e999", "-0.1"}) {
      assertThatThrownBy(() -> fields("{\"a\":" + value + "}", "a").number("a", 0, false, 1))
          .hasMessageContaining("out of range");
    }
  }

  @Test
  void lists_and_texts_have_limits() {
    assertThat(refusal(() -> fields("{\"a\":\"xxx\"}", "a").text("a", 2)).code())
        .isEqualTo(ErrorCode.TOO_LARGE);
    assertThat(refusal(() -> fields("{\"a\":[1,2,3]}", "a").texts("a", 2, 9)).code())
        .isEqualTo(ErrorCode.INVALID_REQUEST);
  }

  @Test
  void null_is_absent_but_mentioned() {
    Fields fields = fields("{\"a\":null}", "a");

    assertThat(fields.text("a", 1)).isEmpty();
    assertThat(fields.has("a")).isFalse();
    assertThat(fields.mentions("a")).isTrue();
  }

  @Test
  void damaged_bodies_are_refused_and_nothing_else_happens() {
    byte[] body =
        "{\"text\":\"h\u00e9llo \ud83d\ude00\",\"models\":[\"demo/a\"],\"params\":{\"topP\":0.5}}"
            .getBytes(UTF_8);
    Random random = new Random(7);
    for (int round = 0; round < 20_000; round++) {
      byte[] damaged = body.clone();
      for (int i = 0; i <= round % 4; i++) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
      }
      int length = round % 3 == 0 ? random.nextInt(damaged.length) : damaged.length;
      byte[] cut = Arrays.copyOf(damaged, length);
      try {
        Fields fields = Fields.of(cut, "text", "models", "params");
        fields.text("text", 100);
        fields.texts("models", 4, 100);
        fields.object("params", "topP").number("topP", 0, false, 1);
      } catch (PerdureException e) {
        assertThat(e.code().status()).isBetween(400, 413);
        assertThat(e.getMessage()).doesNotContain("\n", "\r", "com.fasterxml");
      }
    }
  }
}

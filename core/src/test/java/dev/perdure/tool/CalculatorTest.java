package dev.perdure.tool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.protocol.Json;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CalculatorTest {
  @ParameterizedTest
  @CsvSource({
    "1 + 2 * 3, 7",
    "(1 + 2) * 3, 9",
    "0.1 + 0.2, 0.3",
    "10 - 2 - 3, 5",
    "100 / 8, 12.5",
    "-2 ^ 2, -4",
    "(-2) ^ 2, 4",
    "2 ^ -2, 0.25",
    "2 ^ 3 ^ 2, 512",
    "7 % 4, 3",
    "--3, 3",
    ".5 * 4, 2",
    "1000000 * 1000000, 1000000000000",
    "0 * 5.00, 0",
    "2^100, 1267650600228229401496703205376"
  })
  void what_comes_out(String expression, String value) throws ToolException {
    assertThat(Calculator.evaluate(expression)).isEqualTo(new Calculator.Result(value, true));
  }

  @Test
  void what_does_not_come_out_even_is_said_to_be_rounded() throws ToolException {
    assertThat(Calculator.evaluate("1 / 3"))
        .isEqualTo(new Calculator.Result("0." + "3".repeat(34), false));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "1 +",
        "* 2",
        "(1",
        "1)",
        "1 2",
        "a",
        "1..2",
        "1.",
        "1e5",
        "1 / 0",
        "1 % 0",
        "2 ^ 0.5",
        "9 ^ 999999999",
        "9 ^ 9 ^ 9 ^ 9",
        "0.1 ^ 9999",
        "٣ + 1",
        "1\u0000"
      })
  void what_makes_no_sense_or_too_much_of_it_is_refused(String expression) {
    assertThatThrownBy(() -> Calculator.evaluate(expression)).isInstanceOf(ToolException.class);
  }

  @Test
  void length_and_depth_are_bounded() {
    assertThatThrownBy(() -> Calculator.evaluate("1".repeat(1001))).hasMessageContaining("1000");
    assertThatThrownBy(() -> Calculator.evaluate("(".repeat(500) + "1" + ")".repeat(400)))
        .hasMessageContaining("nested");
    assertThatThrownBy(() -> Calculator.evaluate("-".repeat(999) + "1"))
        .hasMessageContaining("nested");
  }

  @Test
  void a_model_is_told_the_result_as_a_text_that_no_reader_rounds() throws ToolException {
    Tool.Input input =
        new Tool.Input(Json.trusted("{\"expression\":\"2^70\"}"), "call_1", "t", "o", "turn_1");
    assertThat(new CalculatorTool().run(input))
        .isEqualTo(Json.trusted("{\"result\":\"1180591620717411303424\",\"exact\":true}"));
  }
}

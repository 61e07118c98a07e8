package dev.perdure.tool;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.protocol.Json;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Which calls a rule asks about. */
class ApprovalRuleTest {
  private static boolean asks(String rule, String arguments) {
    return ApprovalRule.parse(rule).needed(Json.trusted(arguments));
  }

  @Test
  void never_and_always_need_no_arguments() {
    assertThat(asks("never", "{}")).isFalse();
    assertThat(asks(" always ", "{}")).isTrue();
  }

  @Test
  void a_number_is_compared() {
    for (Map.Entry<String, List<Boolean>> rule :
        Map.of(
                "< 5", List.of(true, false, false),
                "<= 5", List.of(true, true, false),
                "> 5", List.of(false, false, true),
                ">= 5.0", List.of(false, true, true),
                "= 5", List.of(false, true, false),
                "!= 5", List.of(true, false, true))
            .entrySet()) {
      assertThat(List.of("4.99", "5", "6"))
          .extracting(n -> asks("when /n " + rule.getKey(), "{\"n\":" + n + "}"))
          .as(rule.getKey())
          .isEqualTo(rule.getValue());
    }
  }

  @Test
  void a_text_is_compared() {
    String to = "{\"to\":\"ann@example.com\",\"deep\":{\"list\":[\"a b\"]}}";
    assertThat(asks("when /to endsWith \"@example.com\"", to)).isTrue();
    assertThat(asks("when not /to endsWith \"@example.com\"", to)).isFalse();
    assertThat(asks("when /to startsWith \"bob\"", to)).isFalse();
    assertThat(asks("when /to contains \"@\"", to)).isTrue();
    assertThat(asks("when /deep/list/0 = \"a b\"", to)).isTrue();
    assertThat(asks("when /deep/list/0 != \"a \\\" b\"", to)).isTrue();
  }

  @Test
  void and_binds_tighter_than_or() {
    String rule = "when /a = 1 and /b = 1 or /c = true";
    assertThat(asks(rule, "{\"a\":1,\"b\":1,\"c\":false}")).isTrue();
    assertThat(asks(rule, "{\"a\":1,\"b\":2,\"c\":false}")).isFalse();
    assertThat(asks(rule, "{\"a\":2,\"b\":2,\"c\":true}")).isTrue();
  }

  @Test
  void in_doubt_somebody_is_asked() {
    for (String arguments :
        List.of("{}", "{\"n\":null}", "{\"n\":\"100\"}", "{\"n\":[1]}", "{\"n\":1e999}")) {
      assertThat(asks("when /n > 5", arguments)).as(arguments).isTrue();
      assertThat(asks("when not /n > 5", arguments)).as(arguments).isTrue();
    }
    assertThat(asks("when /n endsWith \"x\"", "{\"n\":1}")).isTrue();
    assertThat(asks("when /n = \"1\"", "{\"n\":1}")).isTrue();
  }

  @Test
  void what_is_no_rule_is_refused_and_says_why() {
    Map.of(
            "sometimes", "'never', 'always' or 'when'",
            "when", "ends where a JSON Pointer",
            "when /n >", "ends where a value",
            "when n > 5", "no JSON Pointer",
            "when /n ~ 5", "no comparison",
            "when /n > \"5\"", "cannot stand behind",
            "when /n startsWith 5", "cannot stand behind",
            "when /n > 5 /m > 5", "'and' or 'or'",
            "when /n > five", "no JSON value")
        .forEach((rule, why) ->
            assertThatThrownBy(() -> ApprovalRule.parse(rule))
                .as(rule)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(why));
  }

  @Test
  void an_argument_that_the_schema_does_not_know_is_found() {
    var schema = Json.trusted("{\"type\":\"object\",\"properties\":{\"amount\":{}}}");
    assertThat(ApprovalRule.parse("when /amount > 5").fault(schema)).isEmpty();
    assertThat(ApprovalRule.parse("when /amonut > 5").fault(schema).orElse("")).contains("/amonut");
    assertThat(ApprovalRule.parse("always").fault(schema)).isEmpty();
  }
}

package dev.perdure.it.check;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SourceRulesTest {
  private static final String PAGE = "\"kind\":\"url\",\"title\":\"x\",\"url\":\"";

  private final ReplyFold fold = new ReplyFold();
  private int seq;

  private void log(String... events) {
    for (String event : events) {
      fold.apply("{\"seq\":" + seq++ + ",\"type\":" + event + "}");
    }
  }

  private void begin() {
    log(
        "\"turn.accepted\",\"lanes\":[{\"lane\":0,\"message\":\"m\"}]",
        "\"turn.started\",\"epoch\":1",
        "\"attempt.started\",\"lane\":0,\"step\":0,\"attempt\":1");
  }

  private static String source(int number, String members) {
    return "\"source\",\"lane\":0,\"attempt\":1,\"source\":" + number + "," + members + "\"";
  }

  @Test
  void sources_that_keep_the_rules_are_no_problem_and_a_new_attempt_tells_its_own() {
    begin();
    log(
        source(0, PAGE + "https://a.example/"),
        source(1, "\"kind\":\"document\",\"title\":\"x\",\"document\":\"doc_1"),
        "\"attempt.started\",\"lane\":0,\"step\":0,\"attempt\":2",
        source(0, PAGE + "https://a.example/").replace("\"attempt\":1", "\"attempt\":2"));
    assertThat(fold.problems()).isEmpty();
  }

  @Test
  void one_that_is_told_twice_out_of_order_or_no_address_of_the_web_is_found() {
    begin();
    log(
        source(0, PAGE + "https://a.example/"),
        source(1, PAGE + "https://a.example/"),
        source(7, PAGE + "https://b.example/"),
        source(3, PAGE + "javascript:alert(1)"),
        source(4, PAGE + "https://c.example/").replace("\"attempt\":1", "\"attempt\":2"));
    assertThat(fold.problems()).hasSize(4);
  }
}

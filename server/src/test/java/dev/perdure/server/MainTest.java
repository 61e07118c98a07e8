package dev.perdure.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.server.config.ConfigDoc;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** The command line; a server that really runs is the business of PerdureServerTest and of it/. */
class MainTest {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... args) {
    return Main.run(
        args,
        new PrintStream(out, true, StandardCharsets.UTF_8),
        new PrintStream(err, true, StandardCharsets.UTF_8));
  }

  @Test
  void without_a_command_it_helps() {
    assertThat(run()).isZero();
    assertThat(out.toString(StandardCharsets.UTF_8)).contains("start", "--port", "chat");
    assertThat(run("start", "--help")).isZero();
  }

  @Test
  void an_unknown_command_is_a_usage_error_with_the_nearest() {
    assertThat(run("strat")).isEqualTo(2);
    assertThat(err.toString(StandardCharsets.UTF_8)).contains("'strat'", "'start'");
    assertThat(out.size()).isZero();
  }

  @Test
  void a_bad_setting_is_one_line_without_a_stack_trace() {
    assertThat(run("start", "--port", "eighty")).isEqualTo(2);
    assertThat(err.toString(StandardCharsets.UTF_8))
        .hasLineCount(1)
        .startsWith("perdure: server.port is 'eighty' (--port)");
  }

  @Test
  void the_table_of_settings_is_printed_as_it_is_committed() {
    assertThat(run("config", "--docs")).isZero();
    assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo(ConfigDoc.text());
  }

  @Test
  void config_shows_where_a_value_comes_from() {
    assertThat(run("config", "--port", "81")).isZero();
    assertThat(out.toString(StandardCharsets.UTF_8)).contains("server.port = 81  (--port)");
  }

  @Test
  void it_knows_its_version() {
    assertThat(run("version")).isZero();
    assertThat(out.toString(StandardCharsets.UTF_8)).startsWith("perdure ");
  }
}

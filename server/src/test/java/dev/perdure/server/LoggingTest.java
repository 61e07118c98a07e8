package dev.perdure.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import org.junit.jupiter.api.Test;

class LoggingTest {
  private final Logging.OneLine format = new Logging.OneLine();

  private static LogRecord line(Level level, String message) {
    LogRecord line = new LogRecord(level, message);
    line.setLoggerName("dev.perdure.engine.Engine");
    line.setInstant(Instant.parse("2026-01-31T12:00:00.123Z"));
    return line;
  }

  @Test
  void a_record_is_one_line_with_time_level_and_source() {
    assertThat(format.format(line(Level.INFO, "Text.")))
        .isEqualTo("2026-01-31T12:00:00.123Z INFO  Engine: Text.\n");
    assertThat(format.format(line(Level.SEVERE, "Text.")))
        .isEqualTo("2026-01-31T12:00:00.123Z ERROR Engine: Text.\n");
  }

  @Test
  void nobody_forges_a_second_line() {
    LogRecord line = line(Level.WARNING, "Path {0}");
    line.setParameters(
        new Object[] {"/a\r\n2026-01-31T12:00:00.124Z INFO  Engine: forged\u001b[2J"});
    assertThat(format.format(line)).hasLineCount(1).doesNotContain("\u001b");
  }

  @Test
  void an_exception_follows_its_record() {
    LogRecord line = line(Level.WARNING, "Text.");
    line.setThrown(new IllegalStateException("why"));
    assertThat(format.format(line))
        .startsWith("2026-01-31T12:00:00.123Z WARN  Engine: Text.\n")
        .contains("IllegalStateException: why\n\tat ");
  }
}

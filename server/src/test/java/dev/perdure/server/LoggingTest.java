package dev.perdure.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.net.UnknownHostException;
import java.sql.SQLException;
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

  @Test
  void an_outage_of_the_database_is_one_line() {
    SQLException refused = new SQLException("FATAL: shutting\ndown", "57P01");
    LogRecord line = line(Level.WARNING, "Text.");
    line.setThrown(failed(ErrorCode.DATABASE_UNAVAILABLE, refused));
    assertThat(format.format(line))
        .isEqualTo(
            "2026-01-31T12:00:00.123Z WARN  Engine: Text. (SQLException: FATAL: shutting down)\n");
    line.setThrown(refused);
    assertThat(format.format(line)).hasLineCount(1);
    line.setThrown(new SQLException("no such column", "42703"));
    assertThat(format.format(line)).contains("\tat ");
  }

  @Test
  void what_the_database_gave_as_its_reason_is_told_and_nothing_else() {
    Exception unknown = new SQLException("It failed.", new UnknownHostException("db"));
    assertThat(Logging.databaseWords(failed(ErrorCode.CONFIG, unknown)))
        .isEqualTo(" (UnknownHostException: db)");
    assertThat(
            Logging.databaseWords(failed(ErrorCode.CONFIG, new IllegalArgumentException("s3cret"))))
        .isEmpty();
  }

  private static PerdureException failed(ErrorCode code, Exception cause) {
    return new PerdureException(code, "It does not go.", cause);
  }
}

package dev.perdure.server.auth;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.Caller;
import dev.perdure.protocol.ErrorCode;
import java.text.MessageFormat;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class AuditTest {
  private final Logger logger = Logger.getLogger(Audit.class.getName());
  private final List<String> lines = new ArrayList<>();
  private final Handler handler =
      new Handler() {
        @Override
        public void publish(LogRecord record) {
          lines.add(MessageFormat.format(record.getMessage(), record.getParameters()));
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
      };

  private Instant now = Instant.ofEpochSecond(1_000);
  private final InstantSource clock = () -> now;
  private final Audit audit = new Audit(clock);

  @BeforeEach
  void listen() {
    logger.addHandler(handler);
  }

  @AfterEach
  void stop() {
    logger.removeHandler(handler);
  }

  @Test
  void a_line_names_who_asked_for_what_and_cannot_be_forged() {
    audit.refused(
        new Caller("acme", "ann"), "10.0.0.1", "GET", "/v1/turns/x\nRefused", ErrorCode.NOT_FOUND);
    audit.refused(null, "10.0.0.1", "POST", "/v1/" + "x".repeat(9000), ErrorCode.UNAUTHENTICATED);
    assertThat(lines.getFirst())
        .isEqualTo("Refused GET /v1/turns/x?Refused to acme/ann from 10.0.0.1: not_found.");
    assertThat(lines.getLast())
        .contains("to nobody known from 10.0.0.1: unauthenticated")
        .hasSizeLessThan(400);
  }

  @Test
  void a_flood_is_counted_and_not_written() {
    for (int i = 0; i < 1000; i++) {
      audit.refused(null, "10.0.0.1", "GET", "/v1/sessions", ErrorCode.UNAUTHENTICATED);
    }
    assertThat(lines).hasSize(100);
    now = now.plusSeconds(1);
    audit.refused(null, "10.0.0.1", "GET", "/v1/sessions", ErrorCode.UNAUTHENTICATED);
    assertThat(lines).hasSize(102);
    assertThat(lines.get(100)).isEqualTo("Left out 900 more refusals of one second.");
  }
}

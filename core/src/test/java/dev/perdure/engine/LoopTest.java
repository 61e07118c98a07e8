package dev.perdure.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;

class LoopTest {
  private static final int FAILURES = 20;

  private final Logger logger = Logger.getLogger(Loop.class.getName());
  private final List<LogRecord> lines = new CopyOnWriteArrayList<>();

  /** Other tests run loops too: only those of the given name count. */
  private final class Lines extends Handler {
    private final String name;

    Lines(String name) {
      this.name = name;
    }

    @Override
    public void publish(LogRecord line) {
      if (line.getParameters() != null && name.equals(line.getParameters()[0])) {
        lines.add(line);
      }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
  }

  @Test
  void a_long_row_of_failures_is_told_in_a_few_lines_and_so_is_its_end() throws Exception {
    Lines handler = new Lines("test-loop-of-failures");
    Level before = logger.getLevel();
    logger.addHandler(handler);
    logger.setLevel(Level.ALL);
    AtomicInteger runs = new AtomicInteger();
    CountDownLatch recovered = new CountDownLatch(2);
    Loop loop =
        new Loop(
            "test-loop-of-failures",
            Duration.ofMillis(1),
            () -> {
              if (runs.incrementAndGet() <= FAILURES) {
                throw new PerdureException(ErrorCode.DATABASE_UNAVAILABLE, "Away.");
              }
              recovered.countDown();
            });
    try {
      loop.start();
      // The second good run begins when what follows the first one was said.
      assertThat(recovered.await(30, TimeUnit.SECONDS)).isTrue();
    } finally {
      loop.stop();
      logger.removeHandler(handler);
      logger.setLevel(before);
    }
    assertThat(lines.stream().filter(line -> line.getLevel().equals(Level.WARNING)))
        .extracting(line -> line.getParameters()[2])
        .containsExactly(1, 2, 4, 8, 16);
    assertThat(lines.getLast().getLevel()).isEqualTo(Level.INFO);
    assertThat(lines.getLast().getParameters()[1]).isEqualTo(FAILURES);
    assertThat(lines).hasSize(6);
  }
}

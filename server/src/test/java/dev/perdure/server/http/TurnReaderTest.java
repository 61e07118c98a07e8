package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.db.Database;
import dev.perdure.db.LocalSignals;
import dev.perdure.db.Signals;
import dev.perdure.log.LogLimits;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.time.InstantSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class TurnReaderTest {
  @Test
  void a_log_that_cannot_be_read_is_not_taken_for_an_empty_one() {
    try (TurnLog log = new TurnLog(new AwayDatabase(), "node_1", LogLimits.DEFAULT)) {
      TurnReader reader = new TurnReader(log, InstantSource.system());

      assertThatThrownBy(() -> reader.read("turn_1"))
          .isInstanceOfSatisfying(
              PerdureException.class,
              e -> assertThat(e.code()).isEqualTo(ErrorCode.DATABASE_UNAVAILABLE));
    }
  }

  @Test
  void a_log_that_a_stopping_node_does_not_read_is_not_taken_for_an_empty_one() {
    try (TurnLog log = new TurnLog(new AwayDatabase(), "node_1", LogLimits.DEFAULT)) {
      TurnReader reader = new TurnReader(log, InstantSource.system());
      log.releaseFollowers();

      assertThatThrownBy(() -> reader.read("turn_1"))
          .isInstanceOfSatisfying(
              PerdureException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.DRAINING));
      assertThatThrownBy(() -> reader.readEnded("turn_1"))
          .isInstanceOfSatisfying(
              PerdureException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.DRAINING));
    }
  }

  /** A database that cannot be reached. */
  private static final class AwayDatabase implements Database {
    private final Signals signals = new LocalSignals();

    @Override
    public <T extends @Nullable Object> T write(Work<T> work) {
      throw new PerdureException(ErrorCode.DATABASE_UNAVAILABLE, "The database is away.");
    }

    @Override
    public <T extends @Nullable Object> T read(Work<T> work) {
      throw new PerdureException(ErrorCode.DATABASE_UNAVAILABLE, "The database is away.");
    }

    @Override
    public Signals signals() {
      return signals;
    }

    @Override
    public boolean shared() {
      return true;
    }

    @Override
    public void close() {}
  }
}

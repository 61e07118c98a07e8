package dev.perdure.log;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;

/**
 * The same on PostgreSQL, where transactions of two nodes overlap: in fewer tries, because each
 * takes longer.
 */
class PostgresLogPropertyTest {
  private static final Database DATABASE = ReadyDatabases.postgres();

  @AfterContainer
  static void close() {
    DATABASE.close();
  }

  @Property(tries = 20, shrinking = ShrinkingMode.BOUNDED)
  void whatever_happens_the_log_is_dense_whole_and_the_same_for_everybody(
      @ForAll("moves") List<Integer> moves) throws Exception {
    try (LogMachine machine = new LogMachine(DATABASE)) {
      for (int move : moves) {
        machine.move(move);
      }
      machine.finish();
      assertThat(machine.turnsInMemory()).isZero();
    }
  }

  @Property(tries = 10, shrinking = ShrinkingMode.BOUNDED)
  void followers_by_any_schedule_see_the_same_bytes(
      @ForAll @Size(max = 100) List<@IntRange(max = 60) Integer> writes,
      @ForAll @Size(min = 1, max = 6) List<Long> seeds,
      @ForAll @IntRange(min = 1, max = 3_000) int tailBytes,
      @ForAll @IntRange(min = 1, max = 3_000) int readBytes)
      throws Exception {
    FollowerSchedules.run(DATABASE, new LogLimits(tailBytes, 2_000, readBytes), writes, seeds);
  }

  @Provide
  Arbitrary<List<Integer>> moves() {
    return Arbitraries.integers().between(0, 99_999).list().ofMaxSize(60);
  }
}

package dev.perdure.log;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;

/** The log on the embedded database, under any interleaving of what may happen to it. */
class SqliteLogPropertyTest {
  private static final Path DIRECTORY = directory();
  private static final Database DATABASE = ReadyDatabases.sqlite(DIRECTORY);

  private static Path directory() {
    try {
      return Files.createTempDirectory("perdure-log-");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @AfterContainer
  static void close() throws IOException {
    DATABASE.close();
    try (Stream<Path> files = Files.walk(DIRECTORY)) {
      files.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(java.io.File::delete);
    }
  }

  @Property(tries = 60)
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

  @Property(tries = 30)
  void followers_by_any_schedule_see_the_same_bytes(
      @ForAll @Size(max = 150) List<@IntRange(max = 60) Integer> writes,
      @ForAll @Size(min = 1, max = 8) List<Long> seeds,
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

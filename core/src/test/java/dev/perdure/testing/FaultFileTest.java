package dev.perdure.testing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.testing.FaultPoints.Point;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FaultFileTest {
  private static final InstantSource RIGHT = InstantSource.fixed(Instant.ofEpochMilli(1_000_000));

  @TempDir Path dir;
  private FaultFile faults = new FaultFile(Path.of("unset"));

  @BeforeEach
  void open() {
    faults = new FaultFile(dir.resolve("faults"));
  }

  @Test
  void a_file_that_is_not_there_is_no_fault() {
    assertThat(faults.clock(RIGHT).millis()).isEqualTo(1_000_000);
    faults.at(Point.APPENDING);
  }

  @Test
  void the_clock_follows_the_file() throws IOException {
    InstantSource clock = faults.clock(RIGHT);
    write("clock=-400000");
    await(clock, 600_000);
    write("clock=5");
    await(clock, 1_000_005);
    write("");
    await(clock, 1_000_000);
  }

  @Test
  void a_commit_is_held_open() throws IOException {
    write("commit=30");
    long began = System.nanoTime();
    faults.at(Point.APPENDING);
    assertThat(Duration.ofNanos(System.nanoTime() - began)).isGreaterThan(Duration.ofMillis(29));
  }

  private void write(String text) throws IOException {
    Files.writeString(dir.resolve("faults"), text);
  }

  private static void await(InstantSource clock, long millis) {
    long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (clock.millis() != millis && System.nanoTime() < deadline) {
      Thread.onSpinWait();
    }
    assertThat(clock.millis()).isEqualTo(millis);
  }
}

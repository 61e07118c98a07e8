package dev.perdure.it.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.CleanupMode;
import org.junit.jupiter.api.io.TempDir;

/**
 * Some seconds of chaos on each database, with the whole nemesis. The command makes longer runs:
 * {@code ./perdure chaos --minutes 10}. What a failure shows stays in its directory.
 */
class ChaosTest {
  @TempDir(cleanup = CleanupMode.ON_SUCCESS)
  Path dir;

  @Test
  void three_nodes_on_one_postgresql_keep_their_promises() throws Exception {
    run("postgres", "3");
  }

  @Test
  void one_node_on_sqlite_keeps_its_promises() throws Exception {
    run("sqlite", "1");
  }

  private void run(String database, String nodes) throws Exception {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    int code;
    try (PrintStream printed = new PrintStream(out, true, StandardCharsets.UTF_8)) {
      code =
          Chaos.run(
              List.of(
                  "--db",
                  database,
                  "--nodes",
                  nodes,
                  "--minutes",
                  "0.2",
                  "--sessions",
                  "20",
                  "--dir",
                  dir.resolve("run").toString()),
              printed);
    }
    String printed = out.toString(StandardCharsets.UTF_8);
    Path violations = dir.resolve("run").resolve("violations.txt");
    assertThat(code)
        .as(
            "%s%n%s",
            printed, Files.exists(violations) ? Files.readString(violations) : "no violations")
        .isZero();
  }
}

package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** {@code docs/scenarios.md} names tests; they are there. */
class ScenariosTest {
  private static final int ROWS = 25;
  private static final Pattern NAME = Pattern.compile("`([A-Z]\\w+)(?:#(\\w+))?`");
  private static final List<String> MODULES = List.of("core", "server", "it", "bench");

  @Test
  void every_row_names_tests_and_every_named_test_exists() throws IOException {
    Path root = root();
    List<String> lines = Files.readAllLines(root.resolve("docs/scenarios.md"));
    List<String> missing = new ArrayList<>();
    int row = 0;
    for (String line : lines) {
      Matcher name = NAME.matcher(line);
      boolean any = false;
      while (name.find()) {
        any = true;
        if (!exists(root, name.group(1), name.group(2))) {
          missing.add(name.group());
        }
      }
      if (line.startsWith("| " + (row + 1) + " |")) {
        row++;
        assertThat(any || line.contains("| comes with ")).as("a test in: %s", line).isTrue();
      }
    }
    assertThat(row).isEqualTo(ROWS);
    assertThat(missing).isEmpty();
  }

  private static boolean exists(Path root, String type, String method) throws IOException {
    for (String module : MODULES) {
      Path sources = root.resolve(module).resolve("src/test/java");
      try (Stream<Path> files = Files.walk(sources)) {
        for (Path file : files.filter(f -> f.endsWith(type + ".java")).toList()) {
          return method == null || Files.readString(file).contains(" void " + method + "(");
        }
      }
    }
    return false;
  }

  /** The tests run in the directory of their module. */
  private static Path root() {
    return Files.isDirectory(Path.of("docs")) ? Path.of("") : Path.of("..");
  }
}

package dev.perdure.it.chaos;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.it.check.Rule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The planted bugs still fit the sources; that they are found, {@code it/mutants/run} shows. */
class MutantsTest {
  private static final Path HOME = Path.of("..");

  @TempDir Path dir;

  static Stream<Patch> patches() throws IOException {
    return Mutants.all(HOME).stream();
  }

  @ParameterizedTest
  @MethodSource("patches")
  void a_planted_bug_applies_and_names_the_rule_that_finds_it(Patch patch) {
    patch.apply(HOME, dir);
    assertThat(patch.files()).allSatisfy(file -> assertThat(dir.resolve(file)).isRegularFile());
    assertThat(patch.head("Bug")).isNotBlank();
    if (!patch.head("Run").startsWith("test ")) {
      assertThat(ChaosOptions.parse(List.of(patch.head("Run").split(" ", -1)), 1)).isNotNull();
      assertThat(Rule.values()).extracting(Rule::name).contains(patch.head("Finds").split(" ", -1));
    }
  }

  @Test
  void every_invariant_has_a_planted_bug() throws IOException {
    List<String> numbers = IntStream.rangeClosed(1, 10).mapToObj(Integer::toString).toList();
    assertThat(patches().map(patch -> patch.head("Invariant"))).containsAll(numbers);
    assertThat(Files.readString(HOME.resolve("ARCHITECTURE.md")))
        .contains("\n" + numbers.getLast() + ". ")
        .doesNotContain("\n11. ");
  }

  @Test
  void a_patch_whose_lines_are_not_there_is_refused() throws IOException {
    Path file = Files.writeString(dir.resolve("Some.java"), "one\ntwo\nthree\n");
    Path patch =
        Files.writeString(
            dir.resolve("bad.patch"),
            """
            Invariant: 1

            --- a/Some.java
            +++ b/Some.java
            @@ -1,3 +1,3 @@
             one
            -zwei
            +2
             three
            """);
    assertThatThrownBy(() -> Patch.read(patch).apply(dir, dir.resolve("out")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("zwei");
    assertThat(file).content().isEqualTo("one\ntwo\nthree\n");
  }

  @Test
  void a_patch_is_applied_where_its_lines_have_moved_to() throws IOException {
    Files.writeString(dir.resolve("Some.java"), "zero\nzero\none\ntwo\nthree\n");
    Path patch =
        Files.writeString(
            dir.resolve("good.patch"),
            "--- a/Some.java\n+++ b/Some.java\n@@ -1,3 +1,2 @@\n one\n-two\n three\n");
    Patch.read(patch).apply(dir, dir.resolve("out"));
    assertThat(dir.resolve("out").resolve("Some.java"))
        .content()
        .isEqualTo("zero\nzero\none\nthree\n");
  }
}

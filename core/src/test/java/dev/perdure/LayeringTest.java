package dev.perdure;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * Think before you change this. The arrows are those of ARCHITECTURE.md: each package with the
 * packages of core that it may use. A new arrow needs a reason that is worth a paragraph there.
 */
class LayeringTest {
  private static final Map<String, List<String>> ARROWS =
      Map.ofEntries(
          entry("protocol"),
          entry("tool", "protocol", "provider"),
          entry("db", "protocol", "testing"),
          entry("log", "protocol", "db", "testing"),
          entry("chat", "protocol", "db", "log", "testing"),
          entry("schedule", "protocol", "db", "log", "chat"),
          entry("file", "protocol", "db", "chat"),
          entry("provider", "protocol"),
          entry("embedding", "protocol", "provider"),
          entry("retrieval", "protocol", "db", "chat", "provider", "embedding"),
          entry("context", "protocol", "db", "chat", "file", "provider", "retrieval"),
          entry(
              "engine",
              "protocol",
              "db",
              "log",
              "chat",
              "schedule",
              "provider",
              "context",
              "tool",
              "testing"),
          entry("note", "protocol", "db", "tool"),
          entry("testing"));

  private static Map.Entry<String, List<String>> entry(String from, String... to) {
    return Map.entry(from, List.of(to));
  }

  private static final JavaClasses CORE =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("dev.perdure");

  @Test
  void every_package_uses_only_what_its_arrows_allow() {
    for (Map.Entry<String, List<String>> entry : ARROWS.entrySet()) {
      String from = entry.getKey();
      noClasses()
          .that(describe("reside in " + from, c -> packageOf(c).equals(from)))
          .should()
          .dependOnClassesThat(
              describe(
                  "reside outside the arrows of " + from + " " + entry.getValue(),
                  c ->
                      !packageOf(c).isEmpty()
                          && !packageOf(c).equals(from)
                          && !entry.getValue().contains(packageOf(c))))
          .allowEmptyShould(true)
          .check(CORE);
    }
  }

  @Test
  void every_package_is_on_the_map() {
    for (JavaClass c : CORE) {
      if (!packageOf(c).isEmpty() && !ARROWS.containsKey(packageOf(c))) {
        throw new AssertionError(
            c.getName() + " is in a package without arrows: add it to the map");
      }
    }
  }

  @Test
  void no_package_cycles() {
    slices().matching("dev.perdure.(**)").should().beFreeOfCycles().check(CORE);
  }

  /** The first segment below dev.perdure, empty for classes of others. */
  private static String packageOf(JavaClass c) {
    String prefix = "dev.perdure.";
    String name = c.getPackageName();
    if (!name.startsWith(prefix)) {
      return "";
    }
    String rest = name.substring(prefix.length());
    int dot = rest.indexOf('.');
    return dot < 0 ? rest : rest.substring(0, dot);
  }
}

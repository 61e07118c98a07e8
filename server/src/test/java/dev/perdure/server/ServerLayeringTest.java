package dev.perdure.server;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * Think before you change this. What the packages of the server may use of each other and of core.
 * The doors do not know the engine, so that a request can reach a running generation only through
 * the turn's row; the terminal client knows the wire and nothing else. {@code dev.perdure.server}
 * itself, where {@code Main} wires everything, may use all.
 */
class ServerLayeringTest {
  private static final Map<String, List<String>> ARROWS =
      Map.of(
          "server.http",
              List.of(
                  "server.auth",
                  "chat",
                  "context",
                  "db",
                  "file",
                  "log",
                  "protocol",
                  "provider",
                  "retrieval",
                  "schedule",
                  "file",
                  "tool"),
          "server.aisdk", List.of("server.http", "chat", "protocol"),
          "server.openai", List.of("server.http", "chat", "protocol"),
          "server.durablestreams", List.of("server.http", "server.aisdk", "chat", "protocol"),
          "server.auth", List.of("chat", "protocol"),
          "server.config", List.of("protocol"),
          "terminal", List.of("protocol"));

  private static final JavaClasses SERVER =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_JARS)
          .withImportOption(location -> !location.contains("/core/"))
          .importPackages("dev.perdure.server", "dev.perdure.terminal");

  @Test
  void every_package_uses_only_what_its_arrows_allow() {
    ARROWS.forEach((from, allowed) ->
        noClasses()
            .that(describe("reside in " + from, c -> segment(c).equals(from)))
            .should()
            .dependOnClassesThat(
                describe(
                    "reside outside the arrows of " + from + " " + allowed,
                    c ->
                        !segment(c).isEmpty()
                            && !segment(c).equals(from)
                            && !allowed.contains(segment(c))))
            .check(SERVER));
  }

  @Test
  void every_package_is_on_the_map() {
    for (JavaClass c : SERVER) {
      if (!segment(c).equals("server") && !ARROWS.containsKey(segment(c))) {
        throw new AssertionError(
            c.getName() + " is in a package without arrows: add it to the map");
      }
    }
  }

  @Test
  void no_package_cycles() {
    slices().matching("dev.perdure.(**)").should().beFreeOfCycles().check(SERVER);
  }

  @Test
  void time_comes_in_through_constructors() {
    noClasses()
        .that()
        .resideOutsideOfPackage("dev.perdure.server")
        .should()
        .callMethod(Instant.class, "now")
        .orShould()
        .callMethod(System.class, "currentTimeMillis")
        .check(SERVER);
  }

  /** The first two segments below dev.perdure within the server, else the first; or empty. */
  private static String segment(JavaClass c) {
    String prefix = "dev.perdure.";
    String name = c.getPackageName();
    if (!name.startsWith(prefix)) {
      return "";
    }
    String[] segments = name.substring(prefix.length()).split("\\.", -1);
    return segments[0].equals("server") && segments.length > 1
        ? segments[0] + "." + segments[1]
        : segments[0];
  }
}

package dev.perdure.server;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.Test;

/**
 * Think before you change this. The arrows of the server's packages; those of core have a test
 * there. Only what wires, directly in {@code dev.perdure.server}, may know everything.
 */
class LayeringTest {
  private static final JavaClasses SERVER =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("dev.perdure");

  @Test
  void the_doors_never_know_the_engine() {
    noClasses()
        .that()
        .resideInAPackage("dev.perdure.server.http..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "dev.perdure.engine..", "dev.perdure.context..", "dev.perdure.server.config..")
        .check(SERVER);
  }

  @Test
  void who_is_calling_is_found_out_without_the_doors_and_the_data() {
    noClasses()
        .that()
        .resideInAPackage("dev.perdure.server.auth..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "dev.perdure.server.http..",
            "dev.perdure.server.config..",
            "dev.perdure.db..",
            "dev.perdure.log..",
            "dev.perdure.engine..",
            "dev.perdure.provider..")
        .check(SERVER);
  }

  @Test
  void settings_know_nothing_of_what_they_set() {
    noClasses()
        .that()
        .resideInAPackage("dev.perdure.server.config..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "dev.perdure.server.http..",
            "dev.perdure.server.auth..",
            "dev.perdure.db..",
            "dev.perdure.log..",
            "dev.perdure.chat..",
            "dev.perdure.engine..",
            "dev.perdure.context..",
            "dev.perdure.provider..")
        .check(SERVER);
  }

  @Test
  void the_terminal_knows_the_server_by_http_only() {
    classes()
        .that()
        .resideInAPackage("dev.perdure.terminal..")
        .should()
        .onlyDependOnClassesThat()
        .resideOutsideOfPackages(
            "dev.perdure.server..",
            "dev.perdure.db..",
            "dev.perdure.log..",
            "dev.perdure.chat..",
            "dev.perdure.engine..",
            "dev.perdure.provider..")
        .check(SERVER);
  }

  @Test
  void no_package_cycles() {
    slices().matching("dev.perdure.server.(*)..").should().beFreeOfCycles().check(SERVER);
  }
}

package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The programs of {@code examples/}, run as their pages say, with the packages that the tests have
 * anyway. The page with {@code useChat} is driven by {@code it/js/browser.mjs}.
 */
class ExamplesTest {
  private static final Path EXAMPLES = Path.of("../examples").toAbsolutePath().normalize();
  private static final Path PACKAGES = Path.of("js/node_modules").toAbsolutePath();
  private static final long PATIENCE_SECONDS = 120;

  @TempDir Path data;
  @TempDir Path directory;
  private FakeProvider fake;
  private Server server;

  @BeforeEach
  void start() {
    fake = FakeProvider.start();
    server = Server.setup().providers(fake).start(data);
  }

  @AfterEach
  void stop() {
    server.close();
    fake.close();
  }

  @Test
  void the_node_program_leaves_and_resumes() throws Exception {
    Path example = EXAMPLES.resolve("openai-node");
    String pinned =
        Api.read(Files.readString(Path.of("js/package.json")))
            .at("/dependencies/openai")
            .textValue();
    assertThat(
            Api.read(Files.readString(example.resolve("package.json")))
                .at("/dependencies/openai")
                .textValue())
        .isEqualTo(pinned);
    Files.copy(example.resolve("main.mjs"), directory.resolve("main.mjs"));
    Files.createSymbolicLink(directory.resolve("node_modules"), PACKAGES);
    assertLeavesAndResumes(run(directory, "node", "main.mjs", "/pace 5ms\n/long 60"));
  }

  @Test
  void the_java_program_leaves_and_resumes() throws Exception {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    String path =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    assertLeavesAndResumes(
        run(
            EXAMPLES.resolve("openai-java"),
            java,
            "-cp",
            path,
            "Main.java",
            "/pace 5ms\n/long 60"));
  }

  private static void assertLeavesAndResumes(String said) {
    assertThat(said).containsPattern("\\[left at event \\d+ of resp_[0-9a-z]{26}]");
    assertThat(said).contains("[completed");
  }

  private String run(Path where, String... command) throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(command).directory(where.toFile()).redirectErrorStream(true);
    builder.environment().put("PERDURE_URL", server.url());
    builder.environment().put("PERDURE_MODEL", "openai/fake");
    Process process = builder.start();
    Reaper.watch(process.pid());
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).as(said).isTrue();
    Reaper.forget(process.pid());
    assertThat(process.exitValue()).as(said).isZero();
    return said;
  }
}

package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;

/**
 * The chat in a real Chromium against real servers: {@code web/test/run.mjs} starts both, and each
 * of its cases is a test. Every one of them ends with the text that the server has, and with no
 * error in the console of any page that it has opened.
 */
class BrowserTest {
  private static final Path WEB = Path.of("..", "web").toAbsolutePath().normalize();

  /** Never a measure of anything: only how long a broken script may hang. */
  private static final long AT_MOST_MINUTES = 8;

  /** Raised with each new case, so that none can be lost unnoticed. */
  private static final int KNOWN_CASES = 30;

  @TestFactory
  @Timeout(value = AT_MOST_MINUTES, unit = TimeUnit.MINUTES)
  Stream<DynamicTest> the_chat_in_a_browser() throws IOException, InterruptedException {
    if (!Files.exists(WEB.resolve("dist/index.html"))) {
      throw new AssertionError(
          "web/dist is missing. Run these tests with './perdure test --module it', which builds the"
              + " page and finds a Chromium.");
    }
    String jar = System.getProperty("perdure.jar", "../server/target/perdure.jar");
    ProcessBuilder builder =
        new ProcessBuilder("node", "test/run.mjs")
            .directory(WEB.toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    builder.environment().put("SERVER_CLASSPATH", Path.of(jar).toAbsolutePath().toString());
    Process process = builder.start();
    Reaper.watch(process.pid());
    List<DynamicTest> cases = new ArrayList<>();
    int announced = 0;
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      String line;
      while ((line = lines.readLine()) != null) {
        JsonNode said = Api.read(line);
        if (said.has("case")) {
          cases.add(test(said));
        } else {
          announced = said.required("cases").intValue();
        }
      }
    }
    cases.add(all(cases.size(), announced));
    boolean ended = process.waitFor(AT_MOST_MINUTES, TimeUnit.MINUTES);
    if (!ended || process.exitValue() != 0) {
      cases.add(
          DynamicTest.dynamicTest(
              "run.mjs",
              () -> {
                throw new AssertionError("web/test/run.mjs did not come to its end");
              }));
    }
    Reaper.forget(process.pid());
    return cases.stream();
  }

  private static DynamicTest all(int came, int announced) {
    return DynamicTest.dynamicTest(
        "all_cases_were_run",
        () -> {
          assertThat(came).isEqualTo(announced);
          assertThat(came).isGreaterThanOrEqualTo(KNOWN_CASES);
        });
  }

  private static DynamicTest test(JsonNode said) {
    return DynamicTest.dynamicTest(
        said.required("case").textValue(),
        () -> {
          if (said.hasNonNull("error")) {
            throw new AssertionError(said.path("error").textValue());
          }
        });
  }
}

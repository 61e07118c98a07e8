package dev.perdure.it;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;

/**
 * A script of {@code it/js} as a process of its own, which drives the published clients of other
 * protocols: one process for all of its cases. The wire between the two is told in {@code
 * harness.mjs}.
 */
final class NodeScript {
  private static final Path DIRECTORY = Path.of("js").toAbsolutePath();

  /** Never a measure of anything: only how long a broken script may hang. */
  private static final long AT_MOST_MINUTES = 8;

  private NodeScript() {}

  /**
   * Runs a script to its end; each of its cases becomes a test.
   *
   * @param url the server's address
   * @param acts does to the server what the script asks for, and returns its address then
   */
  static Stream<DynamicTest> run(String script, String url, UnaryOperator<String> acts) {
    if (!Files.exists(DIRECTORY.resolve("node_modules"))) {
      throw new AssertionError(
          "it/js/node_modules is missing. Run these tests with './perdure test --module it', or"
              + " 'npm ci' in it/js before.");
    }
    List<DynamicTest> cases = new ArrayList<>();
    try {
      Process process =
          new ProcessBuilder("node", script, url)
              .directory(DIRECTORY.toFile())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      Reaper.watch(process.pid());
      try (OutputStream answers = process.getOutputStream();
          BufferedReader lines =
              new BufferedReader(
                  new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
        String line;
        while ((line = lines.readLine()) != null) {
          JsonNode said = Api.read(line);
          if (said.has("do")) {
            String answer = acts.apply(said.path("do").textValue()) + "\n";
            answers.write(answer.getBytes(StandardCharsets.UTF_8));
            answers.flush();
          } else {
            cases.add(test(said));
          }
        }
      }
      if (!process.waitFor(AT_MOST_MINUTES, TimeUnit.MINUTES) || process.exitValue() != 0) {
        cases.add(
            DynamicTest.dynamicTest(
                script,
                () -> {
                  throw new AssertionError(script + " did not come to its end");
                }));
      }
      Reaper.forget(process.pid());
    } catch (IOException e) {
      throw new AssertionError("Cannot run node, which must be 20 or newer", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
    return cases.stream();
  }

  private static DynamicTest test(JsonNode said) {
    return DynamicTest.dynamicTest(
        said.required("case").textValue(),
        () -> {
          Assumptions.assumeFalse(said.hasNonNull("skipped"), said.path("skipped").asText());
          if (said.hasNonNull("error")) {
            throw new AssertionError(said.path("error").textValue());
          }
        });
  }
}

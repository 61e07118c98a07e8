package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * The table of what is shown with which published client, {@code docs/doors/proof.md}: it has every
 * case for every client, the versions are those that the tests run with, and each test that it
 * names is there. That they pass is for those tests to say.
 */
class DoorProofTest {
  private static final Path PAGE = Path.of("../docs/doors/proof.md");
  private static final Path PACKAGES = Path.of("js/package.json");
  private static final Path POM = Path.of("../pom.xml");

  private static final List<String> CLIENTS =
      List.of(
          "openai",
          "openai-java",
          "ai",
          "@ai-sdk/react",
          "@durable-streams/aisdk-transport",
          "@durable-streams/client",
          "eventsource");

  private static final List<String> CASES =
      List.of(
          "send",
          "live stream",
          "cut at every event and resumed",
          "reload",
          "finished while away",
          "the same message posted twice",
          "stop from another client",
          "retry after partial output",
          "`kill -9` and restart in mid-reply",
          "drain in mid-reply");

  /** Several clients may go through the same tests. */
  private static final Pattern HEADING = Pattern.compile("(?:##|,) `([^`]+)` ([^\\s,]+)");

  private static final Pattern SOURCE = Pattern.compile("`(it/[^`]+)`");
  private static final Pattern ROW = Pattern.compile("\\| ([^|]+) \\| ([^|]+) \\|");

  /**
   * What the page says of one client.
   *
   * @param sources where its tests are, from the root of the repository
   * @param cases the names of tests by case
   */
  private record Section(String version, List<String> sources, Map<String, List<String>> cases) {}

  private static Map<String, Section> sections() throws IOException {
    Map<String, Section> sections = new LinkedHashMap<>();
    for (String text : Files.readString(PAGE).split("(?m)^(?=## )", -1)) {
      if (!text.startsWith("## ")) {
        continue;
      }
      List<String> sources = SOURCE.matcher(text).results().map(match -> match.group(1)).toList();
      Map<String, List<String>> cases = new LinkedHashMap<>();
      ROW.matcher(text)
          .results()
          .filter(row -> !row.group(1).equals("case"))
          .forEach(row -> cases.put(row.group(1), List.of(row.group(2).split("<br>", -1))));
      HEADING
          .matcher(text.lines().findFirst().orElseThrow())
          .results()
          .forEach(client ->
              sections.put(client.group(1), new Section(client.group(2), sources, cases)));
    }
    return sections;
  }

  @Test
  void every_client_has_every_case() throws IOException {
    Map<String, Section> sections = sections();
    assertThat(sections.keySet()).containsExactlyElementsOf(CLIENTS);
    sections.forEach((client, section) ->
        assertThat(section.cases.keySet()).as(client).containsExactlyElementsOf(CASES));
  }

  @Test
  void the_versions_are_those_of_the_tests() throws IOException {
    Matcher java = Pattern.compile("<openai-java.version>([^<]+)<").matcher(Files.readString(POM));
    assertThat(java.find()).isTrue();
    sections()
        .forEach((client, section) ->
            assertThat(section.version)
                .as(client)
                .isEqualTo(client.equals("openai-java") ? java.group(1) : pinned(client)));
  }

  private static String pinned(String client) {
    try {
      return Api.read(Files.readString(PACKAGES)).path("dependencies").path(client).asText();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** A case that a client cannot come into says so behind a dash. */
  @Test
  void each_test_that_is_named_is_there() throws IOException {
    for (Map.Entry<String, Section> each : sections().entrySet()) {
      Section section = each.getValue();
      List<String> texts = new ArrayList<>();
      for (String source : section.sources) {
        texts.add(Files.readString(Path.of("..").resolve(source)));
      }
      assertThat(texts).as(each.getKey()).isNotEmpty();
      section.cases.forEach((name, tests) -> {
        for (String test : tests) {
          if (!test.startsWith("– ")) {
            assertThat(texts.stream().anyMatch(text -> has(text, test)))
                .as("%s, %s: there is a test '%s'", each.getKey(), name, test)
                .isTrue();
          }
        }
      });
    }
  }

  /** Whether a source has a test of this name, in the way of its language. */
  private static boolean has(String source, String test) {
    return source.contains("test('" + test + "'")
        || source.contains("forEach(CLIENTS, '" + test + "'")
        || source.contains("forEach(pages, '" + test + "'")
        || source.contains("name: '" + test + "'")
        || source.contains("void " + test.replaceAll("[ -]", "_") + "(");
  }
}

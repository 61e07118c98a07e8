package dev.perdure.it.check;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The checker reads the protocol as its transcripts do: none breaks its grammar, and the text that
 * it makes of each log is the one that the transcript says.
 */
class TranscriptRulesTest {
  static Stream<Path> transcripts() throws IOException {
    try (Stream<Path> files = Files.list(Path.of("..", "protocol", "transcripts"))) {
      return files.filter(file -> file.toString().endsWith(".jsonl")).sorted().toList().stream();
    }
  }

  @ParameterizedTest
  @MethodSource("transcripts")
  void a_transcript_keeps_the_rules(Path file) throws IOException {
    List<String> lines = Files.readAllLines(file).stream().filter(l -> !l.isBlank()).toList();
    JsonNode outcome = ReplyFold.json(lines.getLast());
    ReplyFold fold = new ReplyFold();
    lines.subList(1, lines.size() - 1).forEach(fold::apply);
    // Readers pass over types of events that they do not know.
    assertThat(fold.problems()).allMatch(problem -> problem.startsWith("an unknown type"));
    assertThat(fold.end()).isEqualTo(outcome.path("state").asText());
    for (int lane = 0; lane < outcome.path("lanes").size(); lane++) {
      JsonNode expected = outcome.path("lanes").get(lane);
      ReplyFold.Lane found = fold.lanes().getOrDefault(lane, new ReplyFold.Lane());
      assertThat(found.state).isEqualTo(expected.path("state").asText());
      assertThat(found.text()).isEqualTo(expected.path("text").asText());
    }
  }
}

package dev.perdure.server.openai;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.protocol.Json;
import dev.perdure.server.http.Transcripts;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class OpenAiStreamTest {
  private static final Pattern NUMBER = Pattern.compile("\"sequence_number\":(\\d+)");

  private static ResponseNote note() {
    return new ResponseNote(true, null, Json.MAPPER.createObjectNode(), null, null, 1, 1);
  }

  @ParameterizedTest
  @MethodSource("dev.perdure.server.http.Transcripts#names")
  void a_log_becomes_these_events_of_a_response(String name) throws Exception {
    ResponseStream stream = new ResponseStream(note(), -1);
    String events = Transcripts.project(Transcripts.events(name), stream);
    Transcripts.assertGolden("responses", name, events + Json.text(stream.response()) + "\n");
  }

  @ParameterizedTest
  @MethodSource("dev.perdure.server.http.Transcripts#names")
  void numbers_are_dense_and_a_resume_gives_what_is_behind(String name) throws Exception {
    String whole = Transcripts.project(Transcripts.events(name), new ResponseStream(note(), -1));
    List<Long> numbers =
        NUMBER.matcher(whole).results().map(match -> Long.valueOf(match.group(1))).toList();
    for (int i = 0; i < numbers.size(); i++) {
      assertThat(numbers.get(i)).isEqualTo(i);
      String rest = Transcripts.project(Transcripts.events(name), new ResponseStream(note(), i));
      assertThat(whole).endsWith(rest);
      assertThat(rest.split("event: ", -1)).hasSize(numbers.size() - i);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.perdure.server.http.Transcripts#names")
  void a_log_becomes_these_chunks_of_a_completion(String name) throws Exception {
    Transcripts.assertGolden(
        "completions",
        name,
        Transcripts.project(Transcripts.events(name), new CompletionStream(note(), true)));
  }
}

package dev.perdure.server.openai;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.protocol.Json;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.server.http.Transcripts;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class OpenAiStreamTest {
  private static final Pattern NUMBER = Pattern.compile("\"sequence_number\":(\\d+)");

  static ResponseNote note() {
    return new ResponseNote(
        true,
        false,
        null,
        null,
        Json.MAPPER.createObjectNode(),
        Json.MAPPER.createArrayNode(),
        false,
        null,
        false,
        null,
        null,
        1,
        1);
  }

  @ParameterizedTest
  @MethodSource("dev.perdure.server.http.Transcripts#names")
  void a_log_becomes_these_events_of_a_response(String name) throws Exception {
    List<TurnEvent> log = Transcripts.events(name);
    StringBuilder all = new StringBuilder();
    for (long from : beginnings(log)) {
      ResponseStream stream = new ResponseStream(note(), from, -1);
      all.append(Transcripts.project(log, stream));
      all.append(Json.text(stream.response())).append('\n');
    }
    Transcripts.assertGolden("responses", name, all.toString());
  }

  @ParameterizedTest
  @MethodSource("dev.perdure.server.http.Transcripts#names")
  void numbers_are_dense_and_a_resume_gives_what_is_behind(String name) throws Exception {
    for (long from : beginnings(Transcripts.events(name))) {
      assertDense(name, from);
    }
  }

  private static void assertDense(String name, long from) throws Exception {
    String whole =
        Transcripts.project(Transcripts.events(name), new ResponseStream(note(), from, -1));
    List<Long> numbers =
        NUMBER.matcher(whole).results().map(match -> Long.valueOf(match.group(1))).toList();
    for (int i = 0; i < numbers.size(); i++) {
      assertThat(numbers.get(i)).isEqualTo(i);
      String rest =
          Transcripts.project(Transcripts.events(name), new ResponseStream(note(), from, i));
      assertThat(whole).endsWith(rest);
      assertThat(rest.split("event: ", -1)).hasSize(numbers.size() - i);
    }
  }

  @ParameterizedTest
  @MethodSource("dev.perdure.server.http.Transcripts#names")
  void a_log_becomes_these_chunks_of_a_completion(String name) throws Exception {
    List<TurnEvent> log = Transcripts.events(name);
    StringBuilder all = new StringBuilder();
    for (long from : beginnings(log)) {
      all.append(Transcripts.project(log, new CompletionStream(note(), from, true)));
    }
    Transcripts.assertGolden("completions", name, all.toString());
  }

  private static List<Long> beginnings(List<TurnEvent> log) {
    List<Long> all = new ArrayList<>(List.of(-1L));
    all.addAll(Transcripts.waits(log));
    return all;
  }
}

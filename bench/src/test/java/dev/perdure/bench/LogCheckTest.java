package dev.perdure.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class LogCheckTest {
  private static final String STAMP = "~1790000000000000~";
  private static final long NOW = 1_790_000_000_002_000L;
  private static final String WHOLE =
      frame("{\"seq\":0,\"type\":\"turn.accepted\",\"turn\":\"t\"}")
          + frame("{\"seq\":1,\"type\":\"attempt.started\",\"lane\":0,\"step\":0,\"attempt\":1}")
          + frame(delta(2, STAMP + "One "))
          + ":\n\n"
          + frame(delta(3, STAMP + "\\\"two\\\" " + STAMP + "~ü"))
          + frame("{\"seq\":4,\"type\":\"turn.ended\",\"state\":\"completed\",\"digest\":\"0\"}");

  private final Tally tally = new Tally();
  private int firstChunks;
  private final LogCheck check = new LogCheck(tally, () -> firstChunks++);

  private static String frame(String line) {
    return "id: 0\ndata: " + line + "\n\n";
  }

  private static String delta(long seq, String text) {
    return "{\"seq\":"
        + seq
        + ",\"type\":\"part.delta\",\"lane\":0,\"attempt\":1,\"part\":0,\"text\":\""
        + text
        + "\"}";
  }

  private void feed(String stream, int pieceBytes) {
    byte[] bytes = stream.getBytes(StandardCharsets.UTF_8);
    EventLines lines = new EventLines(check);
    for (int from = 0; from < bytes.length; from += pieceBytes) {
      lines.feed(bytes, from, Math.min(bytes.length, from + pieceBytes), NOW);
    }
  }

  @Test
  void a_whole_stream_is_read_the_same_however_it_is_cut() {
    for (int piece = 1; piece <= WHOLE.length(); piece++) {
      LogCheckTest test = new LogCheckTest();
      test.feed(WHOLE, piece);

      assertThat(test.check.chunks()).as("pieces of %d bytes", piece).isEqualTo(3);
      assertThat(test.check.escapedText())
          .isEqualTo(STAMP + "One " + STAMP + "\\\"two\\\" " + STAMP + "~ü");
      assertThat(test.check.completed()).isTrue();
      assertThat(test.tally.gaps + test.tally.duplicates).isZero();
      assertThat(test.tally.added.count()).isEqualTo(3);
      assertThat(test.tally.added.maxMillis()).isEqualTo(2);
      assertThat(test.firstChunks).isEqualTo(1);
    }
  }

  @Test
  void a_missing_event_is_a_gap() {
    feed(frame(delta(0, "a")) + frame(delta(3, "b")), 1000);

    assertThat(tally.gaps).isEqualTo(2);
    assertThat(tally.duplicates).isZero();
  }

  @Test
  void a_repeated_event_is_a_duplicate_and_not_counted_twice() {
    feed(frame(delta(0, STAMP)) + frame(delta(0, STAMP)), 1000);

    assertThat(tally.duplicates).isEqualTo(1);
    assertThat(check.chunks()).isEqualTo(1);
    assertThat(check.escapedText()).isEqualTo(STAMP);
  }

  @Test
  void a_later_attempt_voids_the_text_before() {
    feed(
        frame(delta(0, STAMP + "old"))
            + frame("{\"seq\":1,\"type\":\"attempt.started\",\"lane\":0,\"attempt\":2}")
            + frame(delta(2, STAMP + "new")),
        1000);

    assertThat(check.escapedText()).isEqualTo(STAMP + "new");
    assertThat(check.chunks()).isEqualTo(1);
  }

  @Test
  void a_failed_turn_has_ended_but_is_not_completed() {
    feed(frame("{\"seq\":0,\"type\":\"turn.ended\",\"state\":\"failed\",\"digest\":\"0\"}"), 1000);

    assertThat(check.ended()).isTrue();
    assertThat(check.completed()).isFalse();
  }
}

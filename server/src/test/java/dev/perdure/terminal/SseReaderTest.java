package dev.perdure.terminal;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.server.http.SseText;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class SseReaderTest {
  private static final String EVERYTHING =
      "\uFEFFid: 0\ndata: one\n\n"
          + ": a comment\r\n"
          + "event: named\r\nid: 1\r\ndata: two\r\ndata:three\r\ndata:  four\r\n\r\n"
          + "data: five\r\rid: 7\rretry: 9\rdata\r\r"
          + "id: 8\n\n"
          + "data: Grüße 世界 🌍\n\n"
          + "\n\n\r\n"
          + "data: unfinished\n";

  @Test
  void every_form_of_line_and_field_is_understood_wherever_the_input_is_cut() throws IOException {
    byte[] input = EVERYTHING.getBytes(UTF_8);
    for (int cut = 0; cut <= input.length; cut++) {
      assertThat(read(input, cut))
          .as("cut at %d", cut)
          .containsExactly(
              new SseReader.Frame("0", "one"),
              new SseReader.Frame("1", "two\nthree\n four"),
              new SseReader.Frame(null, "five"),
              new SseReader.Frame("7", ""),
              new SseReader.Frame("8", "Grüße 世界 🌍"));
    }
  }

  @Property(tries = 500)
  void any_lines_cut_anywhere_give_what_the_whole_stream_says(
      @ForAll("streams") String stream, @ForAll("places") List<Integer> places) throws IOException {
    byte[] input = stream.getBytes(UTF_8);
    int[] cuts = places.stream().mapToInt(p -> p % (input.length + 1)).sorted().toArray();
    List<String> whole =
        SseText.parse(stream.startsWith("\uFEFF") ? stream.substring(1) : stream).stream()
            .map(SseText.Frame::data)
            .toList();
    assertThat(read(input, cuts).stream().map(SseReader.Frame::data).toList()).isEqualTo(whole);
  }

  @Provide
  Arbitrary<String> streams() {
    return Arbitraries.of(
            "data: x",
            "data:y",
            "data",
            "event: e",
            ": c",
            "id: 1",
            "id",
            "\n",
            "\r",
            "\r\n",
            "\n\n",
            "\r\r",
            "é",
            "🌍",
            "\uFEFF",
            ":",
            " ")
        .list()
        .ofMaxSize(40)
        .map(pieces -> String.join("", pieces));
  }

  @Provide
  Arbitrary<List<Integer>> places() {
    return Arbitraries.integers().between(0, 10_000).list().ofMaxSize(8);
  }

  private static List<SseReader.Frame> read(byte[] input, int... cuts) throws IOException {
    SseReader reader = new SseReader(new Pieces(input, cuts));
    List<SseReader.Frame> frames = new ArrayList<>();
    for (SseReader.Frame frame = reader.next(); frame != null; frame = reader.next()) {
      frames.add(frame);
    }
    return frames;
  }

  /** Gives bytes in pieces, as a network does. */
  private static final class Pieces extends InputStream {
    private final Deque<byte[]> pieces = new ArrayDeque<>();

    Pieces(byte[] input, int... cuts) {
      int from = 0;
      for (int cut : cuts) {
        add(Arrays.copyOfRange(input, from, cut));
        from = cut;
      }
      add(Arrays.copyOfRange(input, from, input.length));
    }

    private void add(byte[] piece) {
      if (piece.length > 0) {
        pieces.add(piece);
      }
    }

    @Override
    public int read() {
      throw new UnsupportedOperationException("Nobody reads single bytes");
    }

    @Override
    public int read(byte[] to, int from, int length) {
      byte[] piece = pieces.poll();
      if (piece == null) {
        return -1;
      }
      assertThat(piece.length).isLessThanOrEqualTo(length);
      System.arraycopy(piece, 0, to, from, piece.length);
      return piece.length;
    }
  }
}

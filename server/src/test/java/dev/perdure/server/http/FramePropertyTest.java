package dev.perdure.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEventCodec;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.http.SseParser;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

/** What the server writes, read by the parser that reads providers, wherever the bytes are cut. */
class FramePropertyTest {

  /** One thing that a stream may hold. */
  sealed interface Piece {
    record Event(long seq, String text) implements Piece {
      byte[] line() {
        return TurnEventCodec.encode(seq, new PartDelta(0, 1, 0, text));
      }
    }

    record Named(String name, String id, String text) implements Piece {
      byte[] data() {
        return TurnEventCodec.encode(0, new PartDelta(0, 1, 0, text));
      }
    }

    record IdOnly(String id) implements Piece {}

    record Comment() implements Piece {}

    record Retry(long millis) implements Piece {}
  }

  @Property(tries = 150)
  void every_frame_arrives_whole_and_in_order_wherever_the_stream_is_cut(
      @ForAll("streams") List<Piece> pieces) throws Exception {
    byte[] stream = written(pieces);
    List<String> expected = expected(pieces);
    for (int cut = 0; cut <= stream.length; cut++) {
      assertThat(parsed(stream, cut)).as("cut at %d", cut).isEqualTo(expected);
    }
  }

  @Property(tries = 150)
  void a_stream_that_breaks_off_has_brought_whole_frames_only_and_the_id_to_go_on_with(
      @ForAll("streams") List<Piece> pieces) {
    byte[] stream = written(pieces);
    List<SseText.Frame> whole = SseText.parse(new String(stream, UTF_8));
    assertThat(whole.stream().map(f -> f.event() + "|" + f.data()).toList())
        .isEqualTo(expected(pieces));
    for (int cut = 0; cut <= stream.length; cut++) {
      List<SseText.Frame> seen = SseText.parse(new String(stream, 0, cut, UTF_8));
      assertThat(seen).isEqualTo(whole.subList(0, seen.size()));
    }
    int at = 0;
    for (Piece piece : pieces) {
      if (piece instanceof Piece.Event event) {
        assertThat(whole.get(at).id()).isEqualTo(Long.toString(event.seq()));
      }
      at += piece instanceof Piece.Event || piece instanceof Piece.Named ? 1 : 0;
    }
  }

  private static byte[] written(List<Piece> pieces) {
    FrameBuffer frames = new FrameBuffer();
    for (Piece piece : pieces) {
      switch (piece) {
        case Piece.Event event -> {
          byte[] line = event.line();
          frames.event(event.seq(), line, 0, line.length);
        }
        case Piece.Named named -> frames.named(named.name(), named.id(), named.data());
        case Piece.IdOnly only -> frames.idOnly(only.id());
        case Piece.Comment comment -> frames.comment();
        case Piece.Retry retry -> frames.retry(retry.millis());
      }
    }
    return Arrays.copyOf(frames.bytes(), frames.length());
  }

  private static List<String> expected(List<Piece> pieces) {
    List<String> out = new ArrayList<>();
    for (Piece piece : pieces) {
      switch (piece) {
        case Piece.Event event -> out.add("|" + new String(event.line(), UTF_8));
        case Piece.Named named -> out.add(named.name() + "|" + new String(named.data(), UTF_8));
        case Piece.IdOnly only -> {}
        case Piece.Comment comment -> {}
        case Piece.Retry retry -> {}
      }
    }
    return out;
  }

  private static List<String> parsed(byte[] stream, int cut) throws IOException, ProviderException {
    List<String> out = new ArrayList<>();
    SseParser parser =
        new SseParser((name, data, length) ->
            out.add((name == null ? "" : name) + "|" + new String(data, 0, length, UTF_8)));
    parser.feed(stream, 0, cut);
    parser.feed(stream, cut, stream.length);
    return out;
  }

  @Provide
  Arbitrary<List<Piece>> streams() {
    Arbitrary<String> texts =
        Arbitraries.oneOf(
            Arbitraries.of(
                "", "a", "\r\n\r\ndata: x", "id: 7\n", "Grüße 世界 🌍", "\ud83c", "\u2028"),
            Arbitraries.strings().ofMaxLength(12));
    Arbitrary<String> ids =
        Arbitraries.strings().withChars("abcxyz0189~_.-").ofMinLength(1).ofMaxLength(20);
    Arbitrary<Piece> pieces =
        Arbitraries.oneOf(
            Combinators.combine(Arbitraries.longs().between(0, Long.MAX_VALUE), texts)
                .as(Piece.Event::new),
            Combinators.combine(Arbitraries.of("snapshot", "expired"), ids, texts)
                .as(Piece.Named::new),
            ids.map(Piece.IdOnly::new),
            Arbitraries.of(new Piece.Comment(), new Piece.Retry(0), new Piece.Retry(1_500)));
    return pieces.list().ofMaxSize(8);
  }
}

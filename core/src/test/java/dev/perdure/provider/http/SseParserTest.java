package dev.perdure.provider.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class SseParserTest {
  private static final String EVERYTHING =
      "\uFEFFdata: one\n\n"
          + ": a comment\r\n"
          + "event: named\r\ndata: two\r\ndata:three\r\ndata:  four\r\n\r\n"
          + "data: five\r\rid: 7\rretry: 9\rdata\r\r"
          + "event: lost\n\n"
          + "data: Grüße 世界 🌍\nevent: last\n\n"
          + "unknown: field\ndata\ndata\n\n"
          + "\n\n\r\n"
          + "data: unfinished\n";

  private static final List<Event> EXPECTED =
      List.of(
          new Event(null, "one"),
          new Event("named", "two\nthree\n four"),
          new Event(null, "five"),
          new Event(null, ""),
          new Event("last", "Grüße 世界 🌍"),
          new Event(null, "\n"));

  @Test
  void every_form_of_line_and_field_is_understood() {
    assertThat(parse(bytes(EVERYTHING))).isEqualTo(EXPECTED);
  }

  @Test
  void the_input_may_be_cut_at_every_byte() {
    byte[] input = bytes(EVERYTHING);
    for (int cut = 0; cut <= input.length; cut++) {
      assertThat(parse(input, cut)).as("cut at %d", cut).isEqualTo(EXPECTED);
    }
  }

  @Test
  void the_input_may_come_byte_by_byte() {
    byte[] input = bytes(EVERYTHING);
    int[] cuts = new int[input.length];
    for (int i = 0; i < cuts.length; i++) {
      cuts[i] = i;
    }
    assertThat(parse(input, cuts)).isEqualTo(EXPECTED);
  }

  @Property(tries = 500)
  void any_lines_cut_anywhere_give_the_same_events(
      @ForAll("streams") String stream, @ForAll("places") List<Integer> places) {
    byte[] input = bytes(stream);
    int[] cuts = places.stream().mapToInt(p -> p % (input.length + 1)).sorted().toArray();
    assertThat(parse(input, cuts)).isEqualTo(parse(input));
  }

  @Property(tries = 500)
  void any_bytes_at_all_do_no_harm(@ForAll byte[] input, @ForAll("places") List<Integer> places) {
    int[] cuts = places.stream().mapToInt(p -> p % (input.length + 1)).sorted().toArray();
    assertThat(parse(input, cuts)).isEqualTo(parse(input));
  }

  @Provide
  Arbitrary<String> streams() {
    return Arbitraries.of(
            "data: x",
            "data:y",
            "data",
            "event: e",
            "event:",
            ": c",
            "id: 1",
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

  @Test
  void a_line_without_end_is_refused() {
    SseParser parser = new SseParser((name, data, length) -> {}, 1000);
    byte[] endless = bytes("data: " + "x".repeat(300));
    assertThatThrownBy(
            () -> {
              for (int i = 0; i < 10; i++) {
                parser.feed(endless, i == 0 ? 0 : 6, endless.length);
              }
            })
        .isInstanceOfSatisfying(
            ProviderException.class, e -> assertThat(e.kind()).isEqualTo(Kind.MALFORMED));
  }

  @Test
  void an_event_without_end_is_refused() {
    SseParser parser = new SseParser((name, data, length) -> {}, 1000);
    byte[] line = bytes("data: xxxxxxxxxxxxxxxxx\n");
    assertThatThrownBy(
            () -> {
              for (int i = 0; i < 100; i++) {
                parser.feed(line, 0, line.length);
              }
            })
        .isInstanceOfSatisfying(
            ProviderException.class, e -> assertThat(e.kind()).isEqualTo(Kind.MALFORMED));
  }

  @Test
  void a_large_event_arrives_whole() {
    String large = "x".repeat(1_000_000);
    assertThat(parse(bytes("data: " + large + "\n\ndata: small\n\n"), 7, 70_000, 900_000))
        .containsExactly(new Event(null, large), new Event(null, "small"));
  }

  private record Event(@org.jspecify.annotations.Nullable String name, String data) {}

  private static List<Event> parse(byte[] input, int... cuts) {
    List<Event> events = new ArrayList<>();
    SseParser parser =
        new SseParser((name, data, length) ->
            events.add(new Event(name, new String(data, 0, length, StandardCharsets.UTF_8))));
    int from = 0;
    try {
      for (int cut : cuts) {
        parser.feed(input, from, cut);
        from = cut;
      }
      parser.feed(input, from, input.length);
    } catch (IOException | ProviderException e) {
      throw new AssertionError(e);
    }
    return events;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}

package dev.perdure.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ValuesTest {
  @ParameterizedTest
  @CsvSource({"0s, 0", "500ms, 500", "15s, 15000", "2m, 120000", "24h, 86400000", "7d, 604800000"})
  void durations_have_a_unit(String text, long millis) {
    assertThat(Values.parse(Duration.class, text)).isEqualTo(Duration.ofMillis(millis));
  }

  @ParameterizedTest
  @CsvSource({"1500, 1500ms", "60000, 1m", "90000, 90s", "3600000, 1h", "86400000, 24h", "0, 0s"})
  void durations_are_written_in_the_largest_unit_that_fits(long millis, String text) {
    assertThat(Values.write(Duration.ofMillis(millis))).isEqualTo(text);
  }

  @ParameterizedTest
  @CsvSource({"0B, 0", "512B, 512", "64KiB, 65536", "1MiB, 1048576", "2GiB, 2147483648"})
  void sizes_have_a_unit_and_read_back(String text, long bytes) {
    assertThat(ByteSize.parse(text)).isEqualTo(new ByteSize(bytes)).hasToString(text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "1", "KiB", "1kb", "1 KiB", "-1B", "1.5MiB", "9999999999999B"})
  void other_sizes_are_refused(String text) {
    assertThatThrownBy(() -> ByteSize.parse(text)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void a_size_that_overflows_is_refused() {
    assertThatThrownBy(() -> ByteSize.parse("999999999999GiB"))
        .isInstanceOf(ArithmeticException.class);
  }

  @Test
  void lists_lose_blanks_only() {
    assertThat(Values.parse(List.class, " a, b,,c d ,")).isEqualTo(List.of("a", "b", "c d"));
  }

  @Test
  void a_secret_prints_stars() {
    assertThat(new Secret("hidden")).hasToString("********");
    assertThat(Values.write(new Secret("hidden"))).isEqualTo("********");
  }

  @ParameterizedTest
  @CsvSource({"kitten, sitting, 3", "'', abc, 3", "abc, '', 3", "same, same, 0", "ab, ba, 2"})
  void distance_counts_edits(String a, String b, int edits) {
    assertThat(Nearest.distance(a, b)).isEqualTo(edits);
    assertThat(Nearest.distance(b, a)).isEqualTo(edits);
  }
}

package dev.perdure.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class LoadOptionsTest {
  @Test
  void given_values_replace_the_defaults() {
    LoadOptions options =
        LoadOptions.parse(
            List.of("--turns", "5,10", "--target", "proxy", "--no-memory", "--interval", "0"),
            LoadOptions.DEFAULT);

    assertThat(options.turns()).containsExactly(5, 10);
    assertThat(options.targets()).containsExactly("proxy");
    assertThat(options.memory()).isFalse();
    assertThat(options.intervalMillis()).isZero();
    assertThat(options.chunks()).isEqualTo(LoadOptions.DEFAULT.chunks());
  }

  @Test
  void what_is_not_understood_is_said() {
    assertThatThrownBy(() -> parse("--turn", "5")).hasMessageContaining("'--turn' is unknown");
    assertThatThrownBy(() -> parse("--turns")).hasMessageContaining("lacks its value");
    assertThatThrownBy(() -> parse("--turns", "many")).hasMessageContaining("'many'");
    assertThatThrownBy(() -> parse("--followers", "0")).hasMessageContaining("from 1 on");
  }

  private static LoadOptions parse(String... args) {
    return LoadOptions.parse(List.of(args), LoadOptions.DEFAULT);
  }
}

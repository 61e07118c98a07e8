package dev.perdure.server.auth;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import io.helidon.http.Method;
import java.util.List;
import org.assertj.core.api.Assertions;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OriginGuardTest {
  private final OriginGuard guard =
      OriginGuard.loopbackAnd(List.of("Perdure.lan"), List.of("https://app.example"));

  @ParameterizedTest
  @ValueSource(
      strings = {
        "localhost",
        "localhost:8080",
        "LOCALHOST:8080",
        "127.0.0.1:8080",
        "[::1]:8080",
        "[::1]",
        "perdure.lan:8080"
      })
  void the_names_of_this_server_pass(String host) {
    assertPasses(Method.GET, host, null, null);
    assertPasses(Method.POST, host, null, null);
    assertPasses(Method.POST, host, "http://" + host, "same-origin");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example:8080",
        "",
        ":8080",
        "localhost:8080@evil.example",
        "[::2]:8080"
      })
  void a_name_that_was_rebound_is_refused_even_for_reading(String host) {
    assertRefused(Method.GET, host, null, null);
    assertRefused(Method.POST, host, null, null);
    assertRefused(Method.POST, host, "http://" + host, "same-origin");
  }

  @ParameterizedTest
  @CsvSource({
    "https://evil.example, cross-site",
    "http://localhost:3000, same-site",
    "http://127.0.0.1:8080, cross-site",
    "null, cross-site",
    "http://localhost:8080.evil.example, ",
    "file://, ",
    "'', ",
    "not a url, ",
    "ftp://localhost:8080, ",
  })
  void a_page_of_another_origin_changes_nothing(String origin, @Nullable String site) {
    for (Method method : List.of(Method.POST, Method.PATCH, Method.DELETE, Method.PUT)) {
      assertRefused(method, "localhost:8080", origin, site);
    }
  }

  @Test
  void a_browser_that_sends_no_origin_is_known_by_its_fetch_site() {
    assertRefused(Method.POST, "localhost:8080", null, "cross-site");
    assertRefused(Method.POST, "localhost:8080", null, "same-site");
    assertPasses(Method.POST, "localhost:8080", null, "none");
  }

  @Test
  void a_page_of_an_origin_that_was_named_passes() {
    assertPasses(Method.POST, "localhost:8080", "https://app.example", "cross-site");
    assertRefused(Method.POST, "localhost:8080", "https://app.example.evil.example", "cross-site");
    assertRefused(Method.POST, "evil.example", "https://app.example", "cross-site");
  }

  @Test
  void reading_is_left_to_the_browsers_own_rules() {
    assertPasses(Method.GET, "localhost:8080", "https://evil.example", "cross-site");
  }

  @Test
  void no_host_at_all_is_refused() {
    assertRefused(Method.GET, null, null, null);
  }

  private void assertPasses(
      Method method, @Nullable String host, @Nullable String origin, @Nullable String site) {
    assertThatCode(() -> guard.check(method, host, list(origin), list(site)))
        .doesNotThrowAnyException();
  }

  private void assertRefused(
      Method method, @Nullable String host, @Nullable String origin, @Nullable String site) {
    assertThatThrownBy(() -> guard.check(method, host, list(origin), list(site)))
        .isInstanceOfSatisfying(
            PerdureException.class,
            e -> Assertions.assertThat(e.code()).isEqualTo(ErrorCode.FORBIDDEN));
  }

  private static List<String> list(@Nullable String value) {
    return value == null ? List.of() : List.of(value);
  }
}

package dev.perdure.server.auth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.chat.Caller;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StreamTokensTest {
  private static final Caller ALICE = new Caller("acme", "auth0|alice \"x\" \u00e4");
  private static final String EVENTS = "/v1/turns/turn_1/events";

  private final AtomicReference<Instant> now =
      new AtomicReference<>(Instant.parse("2026-01-01T00:00:00Z"));
  private final StreamTokens tokens = tokens("0123456789abcdef0123456789abcdef");

  private StreamTokens tokens(String secret) {
    return new StreamTokens(
        secret.getBytes(StandardCharsets.UTF_8), Duration.ofSeconds(60), now::get);
  }

  @Test
  void a_token_stands_for_its_caller_on_every_stream() {
    String token = tokens.issue(ALICE, null).token();
    assertThat(tokens.verify(token, EVENTS)).isEqualTo(ALICE);
    assertThat(tokens.verify(token, "/v1/inbox/events")).isEqualTo(ALICE);
    assertThat(token).matches("[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+");
  }

  @Test
  void another_node_with_the_same_secret_accepts_it_and_one_with_another_does_not() {
    String token = tokens.issue(ALICE, null).token();
    assertThat(tokens("0123456789abcdef0123456789abcdef").verify(token, EVENTS)).isEqualTo(ALICE);
    assertRefused(tokens("another-secret-another-secret-12"), token, EVENTS, "not signed");
  }

  @Test
  void it_is_refused_from_its_expiry_on() {
    StreamTokens.Issued issued = tokens.issue(ALICE, null);
    now.set(issued.expiresAt().minusMillis(1));
    assertThat(tokens.verify(issued.token(), EVENTS)).isEqualTo(ALICE);
    now.set(issued.expiresAt());
    assertRefused(tokens, issued.token(), EVENTS, "expired");
  }

  @Test
  void a_token_for_a_path_opens_that_path_and_what_is_below() {
    String exact = tokens.issue(ALICE, EVENTS).token();
    assertThat(tokens.verify(exact, EVENTS)).isEqualTo(ALICE);
    assertRefused(tokens, exact, "/v1/turns/turn_1/eventsx", "another path");
    assertRefused(tokens, exact, "/v1/turns/turn_1", "another path");
    assertRefused(tokens, exact, "/v1/inbox/events", "another path");

    String below = tokens.issue(ALICE, "/v1/turns/turn_1/").token();
    assertThat(tokens.verify(below, EVENTS)).isEqualTo(ALICE);
    assertRefused(tokens, below, "/v1/turns/turn_12/events", "another path");
    assertRefused(tokens, below, "/v1/turns/turn_1/../turn_2/events", "another path");
  }

  @Test
  void no_character_of_a_token_can_be_changed() {
    String token = tokens.issue(ALICE, EVENTS).token();
    // The last one holds bits that base64 does not use.
    for (int i = 0; i < token.length() - 1; i++) {
      char other = token.charAt(i) == 'A' ? 'B' : 'A';
      String changed = token.substring(0, i) + other + token.substring(i + 1);
      assertRefused(tokens, changed, EVENTS, "stream token");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ".", "a", "a.", ".a", "a.b", "a.b.c", "%%%.%%%", "e30.e30"})
  void what_is_no_token_is_refused(String text) {
    assertRefused(tokens, text, EVENTS, "stream token");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "/", "/v2/x", "v1/turns", "/v1/../x", "/v1/a?b=c", "/v1/a#b", "/v1/a\nb"})
  void it_cannot_be_bound_to_what_is_no_path_of_the_api(String path) {
    assertThatThrownBy(() -> tokens.issue(ALICE, path))
        .isInstanceOfSatisfying(
            PerdureException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_REQUEST));
  }

  @Test
  void printing_does_not_show_it() {
    StreamTokens.Issued issued = tokens.issue(ALICE, null);
    assertThat(issued.toString()).doesNotContain(issued.token());
  }

  @Test
  void a_short_secret_is_refused() {
    assertThatThrownBy(() -> tokens("too short")).isInstanceOf(IllegalArgumentException.class);
  }

  private static void assertRefused(
      StreamTokens tokens, String token, String path, @Nullable String why) {
    assertThatThrownBy(() -> tokens.verify(token, path))
        .isInstanceOfSatisfying(
            PerdureException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.UNAUTHENTICATED))
        .hasMessageContaining(why);
  }
}

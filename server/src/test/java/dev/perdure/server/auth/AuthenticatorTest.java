package dev.perdure.server.auth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.chat.Caller;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AuthenticatorTest {
  private static final String KEY = "aaaaaaaaaaaaaaaaaaaaaaaa";
  private static final Caller ALICE = new Caller("default", "alice");
  private static final Caller BOB = new Caller("acme", "bob");
  private static final String PATH = "/v1/inbox/events";

  private final StreamTokens streamTokens =
      new StreamTokens(
          "0123456789abcdef0123456789abcdef".getBytes(StandardCharsets.UTF_8),
          Duration.ofSeconds(60),
          () -> Instant.EPOCH);
  private final Authenticator local = Authenticator.local();
  private final Authenticator strict =
      Authenticator.requiring(
          List.of(
              ApiKeys.parse("alice:" + KEY),
              credential -> credential.equals("bobs") ? Optional.of(BOB) : Optional.empty()),
          streamTokens,
          false);

  @Test
  void without_credentials_everybody_is_the_local_principal() {
    assertThat(local.required()).isFalse();
    assertThat(local.authenticate(List.of())).isEqualTo(Caller.LOCAL);
    assertThat(local.authenticate(List.of("Bearer whatever"))).isEqualTo(Caller.LOCAL);
    assertThat(local.authenticateStream(List.of(), List.of("nonsense"), PATH))
        .isEqualTo(Caller.LOCAL);
  }

  @Test
  void the_first_kind_of_credential_that_knows_it_tells_the_caller() {
    assertThat(strict.authenticate(List.of("Bearer " + KEY))).isEqualTo(ALICE);
    assertThat(strict.authenticate(List.of("bearer  " + KEY + " "))).isEqualTo(ALICE);
    assertThat(strict.authenticate(List.of("Bearer bobs"))).isEqualTo(BOB);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "Bearer", "Bearer ", "Basic YTpi", "Bearer wrong", KEY, "BearerX y"})
  void a_header_without_a_known_credential_is_refused(String header) {
    assertUnauthenticated(() -> strict.authenticate(List.of(header)));
    assertUnauthenticated(() -> strict.authenticateStream(List.of(header), List.of(), PATH));
  }

  @Test
  void no_header_two_headers_and_a_huge_one_are_refused() {
    assertUnauthenticated(() -> strict.authenticate(List.of()));
    assertUnauthenticated(() -> strict.authenticate(List.of("Bearer " + KEY, "Bearer " + KEY)));
    assertUnauthenticated(() -> strict.authenticate(List.of("Bearer " + KEY.repeat(1000))));
  }

  @Test
  void a_refusal_does_not_repeat_the_credential() {
    assertThatThrownBy(() -> strict.authenticate(List.of("Bearer " + KEY + "x")))
        .hasMessageNotContaining(KEY);
  }

  @Test
  void a_stream_takes_a_token_where_there_is_no_header() {
    String token = streamTokens.issue(BOB, null).token();
    assertThat(strict.authenticateStream(List.of(), List.of(token), PATH)).isEqualTo(BOB);
    assertThat(strict.authenticateStream(List.of("Bearer " + KEY), List.of(token), PATH))
        .isEqualTo(ALICE);
    assertUnauthenticated(
        () -> strict.authenticateStream(List.of("Bearer no"), List.of(token), PATH));
    assertUnauthenticated(() -> strict.authenticateStream(List.of(), List.of(token, token), PATH));
    assertUnauthenticated(() -> strict.authenticateStream(List.of(), List.of("x"), PATH));
  }

  @Test
  void a_stream_token_is_no_credential_in_a_header() {
    String token = streamTokens.issue(BOB, null).token();
    assertUnauthenticated(() -> strict.authenticate(List.of("Bearer " + token)));
  }

  private static void assertUnauthenticated(ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(
            PerdureException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.UNAUTHENTICATED));
  }
}

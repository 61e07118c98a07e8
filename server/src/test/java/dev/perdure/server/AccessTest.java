package dev.perdure.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.chat.Caller;
import dev.perdure.server.auth.StreamTokens;
import dev.perdure.server.config.ConfigLoader;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AccessTest {
  private static final Map<String, String> KEYS =
      Map.of("PERDURE_API_KEYS", "alice:aaaaaaaaaaaaaaaaaaaaaaaa");
  private static final Caller ALICE = new Caller("default", "alice");

  @TempDir private Path directory;

  private Access access(Map<String, String> env, String... args) {
    return Access.of(
        ConfigLoader.load(List.of(args), env, directory),
        InstantSource.system(),
        new SecureRandom());
  }

  @Test
  void without_keys_and_issuer_nobody_is_asked() {
    Access access = access(Map.of());
    assertThat(access.authenticator().required()).isFalse();
    assertThat(access.streamTokens()).isNull();
  }

  @Test
  void keys_or_an_issuer_make_a_credential_necessary() {
    assertThat(access(KEYS).authenticator().required()).isTrue();
    Map<String, String> jwt =
        Map.of(
            "PERDURE_AUTH_JWT_ISSUER", "https://login.example",
            "PERDURE_AUTH_JWT_AUDIENCE", "perdure",
            "PERDURE_AUTH_JWT_JWKS_URL", "https://login.example/keys");
    assertThat(access(jwt).authenticator().required()).isTrue();
  }

  @Test
  void a_configured_secret_is_shared_and_a_random_one_is_not() {
    Map<String, String> shared = Map.of("PERDURE_AUTH_STREAM_TOKEN_SECRET", "s".repeat(32));
    String token = tokens(join(shared)).issue(ALICE, null).token();
    assertThat(tokens(join(shared)).verify(token, "/v1/inbox/events")).isEqualTo(ALICE);

    String own = tokens(KEYS).issue(ALICE, null).token();
    assertThatThrownBy(() -> tokens(KEYS).verify(own, "/v1/inbox/events"))
        .hasMessageContaining("not signed");
  }

  @Test
  void keys_that_are_not_sound_stop_the_start() {
    assertThatThrownBy(() -> access(Map.of("PERDURE_API_KEYS", "alice:short")))
        .hasMessageContaining("auth.apiKeys");
  }

  private StreamTokens tokens(Map<String, String> env) {
    return Objects.requireNonNull(access(env).streamTokens());
  }

  private static Map<String, String> join(Map<String, String> more) {
    Map<String, String> all = new java.util.HashMap<>(KEYS);
    all.putAll(more);
    return all;
  }
}

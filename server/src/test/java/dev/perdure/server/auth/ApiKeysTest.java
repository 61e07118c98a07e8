package dev.perdure.server.auth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.chat.Caller;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ApiKeysTest {
  private static final String A = "aaaaaaaaaaaaaaaaaaaaaaaa";
  private static final String B = "bbbbbbbbbbbbbbbbbbbbbbbb";
  private static final String C = "sk-live_ABC.def~0123+/==";

  /** {@code printf %s aaaaaaaaaaaaaaaaaaaaaaaa | sha256sum}. */
  private static final String HASH_OF_A =
      "09f61f8d9cd65e6a0c258087c485b6293541364e42bd97b2d7936580c8aa3c54";

  @Test
  void each_form_of_an_item_names_its_caller() {
    ApiKeys keys = ApiKeys.parse(A + ", alice:" + B + ",acme/bob@example.com:" + C);
    assertThat(keys.check(A)).contains(new Caller("default", "default"));
    assertThat(keys.check(B)).contains(new Caller("default", "alice"));
    assertThat(keys.check(C)).contains(new Caller("acme", "bob@example.com"));
  }

  @Test
  void an_owner_may_have_several_keys() {
    ApiKeys keys = ApiKeys.parse("alice:" + A + ",alice:" + B);
    assertThat(keys.check(A)).isEqualTo(keys.check(B)).contains(new Caller("default", "alice"));
  }

  @Test
  void a_hash_stands_for_its_key_and_is_no_key_itself() {
    ApiKeys keys = ApiKeys.parse("acme/alice:sha256:" + HASH_OF_A);
    assertThat(keys.check(A)).contains(new Caller("acme", "alice"));
    assertThat(keys.check(HASH_OF_A)).isEmpty();
    assertThat(keys.check("sha256:" + HASH_OF_A)).isEmpty();
  }

  @Test
  void a_bare_hash_is_of_the_default_caller() {
    assertThat(ApiKeys.parse("sha256:" + HASH_OF_A).check(A))
        .contains(new Caller("default", "default"));
  }

  @Test
  void another_key_is_nobody() {
    ApiKeys keys = ApiKeys.parse("alice:" + A);
    assertThat(keys.check(B)).isEmpty();
    assertThat(keys.check(A + "a")).isEmpty();
    assertThat(keys.check(A.substring(1))).isEmpty();
    assertThat(keys.check("alice:" + A)).isEmpty();
    assertThat(keys.check("")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "short",
        "alice:short",
        ":" + A,
        "a/b/c:" + A,
        "/alice:" + A,
        "alice:" + A + ":" + B,
        "al ice:" + A,
        "alice:sha256:abc",
        "alice:aaaaaaaaaaaa\u00e4aaaaaaaaaaa",
        "",
        " , ",
        "alice:" + A + ",bob:" + A,
        "acme/alice:" + A + ",sha256:" + HASH_OF_A,
        A + "," + B,
      })
  void a_list_that_is_not_sound_is_refused_without_being_repeated(String list) {
    assertThatThrownBy(() -> ApiKeys.parse(list))
        .isInstanceOfSatisfying(
            PerdureException.class,
            e -> {
              assertThat(e.code()).isEqualTo(ErrorCode.CONFIG);
              assertThat(e.getMessage()).contains("auth.apiKeys").doesNotContain("aaaa", "short");
            });
  }
}

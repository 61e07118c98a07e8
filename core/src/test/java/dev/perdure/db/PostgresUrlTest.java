package dev.perdure.db;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PostgresUrlTest {
  @ParameterizedTest
  @CsvSource(
      nullValues = "-",
      value = {
        "postgresql://h:5433/db,               jdbc:postgresql://h:5433/db,     -,   -",
        "postgres://u@h/db,                    jdbc:postgresql://h/db,          u,   -",
        "postgresql://u:p%40%2F+x@h/db,        jdbc:postgresql://h/db,          u,   p@/+x",
        "postgresql://u:p@w@[::1]:5/db?a=b@c,  jdbc:postgresql://[::1]:5/db?a=b@c, u, p@w",
        "postgresql://h1:1;h2/db,              jdbc:postgresql://h1:1;h2/db,    -,   -",
        "jdbc:postgresql://h/db?user=u&sslmode=require&password=p,"
            + " jdbc:postgresql://h/db?sslmode=require, u, p",
        "jdbc:postgresql:db,                   jdbc:postgresql:db,              -,   -",
      })
  void credentials_are_taken_out_of_the_url(String url, String jdbc, String user, String password) {
    PostgresUrl parsed = PostgresUrl.parse(url, null, null);
    assertThat(parsed).isEqualTo(new PostgresUrl(jdbc, user, password));
    assertThat(parsed.toString()).isEqualTo(jdbc);
  }

  @Test
  void explicit_credentials_go_first() {
    PostgresUrl parsed = PostgresUrl.parse("postgresql://a:b@h/db", "u", "p");
    assertThat(parsed).isEqualTo(new PostgresUrl("jdbc:postgresql://h/db", "u", "p"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "mysql://u:secret@h/db",
        "",
        "postgresql:/secret",
        "jdbc:sqlite:secret",
        "postgresql://u:%zzsecret@h/db"
      })
  void other_urls_are_refused_without_repeating_them(String url) {
    PerdureException e =
        catchThrowableOfType(PerdureException.class, () -> PostgresUrl.parse(url, null, null));
    assertThat(e.code()).isEqualTo(ErrorCode.CONFIG);
    assertThat(e.getMessage()).doesNotContain("secret");
  }
}

package dev.perdure.db;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.protocol.ErrorCode;
import java.sql.SQLException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SqlErrorsTest {
  /** 25P03 and 25P04 are what a process finds that was stopped in the middle of a transaction. */
  @ParameterizedTest
  @CsvSource({
    "08006, DATABASE_UNAVAILABLE",
    "25006, DATABASE_UNAVAILABLE",
    "25P03, DATABASE_UNAVAILABLE",
    "25P04, DATABASE_UNAVAILABLE",
    "40001, DATABASE_UNAVAILABLE",
    "53100, DATABASE_UNAVAILABLE",
    "55P03, DATABASE_UNAVAILABLE",
    "57014, DATABASE_UNAVAILABLE",
    "23505, CONFLICT",
    "25P02, INTERNAL",
    "42601, INTERNAL"
  })
  void a_state_of_the_database_is_told_as(String state, ErrorCode code) {
    assertThat(SqlErrors.translate(new SQLException("told", state)).code()).isEqualTo(code);
  }
}

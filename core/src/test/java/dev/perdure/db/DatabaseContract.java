package dev.perdure.db;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** What both databases promise. */
abstract class DatabaseContract {
  /** The database under test, open during the whole class. */
  abstract Database database();

  @Test
  void what_was_written_is_read() {
    Database database = database();
    database.write(tx ->
        tx.update(
            "INSERT INTO session (id, tenant, owner, created_at, updated_at)"
                + " VALUES (?, 't', 'o', {now}, {now})",
            "s1"));
    assertThat(
            database.<String>read(tx ->
                tx.one("SELECT owner FROM session WHERE id = ?", row -> row.getString(1), "s1")
                    .orElseThrow()))
        .isEqualTo("o");
  }
}

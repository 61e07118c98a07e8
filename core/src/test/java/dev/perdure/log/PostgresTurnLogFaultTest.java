package dev.perdure.log;

import dev.perdure.db.Database;
import dev.perdure.db.PostgresDatabase;
import dev.perdure.db.PostgresOptions;
import dev.perdure.testing.EmbeddedPostgresServer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PostgresTurnLogFaultTest extends TurnLogFaultContract {
  private Database database;

  @BeforeAll
  void open() {
    database =
        PostgresDatabase.open(
            EmbeddedPostgresServer.shared().createDatabase(), null, null, PostgresOptions.DEFAULT);
  }

  @AfterAll
  void close() {
    database.close();
  }

  @Override
  Database database() {
    return database;
  }
}

package dev.perdure.log;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PostgresTurnLogFaultTest extends TurnLogFaultContract {
  private Database database;

  @BeforeAll
  void open() {
    database = ReadyDatabases.postgres();
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

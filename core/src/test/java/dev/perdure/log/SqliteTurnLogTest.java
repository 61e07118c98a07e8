package dev.perdure.log;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SqliteTurnLogTest extends TurnLogContract {
  @TempDir static Path directory;
  private Database database;

  @BeforeAll
  void open() {
    database = ReadyDatabases.sqlite(directory);
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

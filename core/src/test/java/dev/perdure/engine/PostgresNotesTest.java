package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresNotesTest extends NotesContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}

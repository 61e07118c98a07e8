package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresUndoTest extends UndoContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}

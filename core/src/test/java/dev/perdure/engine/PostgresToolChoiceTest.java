package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresToolChoiceTest extends ToolChoiceContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}

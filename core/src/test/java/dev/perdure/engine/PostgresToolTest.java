package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresToolTest extends ToolContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}

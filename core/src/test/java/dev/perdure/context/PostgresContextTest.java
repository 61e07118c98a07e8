package dev.perdure.context;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresContextTest extends ContextContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}

package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresLaterTest extends LaterContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}

package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresHandOverTest extends HandOverContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}

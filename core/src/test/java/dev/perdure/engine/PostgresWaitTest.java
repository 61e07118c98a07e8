package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresWaitTest extends WaitContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}

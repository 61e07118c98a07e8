package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresCompactionTest extends CompactionContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}

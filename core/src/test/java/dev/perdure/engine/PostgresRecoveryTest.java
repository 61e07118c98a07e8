package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresRecoveryTest extends RecoveryContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}

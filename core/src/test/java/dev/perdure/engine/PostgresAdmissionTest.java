package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresAdmissionTest extends AdmissionContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}

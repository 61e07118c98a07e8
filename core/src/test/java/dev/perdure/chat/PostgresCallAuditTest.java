package dev.perdure.chat;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresCallAuditTest extends CallAuditContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}

package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresScheduleTest extends ScheduleContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}

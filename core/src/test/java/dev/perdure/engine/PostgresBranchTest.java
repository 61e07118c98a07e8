package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.db.ReadyDatabases;

class PostgresBranchTest extends BranchContract {
  @Override
  Database open() {
    return ReadyDatabases.postgres();
  }
}

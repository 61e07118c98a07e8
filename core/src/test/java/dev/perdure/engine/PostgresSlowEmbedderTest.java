package dev.perdure.engine;

import dev.perdure.db.Database;
import dev.perdure.db.PostgresDatabase;
import dev.perdure.db.PostgresOptions;
import dev.perdure.testing.EmbeddedPostgresServer;

class PostgresSlowEmbedderTest extends SlowEmbedderContract {
  @Override
  Database open() {
    return PostgresDatabase.open(
        EmbeddedPostgresServer.shared().createDatabase(), null, null, PostgresOptions.DEFAULT);
  }
}

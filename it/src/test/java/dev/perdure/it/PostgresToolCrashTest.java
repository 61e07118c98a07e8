package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.testing.EmbeddedPostgresServer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** On two servers, of which the other one takes over, and is asked. */
class PostgresToolCrashTest extends ToolCrashContract {
  private final String database = EmbeddedPostgresServer.shared().createDatabase();
  private Server peer;

  @BeforeAll
  void startPeer() {
    peer = start(settings());
    peer.url();
  }

  @AfterAll
  void stopPeer() {
    peer.close();
  }

  @Override
  Server start(Server.Setup setup) {
    return setup.start(database);
  }

  @Override
  String jdbcUrl() {
    return database;
  }

  @Override
  void alone() {
    peer.kill();
    assertThat(peer.process().awaitExit()).isEqualTo(KILLED);
  }

  @Override
  void together() {
    peer.startAgain();
  }

  @Override
  Api other() {
    return peer.api();
  }
}

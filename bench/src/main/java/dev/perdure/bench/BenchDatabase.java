package dev.perdure.bench;

import dev.perdure.db.Database;
import dev.perdure.db.PostgresDatabase;
import dev.perdure.db.PostgresOptions;
import dev.perdure.db.SqliteDatabase;
import dev.perdure.log.LogBlock;
import dev.perdure.log.LogLimits;
import dev.perdure.log.TurnLog;
import dev.perdure.log.TurnWriter;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.AttemptStarted;
import dev.perdure.protocol.TurnEvent.LaneRef;
import dev.perdure.protocol.TurnEvent.PartStarted;
import dev.perdure.protocol.TurnEvent.TurnAccepted;
import dev.perdure.protocol.TurnEvent.TurnStarted;
import dev.perdure.testing.EmbeddedPostgresServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A new database with a log, and turns that a node holds. Thread-safe. */
final class BenchDatabase implements AutoCloseable {
  private static final String NODE = "bench";
  private static final PostgresOptions OPTIONS = PostgresOptions.DEFAULT;

  private final @Nullable EmbeddedPostgresServer server;
  private final Database database;
  private final TurnLog log;
  private final AtomicInteger turns = new AtomicInteger();

  private BenchDatabase(@Nullable EmbeddedPostgresServer server, Database database) {
    this.server = server;
    this.database = database;
    this.log = new TurnLog(database, NODE, LogLimits.DEFAULT);
  }

  /** {@code sqlite} or {@code postgres}; both wait for the disk. */
  static BenchDatabase open(String kind) throws IOException {
    if (kind.equals(LoadOptions.SQLITE)) {
      Path directory = Files.createTempDirectory("perdure-jmh-");
      return new BenchDatabase(null, SqliteDatabase.open(directory));
    }
    EmbeddedPostgresServer server = EmbeddedPostgresServer.start(true);
    return new BenchDatabase(
        server, PostgresDatabase.open(server.createDatabase(), null, null, OPTIONS));
  }

  TurnLog log() {
    return log;
  }

  /** A turn's id and the write side of its log. */
  record Held(String turn, TurnWriter writer) {}

  /** A running turn whose lane 0 has begun part 0. */
  Held newTurn() {
    String turn = "turn_" + turns.incrementAndGet();
    String session = "sess_" + turn;
    LogBlock block =
        database.write(tx -> {
          tx.update(
              "INSERT INTO session (id, tenant, owner, created_at, updated_at)"
                  + " VALUES (?, 't', 'o', {now}, {now})",
              session);
          tx.update(
              """
              INSERT INTO turn (id, session_id, tenant, owner, user_message, state, position,
                                epoch, node_id, request, created_at)
              VALUES (?, ?, 't', 'o', 'm', 'running', 0, 1, ?, '{}', {now})\
              """,
              turn,
              session,
              NODE);
          List<TurnEvent> events =
              List.of(
                  new TurnAccepted(turn, session, "m", List.of(new LaneRef(0, "msg", "demo/a")), 0),
                  new TurnStarted(1, 0),
                  new AttemptStarted(0, 0, 1, "demo/a", null),
                  new PartStarted(0, 1, 0, PartKind.TEXT));
          return log.insert(tx, turn, 0, events);
        });
    log.published(List.of(block));
    return new Held(turn, log.openWriter(turn, 1, () -> {}));
  }

  @Override
  public void close() {
    log.close();
    database.close();
    if (server != null) {
      server.close();
    }
  }
}

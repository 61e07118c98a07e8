package dev.perdure.log;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.db.Database;
import dev.perdure.db.LocalSignals;
import dev.perdure.db.PostgresDatabase;
import dev.perdure.db.PostgresOptions;
import dev.perdure.db.ReadyDatabases;
import dev.perdure.db.Signals;
import dev.perdure.log.Follower.Status;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** Two nodes, each with connections and a log of its own, on one PostgreSQL. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PostgresNodesTest {
  private Database here;
  private Database there;

  @BeforeAll
  void open() {
    String url = ReadyDatabases.postgresUrl();
    here = PostgresDatabase.open(url, null, null, PostgresOptions.DEFAULT);
    there = PostgresDatabase.open(url, null, null, PostgresOptions.DEFAULT);
  }

  @AfterAll
  void close() {
    here.close();
    there.close();
  }

  /** A node that hears nothing of others and counts its reads. */
  private static final class Deaf implements Database {
    private final Database database;
    private final Signals signals = new LocalSignals();
    private final AtomicInteger reads = new AtomicInteger();

    Deaf(Database database) {
      this.database = database;
    }

    @Override
    public <T extends @Nullable Object> T write(Work<T> work) {
      return database.write(work);
    }

    @Override
    public <T extends @Nullable Object> T read(Work<T> work) {
      reads.incrementAndGet();
      return database.read(work);
    }

    @Override
    public Signals signals() {
      return signals;
    }

    @Override
    public boolean shared() {
      return true;
    }

    @Override
    public void close() {}
  }

  @Test
  void a_turn_is_followed_from_another_node_by_hints() throws Exception {
    try (TurnLog writing = new TurnLog(here, "n1", LogLimits.DEFAULT);
        TurnLog following = new TurnLog(there, "n2", LogLimits.DEFAULT)) {
      followAll(writing, following, 20, 30);
    }
  }

  @Test
  void a_turn_is_followed_from_another_node_by_polling_when_no_hint_arrives() throws Exception {
    Deaf deaf = new Deaf(there);
    try (TurnLog writing = new TurnLog(here, "n1", LogLimits.DEFAULT);
        TurnLog following = new TurnLog(deaf, "n2", LogLimits.DEFAULT)) {
      followAll(writing, following, 5, 10);
    }
    assertThat(deaf.reads.get()).isPositive();
  }

  /** Writes turns on one node and follows each twice on the other; all must see what is stored. */
  private void followAll(TurnLog writing, TurnLog following, int turns, int events)
      throws Exception {
    List<String> ids = new ArrayList<>();
    List<Callable<byte[]>> work = new ArrayList<>();
    for (int i = 0; i < turns; i++) {
      String turn = TurnRows.queued(here, writing);
      ids.add(turn);
      for (int k = 0; k < 2; k++) {
        work.add(() -> {
          try (Follower follower = following.follow(turn, -1)) {
            return Logs.followToEnd(follower);
          }
        });
      }
      work.add(() -> {
        long epoch = TurnRows.claim(writing, turn, "n1");
        TurnWriter writer = Logs.begin(writing, turn, epoch, () -> {});
        for (int k = 0; k < events; k++) {
          writer.append(Logs.delta("w" + k));
          writer.awaitDurable();
        }
        Logs.complete(writer, turn, epoch, "n1");
        return new byte[0];
      });
    }
    List<byte[]> seen = new ArrayList<>();
    try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<byte[]> future : executor.invokeAll(work)) {
        seen.add(future.get());
      }
    }
    for (int i = 0; i < turns; i++) {
      byte[] stored = Logs.stored(here, ids.get(i));
      assertThat(Logs.lines(stored)).hasSize(events + 5);
      assertThat(seen.get(i * 3)).isEqualTo(stored);
      assertThat(seen.get(i * 3 + 1)).isEqualTo(stored);
    }
    assertThat(following.turnsInMemory()).isZero();
  }

  @Test
  void a_follower_sees_that_the_other_node_has_taken_the_turn_over() throws Exception {
    try (TurnLog dying = new TurnLog(here, "n1", LogLimits.DEFAULT);
        TurnLog successor = new TurnLog(there, "n2", LogLimits.DEFAULT)) {
      String turn = TurnRows.queued(here, dying);
      long first = TurnRows.claim(dying, turn, "n1");
      TurnWriter before = Logs.begin(dying, turn, first, () -> {});
      before.awaitDurable();
      try (Follower follower = dying.follow(turn, -1)) {
        assertThat(follower.next(Logs.GENEROUS).status()).isEqualTo(Status.DATA);
        long second = TurnRows.claim(successor, turn, "n2");
        TurnWriter after = Logs.begin(successor, turn, second, () -> {});
        Logs.complete(after, turn, second, "n2");
        Logs.followToEnd(follower);
        assertThat(follower.position()).isEqualTo(7);
      }
      before.close();
    }
  }
}

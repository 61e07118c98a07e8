package dev.perdure.context;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.chat.Caller;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.Turn;
import dev.perdure.context.ContextUse.Excerpt;
import dev.perdure.context.ContextUse.Given;
import dev.perdure.context.ContextUse.Section;
import dev.perdure.context.ContextUse.Shown;
import dev.perdure.context.ContextView.Source;
import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * What each attempt was shown, for whoever asks afterwards: table {@code turn_context}.
 * Thread-safe.
 *
 * <p>Written behind, so that no call to a model waits for it: one thread stores whatever has
 * gathered in one transaction. What a crash takes with it is of attempts that are made again, or
 * that had ended within the same few milliseconds.
 */
public final class ContextJournal implements AutoCloseable {
  private static final Logger LOG = System.getLogger(ContextJournal.class.getName());

  /** Records that wait; beyond, the oldest are given up: the database is away. */
  private static final int MAX_WAITING = 10_000;

  /** Records of one transaction. */
  private static final int MAX_BATCH = 500;

  private static final String INSERT =
      """
      INSERT INTO turn_context (turn_id, lane, step, attempt, model, body, created_at)
      SELECT id, ?, ?, ?, ?, ?, {now} FROM turn WHERE id = ?
      ON CONFLICT (turn_id, lane, step, attempt)
      DO UPDATE SET model = excluded.model, body = excluded.body,
                    created_at = excluded.created_at\
      """;

  private final Database database;
  private final Thread thread;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  @GuardedBy("lock")
  private final ArrayDeque<@Nullable Object[]> waiting = new ArrayDeque<>();

  @GuardedBy("lock")
  private boolean writing;

  @GuardedBy("lock")
  private boolean closed;

  public ContextJournal(Database database) {
    this.database = database;
    this.thread = Thread.ofPlatform().daemon().name("perdure-context").unstarted(this::loop);
    thread.start();
  }

  void add(String turn, ModelCall call, ContextUse use) {
    @Nullable Object[] row = {
      call.lane(), call.step(), call.attempt(), call.model(), use.json(), turn
    };
    lock.lock();
    try {
      if (closed) {
        return;
      }
      if (waiting.size() >= MAX_WAITING) {
        waiting.removeFirst();
      }
      waiting.add(row);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void loop() {
    while (true) {
      List<@Nullable Object[]> batch = take();
      if (batch.isEmpty()) {
        return;
      }
      try {
        store(batch);
      } finally {
        written();
      }
    }
  }

  /** What has gathered; empty once closed and nothing is left. */
  private List<@Nullable Object[]> take() {
    List<@Nullable Object[]> batch = new ArrayList<>();
    lock.lock();
    try {
      while (waiting.isEmpty() && !closed) {
        changed.awaitUninterruptibly();
      }
      while (!waiting.isEmpty() && batch.size() < MAX_BATCH) {
        batch.add(waiting.removeFirst());
      }
      writing = true;
      return batch;
    } finally {
      lock.unlock();
    }
  }

  private void written() {
    lock.lock();
    try {
      writing = false;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void store(List<@Nullable Object[]> batch) {
    try {
      insert(batch);
    } catch (PerdureException e) {
      if (batch.size() == 1 || e.code() != ErrorCode.CONFLICT) {
        LOG.log(
            Level.WARNING,
            "What {0} calls of models were shown is not recorded: {1} Their turns go on.",
            batch.size(),
            e.getMessage());
        return;
      }
      // One turn may have been deleted at this moment; the others are stored one by one.
      batch.forEach(row -> store(List.<@Nullable Object[]>of(row)));
    }
  }

  private void insert(List<@Nullable Object[]> rows) {
    database.<int[]>write(tx -> tx.batch(INSERT, rows));
  }

  /** Waits until everything that was added before is stored, or was found impossible to store. */
  public void flush() {
    lock.lock();
    try {
      while (!waiting.isEmpty() || writing) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  /**
   * What the attempts of a turn were shown, in the order of lanes, steps and attempts.
   *
   * @throws PerdureException NOT_FOUND
   */
  public List<ContextView> read(Caller caller, String turn) {
    return database.read(tx -> {
      Turn row = Conversations.turn(tx, caller, turn);
      record Row(int lane, int step, int attempt, String model, ContextUse use, long at) {}
      List<Row> rows =
          tx.list(
              """
              SELECT lane, step, attempt, model, body, created_at FROM turn_context
               WHERE turn_id = ? ORDER BY lane, step, attempt\
              """,
              r ->
                  new Row(
                      r.getInt(1),
                      r.getInt(2),
                      r.getInt(3),
                      r.getString(4),
                      ContextUse.parse(r.getString(5)),
                      r.getLong(6)),
              turn);
      Map<String, Summary> summaries = new HashMap<>();
      if (rows.stream().anyMatch(each -> each.use.summary() != null)) {
        Summary.of(tx, row.session()).forEach(each -> summaries.put(each.id(), each));
      }
      List<ContextView> out = new ArrayList<>();
      for (Row each : rows) {
        @Nullable Given used = each.use.summary();
        out.add(
            new ContextView(
                each.lane,
                each.step,
                each.attempt,
                each.model,
                each.at,
                each.use.window(),
                each.use.reserved(),
                each.use.exact(),
                each.use.tokens(),
                sources(tx, row.session(), each.use),
                used == null ? null : summaries.get(used.id()),
                each.use.leftOut(),
                each.use.why().wire(),
                each.use.semantic().name().toLowerCase(Locale.ROOT),
                each.use.tools().leftOut()));
      }
      return out;
    });
  }

  private static List<Source> sources(Tx tx, String session, ContextUse use) throws SQLException {
    List<Source> out = new ArrayList<>();
    for (Section section : use.sections()) {
      out.add(new Source("instructions", section.name(), section.tokens()));
    }
    if (use.summary() != null) {
      out.add(new Source("summary", use.summary().id(), use.summary().tokens()));
    }
    Map<Long, String> ids = new HashMap<>();
    if (!use.history().isEmpty()) {
      tx.list(
          "SELECT position, id FROM message WHERE session_id = ? AND position >= ? AND position <= ?",
          row -> ids.put(row.getLong(1), row.getString(2)) == null,
          session,
          use.history().getFirst().position(),
          use.history().getLast().position());
    }
    for (Shown shown : use.history()) {
      @Nullable String id = ids.get(shown.position());
      if (id != null) {
        out.add(new Source("message", id, shown.tokens()));
      }
    }
    for (Given file : use.files()) {
      out.add(new Source("file", file.id(), file.tokens()));
    }
    for (Excerpt excerpt : use.excerpts()) {
      out.add(
          new Source(
              excerpt.ofDocument() ? "document" : "recalled",
              excerpt.id(),
              excerpt.part(),
              excerpt.tokens(),
              excerpt.hits()));
    }
    for (ContextUse.Tool tool : use.tools().told()) {
      out.add(new Source("tool", tool.name(), tool.tokens()));
    }
    return out;
  }

  /** Stores what waits, and ends. */
  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}

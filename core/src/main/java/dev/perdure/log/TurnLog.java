package dev.perdure.log;

import dev.perdure.db.Database;
import dev.perdure.db.Signals;
import dev.perdure.db.Tx;
import dev.perdure.log.LogStore.Fate;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.testing.FaultPoints;
import java.sql.SQLException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The logs of all turns. One per node. Thread-safe.
 *
 * <p>Log before deliver: a follower sees an event only after the transaction that stored it.
 */
public final class TurnLog implements AutoCloseable {
  /**
   * Runs of a transaction that found its place in a log taken; each claimed turn may do so once.
   */
  private static final int MAX_RUNS = 5;

  private final Database database;
  private final LogLimits limits;
  private final InstantSource clock;
  private final LogStore store;
  private final Tails tails;
  private final Outage outage;
  private final Appender appender;
  private final NewsFetcher fetcher;
  private final LogRetention retention;

  /**
   * @param nodeId the node whose lease fences the writers opened here
   */
  public TurnLog(Database database, String nodeId, LogLimits limits) {
    this(database, nodeId, limits, InstantSource.system(), FaultPoints.NONE);
  }

  /**
   * @param nodeId the node whose lease fences the writers opened here
   * @param clock for the time in {@code turn.ended}
   */
  public TurnLog(
      Database database, String nodeId, LogLimits limits, InstantSource clock, FaultPoints faults) {
    this.database = database;
    this.limits = limits;
    this.clock = clock;
    this.store = new LogStore(database, nodeId);
    this.tails = new Tails(limits.tailBytes());
    this.outage = new Outage(tails::wakeAll);
    this.appender = new Appender(database, store, this::published, faults, outage.writes());
    this.fetcher = new NewsFetcher(store, tails, database.signals(), outage.reads());
    this.retention = new LogRetention(database);
    appender.start();
    fetcher.start();
    outage.start();
  }

  /**
   * Writes events in the caller's transaction, from {@code firstSeq} on, for a turn whose row the
   * caller has just inserted or holds locked. Call {@link #published} with what this returns after
   * the commit.
   *
   * @throws LogForkedException if the log already has an event at {@code firstSeq}; the transaction
   *     is still alive then
   */
  public LogBlock insert(Tx tx, String turn, long firstSeq, List<TurnEvent> events)
      throws SQLException {
    PendingLines lines = new PendingLines();
    long seq = firstSeq;
    for (TurnEvent event : events) {
      lines.add(seq++, event, null);
    }
    LogBlock block = lines.take(turn);
    if (!store.insert(tx, block)) {
      throw new LogForkedException(turn, firstSeq);
    }
    return block;
  }

  /**
   * Writes one event behind what each of several logs holds, with few statements for all of them;
   * else as {@link #insert}.
   *
   * @param events by the turn; not empty
   */
  public List<LogBlock> insertBehind(Tx tx, Map<String, TurnEvent> events) throws SQLException {
    Map<String, Long> next = store.nextSeqs(tx, events.keySet());
    List<LogBlock> blocks = new ArrayList<>();
    events.forEach((turn, event) -> {
      PendingLines lines = new PendingLines();
      lines.add(next.getOrDefault(turn, 0L), event, null);
      blocks.add(lines.take(turn));
    });
    Optional<LogBlock> taken = store.insertAll(tx, blocks);
    if (taken.isPresent()) {
      throw new LogForkedException(taken.get().turn(), taken.get().firstSeq());
    }
    return blocks;
  }

  /**
   * Runs a transaction that {@link #insert}s behind what it has read, once more if the last holder
   * of a turn was quicker with what it had on its way. It has no second block on its way.
   */
  public <T extends @Nullable Object> T write(Database.Work<T> work) {
    return repeated(() -> database.write(work));
  }

  /** The same for {@link Database#urgently}. */
  public <T extends @Nullable Object> T urgently(Database.Work<T> work) {
    return repeated(() -> database.urgently(work));
  }

  private static <T extends @Nullable Object> T repeated(Supplier<T> transaction) {
    for (int run = 1; ; run++) {
      try {
        return transaction.get();
      } catch (LogForkedException e) {
        if (run == MAX_RUNS) {
          throw e;
        }
      }
    }
  }

  /** The place of a log's next event, for {@link #insert} in the same transaction. */
  public long nextSeq(Tx tx, String turn) throws SQLException {
    return store.nextSeq(tx, turn);
  }

  /** Reads, in the caller's transaction, all that a turn's log holds. */
  public LogContent readAll(Tx tx, String turn) throws SQLException {
    return store.readAll(tx, turn);
  }

  /** Hands committed blocks to followers, here and on other nodes. */
  public void published(List<LogBlock> blocks) {
    for (LogBlock block : blocks) {
      tails.publish(block);
      if (block.endsTurn()) {
        store.ended(block.turn());
      }
    }
    List<String> turns = blocks.stream().map(LogBlock::turn).distinct().toList();
    fetcher.deaf(() -> database.signals().publish(Signals.Topic.LOG, turns));
  }

  /**
   * Opens the write side of a turn for the holder of its epoch: reads what the log holds, so that
   * the writer's fold and digest continue it.
   *
   * @param lost called once, on a thread of its own, when a write is refused because the epoch or
   *     the lease has gone to another node
   */
  public TurnWriter openWriter(String turn, long epoch, Runnable lost) {
    Tail tail = tails.enter(turn, true);
    boolean opened = false;
    try {
      LogContent content = database.read(tx -> readAll(tx, turn));
      tail.reached(content.fold().seq(), Fate.OPEN);
      opened = true;
      return new BlockWriter(new WriterLog(), tail, epoch, lost, content);
    } finally {
      if (!opened) {
        tails.leave(tail, true);
      }
    }
  }

  /**
   * A cursor behind event {@code after} (-1 for the start). Whether the caller may read the turn is
   * checked before.
   */
  public Follower follow(String turn, long after) {
    return new TailFollower(tails, turn, store, fetcher, outage, limits.readBytes(), after);
  }

  /**
   * Whether a turn has this event, asked of the database itself: a follower that has seen nothing
   * may have looked while the database was away, or before this node had heard of it.
   *
   * @throws PerdureException DATABASE_UNAVAILABLE
   */
  public boolean reaches(String turn, long seq) {
    return store.reaches(turn, seq);
  }

  /** Ends every follower's wait: they report {@link Follower.Status#CLOSED} from now on. */
  public void releaseFollowers() {
    tails.release();
  }

  /**
   * Retention: deletes up to {@code batch} logs of turns that ended longer ago than {@code keep},
   * and as many idempotency keys older than {@code keysKeep}. Returns the larger of both numbers:
   * below the batch, nothing is left to delete.
   */
  public int sweep(Duration keep, Duration keysKeep, int batch) {
    return retention.sweep(keep, keysKeep, batch);
  }

  /** Releases the followers, stores what is queued and ends the log's threads. */
  @Override
  public void close() {
    releaseFollowers();
    appender.close();
    fetcher.close();
    outage.close();
  }

  /** Turns that somebody writes or follows here. */
  int turnsInMemory() {
    return tails.all().size();
  }

  private final class WriterLog implements BlockWriter.Log {
    @Override
    public Database database() {
      return database;
    }

    @Override
    public LogStore store() {
      return store;
    }

    @Override
    public void enqueue(BlockWriter writer) {
      appender.enqueue(writer);
    }

    @Override
    public void committed(LogBlock block) {
      published(List.of(block));
    }

    @Override
    public void left(BlockWriter writer) {
      tails.leave(writer.tail(), true);
    }

    @Override
    public long millis() {
      return clock.millis();
    }

    @Override
    public int writerBytes() {
      return limits.writerBytes();
    }

    @Override
    public Outage.Wait ends() {
      return outage.ends();
    }
  }
}

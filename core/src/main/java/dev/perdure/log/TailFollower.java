package dev.perdure.log;

import dev.perdure.log.LogStore.Page;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A cursor over a tail and, further back, over the database. Subscribes first, reads then, waits
 * last, so that nothing can happen unnoticed in between.
 */
final class TailFollower implements Follower {
  /** How long to wait before the database is asked again after it was away. */
  private static final Duration RETRY = Duration.ofMillis(500);

  private static final Duration LONGEST_WAIT = Duration.ofDays(1);
  private static final Logger LOG = System.getLogger(TailFollower.class.getName());

  private final Tails tails;
  private final Tail tail;
  private final LogStore store;
  private final NewsFetcher fetcher;
  private final Outage outage;
  private final int readBytes;
  private final AtomicBoolean closed = new AtomicBoolean();
  private final AtomicBoolean woken = new AtomicBoolean();

  /** Used by the one thread that follows. */
  private long position;

  private boolean ended;

  /** What is to come again after a step back. */
  private WeakReference<List<LogBlock>> again = new WeakReference<>(null);

  /** What the thread that follows has been told last; null until it asks. */
  private volatile @Nullable Condition told;

  TailFollower(
      Tails tails,
      String turn,
      LogStore store,
      NewsFetcher fetcher,
      Outage outage,
      int readBytes,
      long after) {
    this.tails = tails;
    this.tail = tails.enter(turn, false);
    this.store = store;
    this.fetcher = fetcher;
    this.outage = outage;
    this.readBytes = readBytes;
    this.position = after;
  }

  @Override
  public long position() {
    return position;
  }

  @Override
  public Batch next(Duration atMost) throws InterruptedException {
    Duration bounded = atMost.compareTo(LONGEST_WAIT) < 0 ? atMost : LONGEST_WAIT;
    long deadline = System.nanoTime() + bounded.toNanos();
    while (true) {
      if (closed.get() || tails.released()) {
        return new Batch(Status.CLOSED, List.of());
      }
      if (ended) {
        return new Batch(Status.ENDED, List.of());
      }
      @Nullable List<LogBlock> kept = again.get();
      if (kept != null) {
        again.clear();
        return deliver(kept.stream().filter(block -> block.lastSeq() > position).toList());
      }
      long left = deadline - System.nanoTime();
      switch (tail.look(position, readBytes, this::waits, left)) {
        case Tail.Look.Blocks found -> {
          return deliver(found.blocks());
        }
        case Tail.Look.Behind() -> {
          List<LogBlock> blocks = read(left);
          if (!blocks.isEmpty()) {
            return deliver(blocks);
          }
          if (!waits() || deadline - System.nanoTime() <= 0) {
            woken.set(false);
            return idle();
          }
        }
        case Tail.Look.Ended() -> ended = true;
        case Tail.Look.Gone() -> {
          return new Batch(Status.EXPIRED, List.of());
        }
        case Tail.Look.Nothing() -> {
          woken.set(false);
          return idle();
        }
      }
    }
  }

  @Override
  public void back(long seq, List<LogBlock> blocks) {
    position = seq;
    if (blocks.isEmpty()) {
      again.clear();
    } else if (blocks.getLast().lastSeq() > seq) {
      ended = false;
      again = new WeakReference<>(blocks);
    }
  }

  private boolean waits() {
    @Nullable Condition last = told;
    return !closed.get()
        && !woken.get()
        && !tails.released()
        && (last == null || last == present());
  }

  @Override
  public Condition condition() {
    Condition now = present();
    told = now;
    return now;
  }

  private Condition present() {
    if (!outage.away()) {
      return Condition.WELL;
    }
    return tail.ending() ? Condition.UNSAVED : Condition.DEGRADED;
  }

  private Batch idle() {
    boolean over = closed.get() || tails.released();
    return new Batch(over ? Status.CLOSED : Status.IDLE, List.of());
  }

  private Batch deliver(List<LogBlock> blocks) {
    LogBlock last = blocks.getLast();
    position = last.lastSeq();
    ended = last.endsTurn();
    return new Batch(Status.DATA, blocks);
  }

  /** Reads what follows the position and tells the tail where the log ends, if it got there. */
  private List<LogBlock> read(long nanosLeft) throws InterruptedException {
    try {
      Page page = store.read(tail.turn(), position, readBytes);
      outage.reads().done();
      if (page.reachesEnd()) {
        if (tail.reached(page.last(), page.fate())) {
          fetcher.hint(List.of(tail.turn()));
        }
      }
      return page.blocks();
    } catch (PerdureException e) {
      if (e.code() != ErrorCode.DATABASE_UNAVAILABLE) {
        throw e;
      }
      outage.reads().begin();
      LOG.log(Level.DEBUG, "A follower waits for the database: {0}", e.getMessage());
      tail.pause(this::waits, Math.min(nanosLeft, RETRY.toNanos()));
      return List.of();
    }
  }

  @Override
  public void wake() {
    woken.set(true);
    tail.wakeAll();
  }

  @Override
  public void close() {
    if (!closed.getAndSet(true)) {
      tail.wakeAll();
      tails.leave(tail, false);
    }
  }
}

package dev.perdure.log;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.db.Signals;
import dev.perdure.db.Signals.Subscription;
import dev.perdure.log.LogStore.News;
import dev.perdure.protocol.PerdureException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Brings to this node's tails what others have written: one thread that is woken by hints and reads
 * the news of all turns hinted at with one query. Now and then it asks for every followed turn, in
 * case a hint was lost. Thread-safe.
 */
final class NewsFetcher implements AutoCloseable {
  static final Duration POLL = Duration.ofSeconds(1);

  /** A turn that is written on this node is asked for this many times less often. */
  private static final int RARELY = 10;

  /** Turns in one query. */
  private static final int MAX_TURNS = 1_000;

  private static final Logger LOG = System.getLogger(NewsFetcher.class.getName());

  private final LogStore store;
  private final Tails tails;
  private final Outage.Wait reads;
  private final Subscription subscription;
  private final Thread thread = Thread.ofPlatform().name("perdure-news").unstarted(this::loop);
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();

  /**
   * Set while this thread publishes: a hint comes back to the publisher's own node on its thread.
   */
  private final ThreadLocal<Boolean> deaf = new ThreadLocal<>();

  @GuardedBy("lock")
  private final Set<String> hinted = new HashSet<>();

  @GuardedBy("lock")
  private boolean closed;

  private int polls;

  /**
   * @param reads tells the outage how reading goes
   */
  NewsFetcher(LogStore store, Tails tails, Signals signals, Outage.Wait reads) {
    this.reads = reads;
    this.store = store;
    this.tails = tails;
    this.subscription = signals.subscribe(Signals.Topic.LOG, this::heard);
    thread.setDaemon(true);
  }

  void start() {
    thread.start();
  }

  /** Publishes a hint that is not for this node itself, whose tails know already. */
  void deaf(Runnable publish) {
    deaf.set(true);
    try {
      publish.run();
    } finally {
      deaf.remove();
    }
  }

  private void heard(Collection<String> turns) {
    if (deaf.get() == null) {
      hint(turns);
    }
  }

  /** Something may have happened to these turns. Does not block. */
  void hint(Collection<String> turns) {
    List<String> followed = new ArrayList<>();
    for (String turn : turns) {
      Tail tail = tails.get(turn);
      if (tail != null && tail.watched()) {
        followed.add(turn);
      }
    }
    if (followed.isEmpty()) {
      return;
    }
    lock.lock();
    try {
      hinted.addAll(followed);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  private void loop() {
    long nextPoll = System.nanoTime() + POLL.toNanos();
    while (true) {
      @Nullable Set<String> turns = await(nextPoll - System.nanoTime());
      if (turns == null) {
        return;
      }
      if (nextPoll - System.nanoTime() <= 0) {
        nextPoll = System.nanoTime() + POLL.toNanos();
        addFollowed(turns);
      }
      try {
        fetch(turns);
      } catch (PerdureException e) {
        LOG.log(Level.DEBUG, "The news of followed turns come later: {0}", e.getMessage());
      } catch (RuntimeException e) {
        LOG.log(Level.ERROR, "The news of followed turns cannot be read; the next poll tries.", e);
      }
    }
  }

  /** The turns hinted at, after the wait perhaps none; null once closed. */
  private @Nullable Set<String> await(long nanos) {
    lock.lock();
    try {
      long left = nanos;
      while (hinted.isEmpty() && !closed && left > 0) {
        left = changed.awaitNanos(left);
      }
    } catch (InterruptedException e) {
      // Nobody interrupts this thread; treat it as a hint about nothing.
      LOG.log(Level.DEBUG, "The fetcher was interrupted and goes on.");
    } finally {
      lock.unlock();
    }
    return takeHinted();
  }

  private @Nullable Set<String> takeHinted() {
    lock.lock();
    try {
      if (closed) {
        return null;
      }
      Set<String> taken = new HashSet<>(hinted);
      hinted.clear();
      return taken;
    } finally {
      lock.unlock();
    }
  }

  private void addFollowed(Set<String> turns) {
    boolean all = polls++ % RARELY == 0 || reads.waits();
    for (Tail tail : tails.all()) {
      if (tail.watched() && (all || !tail.fedHere())) {
        turns.add(tail.turn());
      }
    }
  }

  private void fetch(Set<String> turns) {
    Map<String, Long> heads = new HashMap<>();
    for (String turn : turns) {
      Tail tail = tails.get(turn);
      if (tail == null) {
        continue;
      }
      long head = tail.head();
      if (head == LogStore.UNKNOWN) {
        // A follower is reading; whatever it does not find there will be asked for after it.
        tail.markMissed();
        continue;
      }
      heads.put(turn, head);
      if (heads.size() == MAX_TURNS) {
        fetch(heads);
        heads.clear();
      }
    }
    if (!heads.isEmpty()) {
      fetch(heads);
    }
  }

  private void fetch(Map<String, Long> heads) {
    Map<String, News> all = new HashMap<>();
    reads.begin();
    store.news(heads, all);
    reads.done();
    List<String> more = new ArrayList<>();
    all.forEach((turn, news) -> {
      Tail tail = tails.get(turn);
      if (tail == null) {
        return;
      }
      news.blocks().forEach(tail::publish);
      if (news.blocks().size() >= LogStore.NEWS_BLOCKS) {
        more.add(turn);
      } else {
        long head = heads.getOrDefault(turn, -1L);
        long last = news.blocks().isEmpty() ? head : news.blocks().getLast().lastSeq();
        tail.reached(last, news.fate());
      }
    });
    hint(more);
  }

  @Override
  public void close() {
    subscription.close();
    lock.lock();
    try {
      closed = true;
      changed.signalAll();
    } finally {
      lock.unlock();
    }
    try {
      thread.join(TimeUnit.SECONDS.toMillis(10));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}

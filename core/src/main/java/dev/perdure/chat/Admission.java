package dev.perdure.chat;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.PerdureException.Busy;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Who may still join the queue: refuses a turn before its transaction begins, so that an overloaded
 * server spends nothing on it, and never takes back what was accepted. Thread-safe.
 *
 * <p>It decides by figures of the whole fleet that it reads from the rows about once a second, and
 * by what this node has let in since then. So the limits may be overshot by what the other nodes
 * let in within that second.
 *
 * <p>The bound on the queue is shared as switches share their packet buffer (Choudhury and Hahne,
 * "Dynamic queue length thresholds for shared-memory packet switches", 1998): a tenant's part may
 * grow up to what is still free. One tenant alone gets half of the queue, two get a third each, and
 * whoever comes next finds room.
 */
public final class Admission implements AutoCloseable {
  private static final Logger LOG = System.getLogger(Admission.class.getName());

  /** Between two readings of the rows. */
  private static final Duration PERIOD = Duration.ofSeconds(1);

  /** A reading of a long queue is followed by a pause so many times as long as it took. */
  private static final int PAUSE_FACTOR = 20;

  /** Tenants whose refusals are counted one by one; the least recently refused goes. */
  private static final int COUNTED_TENANTS = 1000;

  private static final Duration SHORTEST_RETRY = Duration.ofSeconds(2);
  private static final Duration LONGEST_RETRY = Duration.ofSeconds(60);

  /**
   * Turns that wait for nothing but a node, and have since they were accepted. The last condition
   * leaves out those that had to wait for their session first. A turn that was scheduled has joined
   * the queue at wake_at.
   */
  private static final String TENANTS_IN_QUEUE =
      """
      WITH RECURSIVE waiting (tenant) AS (
        SELECT MIN(tenant) FROM turn WHERE state = 'queued'
        UNION ALL
        SELECT (SELECT MIN(n.tenant) FROM turn n WHERE n.state = 'queued' AND n.tenant > w.tenant)
          FROM waiting w WHERE w.tenant IS NOT NULL)
      SELECT w.tenant,
             (SELECT COUNT(*) FROM turn q WHERE q.tenant = w.tenant AND q.state = 'queued'),
             (SELECT {now} - COALESCE(t.wake_at, t.created_at) FROM turn t
               WHERE t.tenant = w.tenant AND t.state = 'queued' AND t.started_at IS NULL
                 AND NOT EXISTS (SELECT 1 FROM turn o
                                  WHERE o.session_id = t.session_id AND o.position < t.position
                                    AND o.state IN ('queued', 'running', 'waiting'))
                 AND NOT EXISTS (SELECT 1 FROM turn p
                                  WHERE p.session_id = t.session_id AND p.position = t.position - 1
                                    AND p.ended_at > COALESCE(t.wake_at, t.created_at))
               ORDER BY t.id LIMIT 1)
        FROM waiting w WHERE w.tenant IS NOT NULL\
      """;

  private static final String TENANTS_AT_WORK =
      "SELECT tenant, COUNT(*) FROM turn WHERE state = 'running' GROUP BY tenant";

  /** The first condition follows from the second; it is that of the index. */
  private static final String TENANTS_WAITING =
      """
      SELECT tenant, COUNT(*) FROM turn
       WHERE state IN ('queued', 'running', 'waiting') AND state = 'waiting' GROUP BY tenant\
      """;

  /** Between two counts of the turns that wait, of which there may be very many at rest. */
  private static final Duration WAITING_PERIOD = Duration.ofSeconds(30);

  private final Database database;
  private final DeskLimits limits;
  private final Thread reader;
  private volatile boolean closed;
  private volatile State state = new State(new Reading(0, 0, Map.of()));

  /** By tenant; for the thread that reads. */
  private Map<String, Long> waiting = Map.of();

  private long waitingDueNanos = System.nanoTime();

  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private final Map<String, Long> refused =
      new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Long> eldest) {
          return size() > COUNTED_TENANTS;
        }
      };

  public Admission(Database database, DeskLimits limits) {
    this.database = database;
    this.limits = limits;
    this.reader = Thread.ofPlatform().daemon().name("perdure-admission").unstarted(this::read);
  }

  /**
   * The queue as it was at the last reading.
   *
   * @param queued turns in it
   * @param oldestWaitMillis how long the first of those that wait for a node only has waited
   * @param tenants those with open turns
   */
  public record Reading(long queued, long oldestWaitMillis, Map<String, Tenant> tenants) {
    public Reading {
      tenants = Map.copyOf(tenants);
    }

    /** How many tenants have turns in the queue. */
    public long queuingTenants() {
      return tenants.values().stream().filter(tenant -> tenant.queued > 0).count();
    }

    /** The turns in the queue of the tenant that has most there. */
    public long largestPart() {
      return tenants.values().stream().mapToLong(Tenant::queued).max().orElse(0);
    }

    /** The part of one tenant. */
    public Tenant tenant(String name) {
      return tenants.getOrDefault(name, Tenant.NONE);
    }
  }

  /**
   * A tenant's part of the figures.
   *
   * @param open turns that are queued, running or waiting
   */
  public record Tenant(long open, long queued, long oldestWaitMillis) {
    static final Tenant NONE = new Tenant(0, 0, 0);
  }

  /** A reading, and what this node has let in since. */
  private static final class State {
    private final Reading reading;
    private final Map<String, AtomicLong> opened = new ConcurrentHashMap<>();
    private final Map<String, AtomicLong> queued = new ConcurrentHashMap<>();
    private final AtomicLong allQueued = new AtomicLong();

    private State(Reading reading) {
      this.reading = reading;
    }

    private static long add(Map<String, AtomicLong> counts, String tenant, long more) {
      return counts.computeIfAbsent(tenant, name -> new AtomicLong()).addAndGet(more);
    }
  }

  /** Begins to read the rows; without it nobody is refused. */
  public void start() {
    reader.start();
  }

  @Override
  public void close() {
    closed = true;
    reader.interrupt();
  }

  /** The figures of the last reading. */
  public Reading reading() {
    return state.reading;
  }

  public DeskLimits limits() {
    return limits;
  }

  /** Turns of a tenant that were refused here since the start, as far as they are remembered. */
  public long refused(String tenant) {
    lock.lock();
    try {
      return refused.getOrDefault(tenant, 0L);
    } finally {
      lock.unlock();
    }
  }

  void countRefused(Caller caller) {
    lock.lock();
    try {
      refused.merge(caller.tenant(), 1L, Long::sum);
    } finally {
      lock.unlock();
    }
  }

  /** What has come of asking: let in, until {@link #withdraw}, or refused. */
  static final class Entry {
    private final State counted;
    private final String tenant;
    private final @Nullable PerdureException refusal;
    private long queuing;
    private long opening;

    private Entry(
        State counted, String tenant, boolean queues, @Nullable PerdureException refusal) {
      this.counted = counted;
      this.tenant = tenant;
      this.refusal = refusal;
      if (refusal == null) {
        opening = 1;
        queuing = queues ? 1 : 0;
        count(1);
      }
    }

    /** Whether a new turn must not be accepted. */
    boolean refused() {
      return refusal != null;
    }

    /** Throws why a new turn must not be accepted, unless it may. */
    void require() {
      if (refusal != null) {
        throw refusal;
      }
    }

    /** The turn has not become one of the queue after all, or not become one at all. */
    void withdraw() {
      count(-1);
      opening = 0;
      queuing = 0;
    }

    private void count(long sign) {
      State.add(counted.opened, tenant, sign * opening);
      State.add(counted.queued, tenant, sign * queuing);
      counted.allQueued.addAndGet(sign * queuing);
    }
  }

  /**
   * Asks whether a turn may be accepted, and counts it if so.
   *
   * @param queues whether it would have to wait for a node
   */
  Entry enter(Caller caller, boolean queues) {
    State now = state;
    String tenant = caller.tenant();
    Tenant part = now.reading.tenant(tenant);
    long open = part.open + State.add(now.opened, tenant, 0);
    PerdureException refusal = null;
    if (open >= limits.openTurnsPerTenant()) {
      refusal =
          PerdureException.noRoom(
              ErrorCode.TOO_MANY_TURNS,
              "Your organisation has "
                  + open
                  + " open turns; the limit is "
                  + limits.openTurnsPerTenant()
                  + ". Wait for some to end, or cancel them.",
              busy(now, part));
    } else if (queues) {
      refusal = tooLong(now, tenant, part);
    }
    return new Entry(now, tenant, queues, refusal);
  }

  private @Nullable PerdureException tooLong(State now, String tenant, Tenant part) {
    long all = now.reading.queued + now.allQueued.get();
    long own = part.queued + State.add(now.queued, tenant, 0);
    if (part.oldestWaitMillis <= limits.queueWait().toMillis()
        && own < limits.queuedTurns() - all) {
      return null;
    }
    return PerdureException.noRoom(
        ErrorCode.SERVER_BUSY,
        "The server has no room for another turn: "
            + all
            + " turns are in its queue, "
            + own
            + " of them of your organisation, and yours have been waiting for up to "
            + part.oldestWaitMillis / 1000
            + " s. Nothing was stored; send again later, with the same Idempotency-Key.",
        busy(now, part));
  }

  private static Busy busy(State now, Tenant part) {
    Duration wait = Duration.ofMillis(part.oldestWaitMillis);
    Duration retry = wait.compareTo(SHORTEST_RETRY) < 0 ? SHORTEST_RETRY : wait;
    return new Busy(
        now.reading.queued + now.allQueued.get(),
        part.oldestWaitMillis,
        retry.compareTo(LONGEST_RETRY) > 0 ? LONGEST_RETRY : retry);
  }

  private void read() {
    while (!closed) {
      long began = System.nanoTime();
      try {
        read(System.nanoTime() - waitingDueNanos >= 0);
      } catch (PerdureException e) {
        LOG.log(
            Level.DEBUG,
            "The queue cannot be read: {0} Its last figures are used on.",
            e.getMessage());
      }
      Duration took = Duration.ofNanos(System.nanoTime() - began).multipliedBy(PAUSE_FACTOR);
      try {
        Thread.sleep(took.compareTo(PERIOD) > 0 ? took : PERIOD);
      } catch (InterruptedException e) {
        return;
      }
    }
  }

  /** Reads the rows now. */
  public void refresh() {
    read(true);
  }

  private void read(boolean all) {
    if (all) {
      Map<String, Long> now = new HashMap<>();
      database.read(
          tx -> tx.list(TENANTS_WAITING, row -> now.put(row.getString(1), row.getLong(2))));
      waiting = now;
      waitingDueNanos = System.nanoTime() + WAITING_PERIOD.toNanos();
    }
    Map<String, Long> waits = waiting;
    state = new State(database.read(tx -> read(tx, waits)));
  }

  private static Reading read(Tx tx, Map<String, Long> waits) throws SQLException {
    record Waiting(String tenant, long queued, long waitMillis) {}
    Map<String, Waiting> waiting = new HashMap<>();
    long queued = 0;
    long oldest = 0;
    for (Waiting each :
        tx.list(
            TENANTS_IN_QUEUE,
            row -> new Waiting(row.getString(1), row.getLong(2), Math.max(0, row.getLong(3))))) {
      waiting.put(each.tenant, each);
      queued += each.queued;
      oldest = Math.max(oldest, each.waitMillis);
    }
    Map<String, Long> open = new HashMap<>(waits);
    waiting.forEach((tenant, part) -> open.merge(tenant, part.queued, Long::sum));
    for (Map.Entry<String, Long> running :
        tx.list(TENANTS_AT_WORK, row -> Map.entry(row.getString(1), row.getLong(2)))) {
      open.merge(running.getKey(), running.getValue(), Long::sum);
    }
    Map<String, Tenant> tenants = new HashMap<>();
    open.forEach((tenant, count) -> {
      @Nullable Waiting part = waiting.get(tenant);
      tenants.put(
          tenant,
          part == null ? new Tenant(count, 0, 0) : new Tenant(count, part.queued, part.waitMillis));
    });
    return new Reading(queued, oldest, tenants);
  }
}

package dev.perdure.engine;

import dev.perdure.chat.Starter;
import dev.perdure.db.Signals.Subscription;
import dev.perdure.db.Signals.Topic;
import dev.perdure.engine.TurnQueue.Claim;
import dev.perdure.engine.TurnQueue.Held;
import dev.perdure.protocol.PerdureException;
import dev.perdure.testing.FaultPoints.Point;
import io.micrometer.core.instrument.MeterRegistry;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The node's worker: keeps its lease, claims turns, runs each on a virtual thread, takes over those
 * of dead nodes, and gives its own back when it stops. Thread-safe.
 *
 * <p>Five loops, each on a daemon thread: the lease (first to start, last to stop), the claims, a
 * watch over the leases of others, a sweep that compares what this node does with what the rows
 * say, and the alarm, which sets going what is due. Hints make them quick; polling makes them
 * right.
 */
public final class Engine implements Starter {
  private static final Logger LOG = System.getLogger(Engine.class.getName());

  /** Turns taken from dead nodes in one transaction. */
  private static final int TAKEOVER_BATCH = 500;

  /** Logs deleted in one transaction of the retention. */
  private static final int RETENTION_BATCH = 200;

  private static final Duration RETENTION_EVERY = Duration.ofMinutes(1);

  /** How long what is claimed waits for the rest of a crowd to be claimed too. */
  private static final Duration CROWD_PATIENCE = Duration.ofSeconds(1);

  /** How long a stop waits for the lanes that it has let go before it hands their turns over. */
  private static final Duration LETTING_GO = Duration.ofSeconds(1);

  /** How long it then waits for what still runs here. */
  private static final Duration STOP_PATIENCE = Duration.ofSeconds(10);

  private final EngineParts parts;
  private final EngineConfig config;
  private final TurnQueue queue;
  private final NodeLease lease;
  private final CallGates gates;
  private final EngineMetrics metrics;
  private final String version;
  private final Semaphore room;
  private final Map<String, TurnRunner> runners = new ConcurrentHashMap<>();
  private final List<Loop> loops = new ArrayList<>();
  private final List<Subscription> subscriptions = new ArrayList<>();
  private final AtomicBoolean draining = new AtomicBoolean();
  private final ReentrantLock idleLock = new ReentrantLock();
  private final Condition idle = idleLock.newCondition();
  private final Loop claimLoop;
  private final Loop sweepLoop;
  private final Loop compensateLoop;
  private final Alarm alarm;

  private final NodeHealth health;

  /**
   * Whether turns wait for room. Then no new one may take a place past them: until the queue was
   * found empty, every turn goes through it.
   */
  private volatile boolean backlog;

  /**
   * Turns that look orphaned, and since when by the clock's milliseconds. Used by the sweep's
   * thread only.
   */
  private Map<Claim, Long> suspects = Map.of();

  /** Turns that are held but not run, as only a newer version can read them. */
  private final Set<Claim> leftAlone = ConcurrentHashMap.newKeySet();

  private long retentionDueMillis;

  /**
   * @param version of this build, for the node's row
   */
  public Engine(EngineParts parts, String version, MeterRegistry registry) {
    this.parts = parts;
    this.config = parts.config();
    this.version = version;
    this.queue = new TurnQueue(parts.database(), parts.log(), parts.nodeId(), parts.faults());
    this.lease = new NodeLease(parts.database(), parts.nodeId(), config.lease());
    this.health = new NodeHealth(config.lease(), config.beat());
    this.gates = new CallGates(parts.providers());
    this.metrics = new EngineMetrics(registry, runners::size, gates::waiting);
    this.room = new Semaphore(config.maxRunning());
    this.claimLoop = new Loop("perdure-claim", config.poll(), this::claim);
    this.sweepLoop = new Loop("perdure-sweep", config.poll(), this::sweep);
    Compensator compensator = new Compensator(parts, metrics);
    this.compensateLoop = new Loop("perdure-undo", config.poll(), compensator::run);
    this.alarm = new Alarm(parts, new AlarmPlaces(), draining::get);
  }

  /** Takes the lease and starts to work. */
  public void start() {
    beat();
    if (!parts.database().shared()) {
      // The database's lock says that whoever held these turns is dead.
      lease.forgetAllOthers();
      takeOver();
    }
    subscriptions.add(parts.database().signals().subscribe(Topic.QUEUE, turns -> claimLoop.wake()));
    subscriptions.add(parts.database().signals().subscribe(Topic.TURN, this::intentsChanged));
    loops.add(new Loop("perdure-lease", config.beat(), this::beat));
    loops.add(claimLoop);
    loops.add(sweepLoop);
    if (parts.database().shared()) {
      loops.add(new Loop("perdure-watch", config.beat(), this::watch));
    }
    loops.add(compensateLoop);
    loops.add(alarm.loop());
    loops.forEach(Loop::start);
    LOG.log(Level.INFO, "Node {0} takes turns.", parts.nodeId());
  }

  /** The number of turns at work here. */
  public int running() {
    return runners.size();
  }

  /** Why this node should get no new work, in a word each; empty if it should. */
  public List<String> notReady() {
    return health.beats(parts.clock().millis()) ? List.of() : List.of("database");
  }

  /** Stops taking turns; those at work go on. Idempotent. */
  public void drain() {
    draining.set(true);
  }

  /**
   * Stops: no more claims, running turns have the grace time to end, the rest is given back so that
   * a peer starts it at once. The lease ends last.
   */
  public void stop(Duration grace) throws InterruptedException {
    drain();
    // What has just been accepted or claimed here is at work, though nobody sees it run yet.
    claimLoop.stop();
    awaitIdle(grace);
    sweepLoop.stop();
    compensateLoop.stop();
    alarm.loop().stop();
    int rest = runners.size();
    runners.values().forEach(TurnRunner::release);
    awaitIdle(LETTING_GO);
    subscriptions.forEach(Subscription::close);
    parts.faults().at(Point.DRAINING);
    try {
      // What a runner may still have on its way is refused by its epoch.
      handOver();
      LOG.log(
          Level.INFO, "Stopped; {0} turns were not over and are queued again for others.", rest);
      awaitIdle(STOP_PATIENCE);
      // A message whose commit took longer than all of this.
      handOver();
      loops.forEach(Loop::stop);
      lease.leave();
    } catch (PerdureException e) {
      loops.forEach(Loop::stop);
      LOG.log(
          Level.WARNING,
          "Stopped without the database: {0} Peers take over when the lease ends.",
          e.getMessage());
    }
  }

  /** Queues the turns of this node again and tells its peers. */
  private void handOver() {
    List<String> given = queue.giveBackAll();
    parts.faults().at(Point.HANDED_OVER);
    if (!given.isEmpty()) {
      parts.database().signals().publish(Topic.QUEUE, given);
    }
  }

  /** Waits until no turn is at work here or about to be, at most that long. */
  private void awaitIdle(Duration atMost) throws InterruptedException {
    idleLock.lockInterruptibly();
    try {
      long left = atMost.toNanos();
      while (room.availablePermits() < config.maxRunning() && left > 0) {
        left = idle.awaitNanos(left);
      }
    } finally {
      idleLock.unlock();
    }
  }

  @Override
  public Optional<Seat> seat() {
    if (draining.get() || !health.beats(parts.clock().millis()) || backlog) {
      return Optional.empty();
    }
    if (!room.tryAcquire()) {
      backlog = true;
      return Optional.empty();
    }
    if (draining.get()) {
      // A stop that has begun meanwhile may not have seen that this place was taken.
      leave(1);
      return Optional.empty();
    }
    return Optional.of(
        new Seat() {
          @Override
          public String nodeId() {
            return parts.nodeId();
          }

          @Override
          public void start(String turn) {
            launch(new Claim(turn, 1));
          }

          @Override
          public void giveBack() {
            leave(1);
          }
        });
  }

  private final class AlarmPlaces implements Alarm.Places {
    @Override
    public boolean take(int places) {
      if (backlog || !room.tryAcquire(places)) {
        return false;
      }
      if (draining.get()) {
        // As for a seat: a stop that has begun meanwhile may have seen all places free.
        leave(places);
        return false;
      }
      return true;
    }

    @Override
    public void giveBack(int places) {
      leave(places);
      if (backlog) {
        // Somebody found no place while these were taken.
        claimLoop.wake();
      }
    }

    @Override
    public void launch(List<Claim> claims) {
      metrics.claimed(claims.size());
      claims.forEach(Engine.this::launch);
    }

    @Override
    public void queued() {
      claimLoop.wake();
    }
  }

  /**
   * Runs a claimed turn; its place in {@link #room} is taken already. One that was held until it
   * looked orphaned and was claimed anew, comes too late.
   */
  private void launch(Claim claim) {
    TurnRunner runner = new TurnRunner(parts, metrics, queue, gates, claim);
    @Nullable TurnRunner before;
    while ((before = runners.putIfAbsent(claim.turn(), runner)) != null) {
      if (before.claim().epoch() > claim.epoch()) {
        leave(1);
        return;
      }
      if (runners.replace(claim.turn(), before, runner)) {
        before.release();
        break;
      }
    }
    Thread.ofVirtual().name(claim.turn()).start(() -> run(runner));
  }

  private void run(TurnRunner runner) {
    try {
      runner.run();
    } catch (RuntimeException e) {
      if (e instanceof PerdureException known && known.isNewer()) {
        leftAlone.add(runner.claim());
        LOG.log(
            Level.WARNING,
            "Turn {0} is left alone: {1} This node hands it over when it stops.",
            runner.claim().turn(),
            known.getMessage());
        return;
      }
      LOG.log(
          Level.ERROR,
          "Turn " + runner.claim().turn() + " stopped by a bug here; the sweep queues it again.",
          e);
    } finally {
      runners.remove(runner.claim().turn(), runner);
      leave(1);
      if (draining.get()) {
        // What waits behind it in its session is for others now.
        parts.database().signals().publish(Topic.QUEUE, List.of(runner.claim().turn()));
      } else {
        claimLoop.wake();
      }
    }
  }

  /** Gives places back. */
  private void leave(int places) {
    room.release(places);
    idleLock.lock();
    try {
      idle.signalAll();
    } finally {
      idleLock.unlock();
    }
  }

  private void beat() {
    try {
      lease.beat(version);
    } catch (RuntimeException e) {
      health.failed();
      throw e;
    }
    health.beat(parts.clock().millis());
  }

  /**
   * Claims what there is room for, and runs it. Of a crowd all are claimed before the first of them
   * runs, because what runs takes from the claims of the others what they need: the processors, and
   * on SQLite the one writer.
   */
  private void claim() {
    List<Claim> held = new ArrayList<>();
    try {
      long begun = parts.clock().millis();
      while (claim(held)) {
        if (parts.clock().millis() - begun > CROWD_PATIENCE.toMillis()) {
          held.forEach(this::launch);
          held.clear();
        }
      }
    } finally {
      held.forEach(this::launch);
    }
  }

  /** Claims a batch; whether there may be more. */
  private boolean claim(List<Claim> into) {
    int wanted = Math.min(room.availablePermits(), config.claimBatch());
    if (draining.get() || wanted <= 0) {
      return false;
    }
    if (!room.tryAcquire(wanted)) {
      // The desk has just taken a seat: there is less room than it seemed, not none.
      return true;
    }
    int claimed = 0;
    try {
      List<Claim> claims = queue.claim(wanted);
      claimed = claims.size();
      into.addAll(claims);
      metrics.claimed(claimed);
    } finally {
      leave(wanted - claimed);
    }
    if (claimed < wanted) {
      backlog = false;
    }
    return claimed == wanted;
  }

  private void intentsChanged(Collection<String> turns) {
    for (String turn : turns) {
      @Nullable TurnRunner runner = runners.get(turn);
      if (runner != null) {
        Thread.ofVirtual().name("intents-" + turn).start(() -> readIntents(runner));
      }
    }
  }

  private static void readIntents(TurnRunner runner) {
    try {
      runner.intentsChanged();
    } catch (PerdureException e) {
      LOG.log(
          Level.WARNING,
          "The intents of turn {0} cannot be read: {1} The sweep reads them again.",
          runner.claim().turn(),
          e.getMessage());
    }
  }

  private void sweep() {
    reconcile();
    if (parts.database().shared() && !draining.get() && health.mayJudge(parts.clock().millis())) {
      takeOver();
    }
    long now = parts.clock().millis();
    if (now >= retentionDueMillis) {
      lease.forgetDead();
      int swept =
          parts.log().sweep(config.logRetention(), config.idempotencyRetention(), RETENTION_BATCH);
      if (swept < RETENTION_BATCH) {
        retentionDueMillis = now + RETENTION_EVERY.toMillis();
      }
    }
  }

  /** Looks as often as leases are renewed, and at them only: what it finds is rare. */
  private void watch() {
    if (!draining.get() && health.mayJudge(parts.clock().millis()) && queue.hasDead()) {
      takeOver();
    }
  }

  /** Brings what runs here together with what the rows say is held here. */
  private void reconcile() {
    List<TurnRunner> before = List.copyOf(runners.values());
    Set<Claim> byRow = new HashSet<>();
    Set<Claim> orphans = new HashSet<>();
    Set<Claim> alone = Set.copyOf(leftAlone);
    for (Held held : queue.held()) {
      byRow.add(held.claim());
      @Nullable TurnRunner runner = runners.get(held.claim().turn());
      if (runner == null || !runner.claim().equals(held.claim())) {
        if (!alone.contains(held.claim())) {
          orphans.add(held.claim());
        }
      } else if (held.hasIntent() || runner.hasWaiting()) {
        readIntents(runner);
      }
    }
    for (TurnRunner runner : before) {
      if (!byRow.contains(runner.claim())) {
        runner.release();
      }
    }
    alone.stream().filter(claim -> !byRow.contains(claim)).forEach(leftAlone::remove);
    giveBack(orphans);
  }

  /**
   * Queues orphans again. Between a claim's commit and its launch a turn looks orphaned too, for
   * longer than a moment on a busy machine, so each is given the time of a lease.
   */
  private void giveBack(Set<Claim> orphans) {
    long now = parts.clock().millis();
    Map<Claim, Long> still = new HashMap<>();
    for (Claim orphan : orphans) {
      long since = suspects.getOrDefault(orphan, now);
      if (now - since < config.lease().toMillis()) {
        still.put(orphan, since);
      } else {
        LOG.log(Level.WARNING, "Turn {0} is held but not worked on; queued again.", orphan.turn());
        queue.giveBackOrphan(orphan);
        claimLoop.wake();
      }
    }
    suspects = still;
  }

  private void takeOver() {
    int taken;
    do {
      List<String> turns = queue.requeueDead(TAKEOVER_BATCH);
      taken = turns.size();
      if (taken > 0) {
        LOG.log(Level.INFO, "Queued {0} turns of a dead node again.", taken);
        metrics.takenOver(taken);
        parts.database().signals().publish(Topic.QUEUE, turns);
      }
    } while (taken == TAKEOVER_BATCH);
  }
}

package dev.perdure.it.chaos;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.it.PerdureProcess;
import dev.perdure.it.check.Stored.Trouble;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Breaks things, one or two at a time, as the seed says, and mends each after a while. {@link #run}
 * is for one thread; each fault has its own.
 */
final class Nemesis {
  /** The most faults at the same time; more would only hide one another. */
  private static final int AT_ONCE = 2;

  private static final int GAP_MILLIS = 2_500;

  /** How often a crash point is passed at the most before the process dies there. */
  private static final int MOST_AT_POINT = 40;

  /** The same of a point that only calls of tools and waits pass, or that was asked for. */
  private static final int MOST_AT_RARE = 4;

  /** Where a process may die, as the plan of its faults names them. */
  static final List<String> CRASH_POINTS =
      List.of(
          "accepted",
          "claiming",
          "claimed",
          "appending",
          "appended",
          "ending",
          "ending_uncommitted",
          "ended",
          "handed_over",
          "draining",
          "tool_intent",
          "tool_made",
          "tool_stored",
          "parking",
          "parked");

  /** From a leap second to a wrong time zone. */
  private static final long[] CLOCK_JUMPS = {
    -3_600_000, -120_000, -3_000, -1_000, 1_000, 3_000, 120_000, 3_600_000
  };

  private final Cluster cluster;
  private final World world;
  private final Takeovers takeovers;
  private final boolean sqlite;
  private final List<Fault> possible;
  private final List<String> points;
  private final SplittableRandom random;
  private final Set<String> present = ConcurrentHashMap.newKeySet();
  private final List<Thread> threads = new ArrayList<>();

  /** What must not be broken a second time before it is mended; null stands for the database. */
  @GuardedBy("this")
  private final Set<@Nullable Node> busy = new HashSet<>();

  @GuardedBy("this")
  private final List<Trouble> troubles = new ArrayList<>();

  @GuardedBy("this")
  private final Map<Fault, Integer> counts = new EnumMap<>(Fault.class);

  Nemesis(
      Cluster cluster,
      World world,
      Takeovers takeovers,
      ChaosOptions options,
      SplittableRandom random) {
    this.cluster = cluster;
    this.world = world;
    this.takeovers = takeovers;
    this.sqlite = options.sqlite();
    this.random = random;
    this.points = options.points();
    this.possible =
        Arrays.stream(Fault.values())
            .filter(fault -> options.only().contains(fault) && fault.weight(sqlite) > 0)
            .filter(fault -> fault != Fault.DISK_FULL || PerdureProcess.canLimitFiles())
            .toList();
  }

  /** Goes on until the world calms down, then waits until everything is mended. */
  void run() throws InterruptedException {
    while (!world.isCalm()) {
      world.pause(300L + random.nextInt(GAP_MILLIS));
      if (possible.isEmpty()) {
        continue;
      }
      Fault fault = pick();
      @Nullable Node node = fault.ofNode() ? world.any(random) : null;
      long millis = 300L + random.nextInt(4_500);
      SplittableRandom own = random.split();
      if (!world.isCalm() && present.size() < AT_ONCE && take(node)) {
        threads.add(
            Thread.ofVirtual().name("nemesis").start(() -> happen(fault, node, millis, own)));
      }
    }
    for (Thread thread : threads) {
      thread.join();
    }
  }

  /**
   * Kills one node after the other while it has turns, and nothing else. The next one dies as soon
   * as all of these turns are at work elsewhere and two nodes are up.
   */
  void kill(int times) throws InterruptedException {
    for (int i = 0; i < times && !world.isOver(); i++) {
      Node node = world.any(random);
      Takeovers.Before before = takeovers.before(node);
      while ((before.count() == 0 || !node.ready() || ready() < 2) && !world.isOver()) {
        Thread.sleep(50);
        node = world.any(random);
        before = takeovers.before(node);
      }
      long from = System.currentTimeMillis();
      node.kill();
      takeovers.after(before);
      node.letStart();
      present.add("kill -9 " + (i + 1) + " of " + times);
      takeovers.await();
      present.clear();
      synchronized (this) {
        counts.merge(Fault.KILL, 1, Integer::sum);
        String what = Fault.KILL.text + " (node " + node.number() + ")";
        troubles.add(new Trouble(what, from, System.currentTimeMillis(), true));
      }
      world.pause(random.nextInt(GAP_MILLIS));
    }
    for (Node node : world.nodes()) {
      awaitReady(node);
    }
  }

  private long ready() {
    return world.nodes().stream().filter(Node::ready).count();
  }

  private Fault pick() {
    int total = possible.stream().mapToInt(fault -> fault.weight(sqlite)).sum();
    int ticket = random.nextInt(total);
    for (Fault fault : possible) {
      ticket -= fault.weight(sqlite);
      if (ticket < 0) {
        return fault;
      }
    }
    throw new IllegalStateException("The weights do not add up");
  }

  private synchronized boolean take(@Nullable Node node) {
    return busy.add(node);
  }

  private void happen(Fault fault, @Nullable Node node, long millis, SplittableRandom own) {
    String what = fault.text + (node == null ? "" : " (node " + node.number() + ")");
    present.add(what);
    long from = System.currentTimeMillis();
    boolean happened = true;
    try {
      if (node == null) {
        befall(fault, millis, own);
      } else if (fault == Fault.CRASH) {
        happened = crash(node, millis, own);
      } else {
        befall(fault, node, millis, own);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      synchronized (this) {
        troubles.add(new Trouble(what, from, System.currentTimeMillis(), fault.deadly()));
        counts.merge(fault, happened ? 1 : 0, Integer::sum);
        busy.remove(node);
      }
      present.remove(what);
    }
  }

  private void befall(Fault fault, Node node, long millis, SplittableRandom own)
      throws InterruptedException {
    switch (fault) {
      case KILL -> {
        Takeovers.Before before = takeovers.before(node);
        node.kill();
        takeovers.after(before);
        world.pause(millis / 2);
        awaitReady(node);
      }
      case STOP -> {
        node.terminate();
        world.pause(millis / 2);
        awaitReady(node);
      }
      case FREEZE -> {
        if (node.freeze()) {
          world.pause(1_000 + millis);
          node.thaw();
        }
      }
      case CLOCK -> {
        // The next ones of its processes have it too: a machine's clock outlives them.
        long jump = CLOCK_JUMPS[own.nextInt(CLOCK_JUMPS.length)];
        inside(node, "clock=" + jump, millis);
      }
      case SLOW_COMMIT -> inside(node, "commit=" + (20 + millis / 20), millis);
      case DATABASE_CUT -> node.database().cut();
      case DATABASE_REFUSED -> {
        node.database().refuse();
        world.pause(millis);
        node.database().heal();
      }
      case DATABASE_SILENT -> {
        node.database().stall();
        world.pause(millis);
        node.database().heal();
      }
      case DATABASE_SLOW -> {
        node.database().delay(5 + millis / 100);
        world.pause(millis);
        node.database().heal();
      }
      case DISK_FULL -> {
        node.fillDisk(cluster.store().bytes());
        world.pause(millis);
        node.emptyDisk();
      }
      case CRASH,
          DATABASE_RESTART,
          DATABASE_CRASH,
          DATABASE_LOCKED,
          PROVIDER_REFUSED,
          PROVIDER_SILENT,
          CLIENTS_CUT ->
          throw new IllegalStateException(fault + " is something else");
    }
  }

  private void inside(Node node, String lines, long millis) throws InterruptedException {
    node.faults(lines);
    world.pause(millis);
    node.faults("");
  }

  /** The process ends itself where the seed says; returns whether it got there in time. */
  private boolean crash(Node node, long millis, SplittableRandom own) throws InterruptedException {
    String point = points.get(own.nextInt(points.size()));
    boolean rare =
        point.startsWith("tool_")
            || point.startsWith("park")
            || points.size() < CRASH_POINTS.size();
    boolean draining = point.equals("draining") || point.equals("handed_over");
    node.holdWhenDead();
    node.faults(
        "crash="
            + point
            + "@"
            + (draining ? 1 : 1 + own.nextInt(rare ? MOST_AT_RARE : MOST_AT_POINT)));
    if (draining) {
      node.terminate();
    }
    for (long waited = 0; waited < millis && node.alive() && !world.isCalm(); waited += 50) {
      world.pause(50);
    }
    node.faults("");
    boolean died = !node.alive();
    awaitReady(node);
    return died;
  }

  private void awaitReady(Node node) throws InterruptedException {
    node.letStart();
    while (!node.ready() && !world.isOver()) {
      Thread.sleep(50);
    }
  }

  private void befall(Fault fault, long millis, SplittableRandom own) throws InterruptedException {
    switch (fault) {
      case DATABASE_RESTART -> {
        cluster.store().stop(true);
        world.pause(millis);
        cluster.store().start();
      }
      case DATABASE_CRASH -> {
        cluster.store().stop(false);
        world.pause(millis / 4);
        cluster.store().start();
      }
      case DATABASE_LOCKED -> {
        Store.Blockade blockade = cluster.store().block();
        try {
          world.pause(millis);
        } finally {
          blockade.close();
        }
      }
      case PROVIDER_REFUSED -> {
        cluster.providerGate().refuse();
        world.pause(millis / 2);
        cluster.providerGate().heal();
      }
      case PROVIDER_SILENT -> {
        cluster.providerGate().stall();
        world.pause(millis / 2);
        cluster.providerGate().heal();
      }
      case CLIENTS_CUT -> world.cutStreams(own, 2);
      case KILL,
          CRASH,
          STOP,
          FREEZE,
          CLOCK,
          SLOW_COMMIT,
          DATABASE_CUT,
          DATABASE_REFUSED,
          DATABASE_SILENT,
          DATABASE_SLOW,
          DISK_FULL ->
          throw new IllegalStateException(fault + " is of a node");
    }
  }

  /** What is broken now. */
  Collection<String> present() {
    return List.copyOf(present);
  }

  /** How many faults have happened and were mended. */
  synchronized int happened() {
    return counts.values().stream().mapToInt(Integer::intValue).sum();
  }

  synchronized List<Trouble> troubles() {
    return List.copyOf(troubles);
  }

  synchronized Map<Fault, Integer> counts() {
    return new EnumMap<>(counts);
  }
}

package dev.perdure.it.chaos;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.it.check.Stored.Trouble;
import java.util.ArrayList;
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

  private final Cluster cluster;
  private final World world;
  private final Takeovers takeovers;
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

  Nemesis(Cluster cluster, World world, Takeovers takeovers, SplittableRandom random) {
    this.cluster = cluster;
    this.world = world;
    this.takeovers = takeovers;
    this.random = random;
  }

  /** What can happen, and what it is called in reports. */
  enum Fault {
    KILL("kill -9", 5),
    STOP("SIGTERM", 3),
    FREEZE("SIGSTOP longer than the lease", 3),
    DATABASE_RESTART("database restart", 1),
    DATABASE_CRASH("database crash", 1),
    DATABASE_CUT("database connections of a node reset", 2),
    DATABASE_REFUSED("database refuses a node", 2),
    DATABASE_SILENT("database silent for a node", 2),
    DATABASE_SLOW("database slow for a node", 2),
    PROVIDER_REFUSED("provider refuses", 1),
    PROVIDER_SILENT("provider silent", 1),
    CLIENTS_CUT("client connections reset", 3);

    final String text;
    final int weight;

    Fault(String text, int weight) {
      this.text = text;
      this.weight = weight;
    }

    boolean ofNode() {
      return switch (this) {
        case KILL, STOP, FREEZE, DATABASE_CUT, DATABASE_REFUSED, DATABASE_SILENT, DATABASE_SLOW ->
            true;
        case DATABASE_RESTART, DATABASE_CRASH, PROVIDER_REFUSED, PROVIDER_SILENT, CLIENTS_CUT ->
            false;
      };
    }
  }

  /** Goes on until the world calms down, then waits until everything is mended. */
  void run() throws InterruptedException {
    while (!world.isCalm()) {
      world.pause(300L + random.nextInt(GAP_MILLIS));
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

  private Fault pick() {
    int total = 0;
    for (Fault fault : Fault.values()) {
      total += fault.weight;
    }
    int ticket = random.nextInt(total);
    for (Fault fault : Fault.values()) {
      ticket -= fault.weight;
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
    try {
      if (node == null) {
        happen(fault, millis, own);
      } else {
        happen(fault, node, millis);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      synchronized (this) {
        troubles.add(new Trouble(what, from, System.currentTimeMillis()));
        counts.merge(fault, 1, Integer::sum);
        busy.remove(node);
      }
      present.remove(what);
    }
  }

  private void happen(Fault fault, Node node, long millis) throws InterruptedException {
    switch (fault) {
      case KILL -> {
        Takeovers.Before before = takeovers.before(node);
        node.kill();
        takeovers.after(before, System.currentTimeMillis());
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
      case DATABASE_RESTART, DATABASE_CRASH, PROVIDER_REFUSED, PROVIDER_SILENT, CLIENTS_CUT ->
          throw new IllegalStateException(fault + " is not of a node");
    }
  }

  private void awaitReady(Node node) throws InterruptedException {
    node.letStart();
    while (!node.ready() && !world.isOver()) {
      Thread.sleep(50);
    }
  }

  private void happen(Fault fault, long millis, SplittableRandom own) throws InterruptedException {
    switch (fault) {
      case DATABASE_RESTART -> {
        cluster.postgres().stop();
        world.pause(millis);
        cluster.postgres().start();
      }
      case DATABASE_CRASH -> {
        cluster.postgres().crash();
        world.pause(millis / 4);
        cluster.postgres().start();
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
      case KILL, STOP, FREEZE, DATABASE_CUT, DATABASE_REFUSED, DATABASE_SILENT, DATABASE_SLOW ->
          throw new IllegalStateException(fault + " is of a node");
    }
  }

  /** What is broken now. */
  Collection<String> present() {
    return List.copyOf(present);
  }

  synchronized List<Trouble> troubles() {
    return List.copyOf(troubles);
  }

  synchronized Map<Fault, Integer> counts() {
    return new EnumMap<>(counts);
  }
}

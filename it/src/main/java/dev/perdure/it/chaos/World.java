package dev.perdure.it.chaos;

import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;

/** What all clients share: where the nodes are, what is counted, and how far the run is. */
final class World {
  /** A frozen node answers after its thaw; clients do not wait for that. */
  static final int CALL_MILLIS = 4_000;

  /** Several heartbeats. */
  static final int SILENCE_MILLIS = 4_000;

  private final List<Node> nodes;
  private final Set<Http> streams = ConcurrentHashMap.newKeySet();
  private final CountDownLatch calm = new CountDownLatch(1);
  private volatile boolean over;

  final AtomicLong accepted = new AtomicLong();
  final AtomicLong refused = new AtomicLong();
  final AtomicLong lost = new AtomicLong();
  final AtomicLong cancels = new AtomicLong();
  final AtomicLong connects = new AtomicLong();
  final AtomicLong reconnects = new AtomicLong();
  final AtomicLong events = new AtomicLong();

  /** Clients, of whatever kind, that have something to do or to wait for. */
  final AtomicLong clients = new AtomicLong();

  World(List<Node> nodes) {
    this.nodes = List.copyOf(nodes);
  }

  /** A node for the next request; clients do not know which are well. */
  Node any(RandomGenerator random) {
    return nodes.get(random.nextInt(nodes.size()));
  }

  List<Node> nodes() {
    return nodes;
  }

  /** Clients begin nothing new and stop to misbehave; they finish what they have begun. */
  void calmDown() {
    calm.countDown();
  }

  boolean isCalm() {
    return calm.getCount() == 0;
  }

  /** The patience is at an end: clients give up. */
  void end() {
    over = true;
    calmDown();
    streams.forEach(Http::cut);
  }

  boolean isOver() {
    return over;
  }

  /** A pause that ends early when the world calms down. */
  void pause(long millis) throws InterruptedException {
    if (calm.await(millis, TimeUnit.MILLISECONDS)) {
      Thread.sleep(Math.min(millis, 50));
    }
  }

  void opened(Http stream) {
    streams.add(stream);
  }

  void closed(Http stream) {
    streams.remove(stream);
  }

  int openStreams() {
    return streams.size();
  }

  /** Breaks the connections of about one reader in {@code oneIn}. */
  void cutStreams(RandomGenerator random, int oneIn) {
    for (Http stream : streams) {
      if (random.nextInt(oneIn) == 0) {
        stream.cut();
      }
    }
  }
}

package dev.perdure.it.chaos;

import java.io.IOException;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/** What all clients share: where the nodes are, what is counted, and how far the run is. */
final class World implements AutoCloseable {
  /** Who uses the servers. Two of them share a tenant, and two a name. */
  static final List<Owner> OWNERS =
      List.of(
          new Owner("north", "alice", "chaos-key-north-alice"),
          new Owner("north", "bob", "chaos-key-north-bob"),
          new Owner("south", "alice", "chaos-key-south-alice"));

  /** A caller with a key. */
  record Owner(String tenant, String name, String key) {
    /** As an item of {@code auth.apiKeys}. */
    String setting() {
      return tenant + "/" + name + ":" + key;
    }

    String bearer() {
      return "Bearer " + key;
    }
  }

  /** A turn that somebody has. */
  record Belonging(Owner owner, String session, String turn) {}

  private static final int MAX_BELONGINGS = 64;

  /** Connections of clients that are gone without a word. */
  private static final int MAX_GHOSTS = 60;

  private static final int GHOST_BUFFER_BYTES = 2_048;

  /** A frozen node answers after its thaw; clients do not wait for that. */
  static final int CALL_MILLIS = 4_000;

  private static final int BACK_OFF_MILLIS = 150;

  /** Several heartbeats. */
  static final int SILENCE_MILLIS = 4_000;

  private final List<Node> nodes;
  private final Set<Http> streams = ConcurrentHashMap.newKeySet();
  private final Deque<Belonging> belongings = new ConcurrentLinkedDeque<>();
  private final Deque<Http> ghosts = new ConcurrentLinkedDeque<>();
  private final CountDownLatch calm = new CountDownLatch(1);
  private volatile boolean over;

  final AtomicLong accepted = new AtomicLong();
  final AtomicLong refused = new AtomicLong();
  final AtomicLong lost = new AtomicLong();
  final AtomicLong cancels = new AtomicLong();
  final AtomicLong connects = new AtomicLong();
  final AtomicLong reconnects = new AtomicLong();
  final AtomicLong events = new AtomicLong();
  final AtomicLong haunted = new AtomicLong();

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

  /**
   * Before something is tried again that has just failed, in the calm too: whoever is being started
   * needs the processor more.
   */
  void backOff(RandomGenerator random) throws InterruptedException {
    Thread.sleep(BACK_OFF_MILLIS + random.nextInt(2 * BACK_OFF_MILLIS));
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

  /** Tells of a turn, so that others may try to get at it. */
  void owns(Belonging belonging) {
    belongings.add(belonging);
    if (belongings.size() > MAX_BELONGINGS) {
      belongings.poll();
    }
  }

  /** Something of somebody else; null if there is nothing yet. */
  @Nullable Belonging ofAnother(Owner owner, RandomGenerator random) {
    List<Belonging> others = belongings.stream().filter(one -> !one.owner().equals(owner)).toList();
    return others.isEmpty() ? null : others.get(random.nextInt(others.size()));
  }

  /**
   * Leaves a half-open connection behind: a client that has asked for a stream, or has begun to
   * ask, and then neither reads nor closes, as one whose network is gone. It stays to the end of
   * the run.
   */
  void haunt(Owner owner, String turn, RandomGenerator random) {
    if (ghosts.size() >= MAX_GHOSTS) {
      @Nullable Http oldest = ghosts.poll();
      if (oldest != null) {
        oldest.cut();
      }
    }
    try {
      Http http = new Http(any(random).port(), SILENCE_MILLIS, GHOST_BUFFER_BYTES);
      ghosts.add(http);
      if (random.nextInt(4) == 0) {
        http.askHalf("/v1/turns/" + turn);
      } else {
        http.ask("GET", "/v1/turns/" + turn + "/events", null, "Authorization", owner.bearer());
      }
      haunted.incrementAndGet();
    } catch (IOException e) {
      // That node is down; the next ghost finds another one.
    }
  }

  @Override
  public void close() {
    ghosts.forEach(Http::cut);
  }
}

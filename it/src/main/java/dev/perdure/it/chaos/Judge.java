package dev.perdure.it.chaos;

import dev.perdure.it.check.Checker;
import dev.perdure.it.check.Observation;
import dev.perdure.it.check.Stored;
import dev.perdure.it.check.Violation;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The end of a run, once everything is mended: waits for the backlog, lets a late reader read every
 * turn, and gives all that is known to the checker. For one thread.
 */
final class Judge {
  private static final long SLOTS_MILLIS = 30_000;
  private static final long POLL_MILLIS = 100;
  private static final int LATE_READERS = 32;
  private static final long LATE_MILLIS = 120_000;

  private static final Pattern LOG_ERROR = Pattern.compile("^\\d{4}-\\d\\d-\\d\\dT\\S+ ERROR ");

  /** What the web server says of a connection that comes while it stops. */
  private static final String STOPPING = "Executor rejected handler for new connection";

  private final Cluster cluster;
  private final World world;
  private final Crowd crowd;
  private final Tally tally;
  private final List<String> left = new ArrayList<>();

  Judge(Cluster cluster, World world, Crowd crowd, Tally tally) {
    this.cluster = cluster;
    this.world = world;
    this.crowd = crowd;
    this.tally = tally;
  }

  /** Waits until every client has what it came for and no turn is open, or for too long. */
  void awaitBacklog(Duration patience, Runnable progress) throws InterruptedException {
    long deadline = System.currentTimeMillis() + patience.toMillis();
    try (Archive archive = new Archive(cluster.store().url())) {
      while (System.currentTimeMillis() < deadline
          && (world.clients.get() > 0 || archive.openTurns() > 0)) {
        progress.run();
        Thread.sleep(POLL_MILLIS);
      }
    }
  }

  /** One reader for each turn that has ended, which comes after everything is over. */
  void readAll(SplittableRandom random) throws InterruptedException {
    Map<String, String> turns;
    try (Archive archive = new Archive(cluster.store().url())) {
      turns = archive.endedTurns();
    }
    Map<String, SessionUser> bySession = new HashMap<>();
    for (SessionUser user : crowd.users()) {
      if (user.session() != null) {
        bySession.put(user.session(), user);
      }
    }
    World late = new World(world.nodes());
    late.calmDown();
    Semaphore places = new Semaphore(LATE_READERS);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Map.Entry<String, String> turn : turns.entrySet()) {
        @Nullable SessionUser user = bySession.get(turn.getValue());
        if (user == null) {
          left.add(turn.getKey() + ": its session " + turn.getValue() + " was never opened");
          continue;
        }
        SplittableRandom own = random.split();
        places.acquire();
        threads.execute(() -> {
          try {
            new Reader(
                    late,
                    user.recorder(),
                    own,
                    user.owner(),
                    "late/" + turn.getKey(),
                    turn.getKey(),
                    true)
                .run();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          } finally {
            places.release();
          }
        });
      }
      threads.shutdown();
      if (!threads.awaitTermination(LATE_MILLIS, TimeUnit.MILLISECONDS)) {
        late.end();
      }
    }
  }

  /** Sees whether the nodes have given back everything; the clients must be gone. */
  void checkSlots(Journal journal) throws InterruptedException {
    for (Node node : world.nodes()) {
      awaitZero(node, "perdure_turns_running");
      awaitZero(node, "perdure_stream_open");
    }
    long deadline = System.currentTimeMillis() + SLOTS_MILLIS;
    int open = -1;
    while (open != 0 && System.currentTimeMillis() < deadline) {
      try {
        open = journal.collect();
      } catch (IOException e) {
        left.add("provider: its journal cannot be read: " + e);
        return;
      }
      Thread.sleep(POLL_MILLIS);
    }
    if (open != 0) {
      left.add("provider: " + open + " calls are still open");
    }
  }

  private void awaitZero(Node node, String gauge) throws InterruptedException {
    Pattern line = Pattern.compile("(?m)^" + gauge + "(?:\\{[^}]*})? (\\S+)$");
    long deadline = System.currentTimeMillis() + SLOTS_MILLIS;
    String last = "(no answer)";
    while (System.currentTimeMillis() < deadline) {
      try {
        Http.Answer answer = Http.call(node.port(), World.CALL_MILLIS, "GET", "/metrics", null);
        Matcher found = line.matcher(answer.body());
        last = found.find() ? found.group(1) : "(not there)";
        if (last.equals("0.0") || last.equals("0")) {
          return;
        }
      } catch (IOException e) {
        last = e.toString();
      }
      Thread.sleep(POLL_MILLIS);
    }
    left.add("node " + node.number() + ": " + gauge + " is " + last);
  }

  /** Everything together. */
  List<Violation> check(List<Stored.Trouble> troubles, Journal journal) {
    Checker checker = new Checker(journal.calls(), troubles, Checker.DEFAULT_GRACE);
    checker.toolRequests(cluster.tools().requests());
    try (Archive archive = new Archive(cluster.store().url())) {
      for (SessionUser user : crowd.users()) {
        @Nullable String session = user.session();
        if (session == null) {
          continue;
        }
        List<Observation> seen = user.recorder().read();
        Stored.Session stored = archive.session(session);
        checker.check(seen, stored);
        tally.count(seen, stored);
      }
      left.addAll(archive.leftovers());
    }
    world.nodes().forEach(node -> bugs(node, checker));
    for (String one : left) {
      String[] words = one.split(": ", 2);
      checker.left(words[0], words[1]);
    }
    return checker.violations();
  }

  /** A node that calls something an error of its own is believed. */
  private static void bugs(Node node, Checker checker) {
    try (Stream<String> lines = Files.lines(node.log())) {
      lines
          .filter(line -> LOG_ERROR.matcher(line).find() && !line.contains(STOPPING))
          .forEach(line -> checker.bug("node " + node.number(), line));
    } catch (IOException e) {
      throw new UncheckedIOException("The log " + node.log() + " cannot be read", e);
    }
  }
}

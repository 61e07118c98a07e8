package dev.perdure.bench;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.bench.WaitsPlace.Sent;
import dev.perdure.db.Database;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * What turns cost that wait, and how soon they start when many are due at the same instant: beside
 * what runs meanwhile, and when no server was there at that instant.
 */
final class WaitsBench {
  /** Until the JIT compiler has done with the start. */
  private static final long SETTLE_MILLIS = 15_000;

  /** From the choice of an instant until it, beside the rest: to fill, to start and to settle. */
  private static final long AHEAD_MILLIS = 2 * SETTLE_MILLIS + 90_000;

  private static final long AHEAD_OF_RESTART_MILLIS = 60_000;
  private static final long PROBE_EVERY_MILLIS = 200;
  private static final long PROBED_FROM_MILLIS = 3_000;
  private static final long LOOK_AGAIN_MILLIS = 500;
  private static final double KIB_PER_MIB = 1024;

  private static final String SAY = "/pace 1ms\\n";

  private final WaitsPlace place;
  private final String name;
  private final int waiting;
  private final int due;
  private final long restMillis;

  private WaitsBench(WaitsPlace place, String name, int waiting, int due, int restSeconds) {
    this.place = place;
    this.name = name;
    this.waiting = waiting;
    this.due = due;
    this.restMillis = restSeconds * 1000L;
  }

  static int run(List<String> args) throws IOException, InterruptedException {
    List<String> targets = List.of(LoadOptions.SQLITE, LoadOptions.POSTGRES);
    int waiting = 100_000;
    int due = 10_000;
    int rest = 60;
    for (int i = 0; i + 1 < args.size(); i += 2) {
      String value = args.get(i + 1);
      switch (args.get(i)) {
        case "--target" -> targets = List.of(value.split(","));
        case "--turns" -> waiting = Integer.parseInt(value);
        case "--due" -> due = Integer.parseInt(value);
        case "--rest" -> rest = Integer.parseInt(value);
        default -> throw new IllegalArgumentException("'" + args.get(i) + "' is not an option.");
      }
    }
    if (args.size() % 2 != 0 || due > waiting || due < 2) {
      throw new IllegalArgumentException(
          "'waits' takes --target LIST, --turns N, --due M, at most N, and --rest SECONDS.");
    }
    for (String target : targets) {
      try (WaitsPlace place = WaitsPlace.open(target, LoadOptions.DEFAULT)) {
        new WaitsBench(place, target, waiting, due, rest).measure();
      }
    }
    return 0;
  }

  private void measure() throws IOException, InterruptedException {
    place.start();
    Rest empty = rest();
    List<String> far = new ArrayList<>();
    for (String message : farAhead()) {
      far.add(parked(message).session());
    }
    place.stop();
    try (Database database = place.database()) {
      WaitingRows rows = new WaitingRows(database);
      for (String session : far) {
        List<String> _ = rows.copy(session, (waiting - due) / far.size() - 1);
      }
      rows.analyze();
    }
    say("filled");
    Due inTime = due(AHEAD_MILLIS + restMillis);
    place.start();
    Rest full = rest();
    print(empty, full);
    report("as they are due", inTime, inTime.at);
    Due late = due(AHEAD_OF_RESTART_MILLIS);
    sleepUntil(late.at);
    report("after a restart", late, place.start());
  }

  private static List<String> farAhead() {
    return List.of(
        "{\"text\":\"" + SAY + "/echo Good morning.\",\"delay\":\"P30D\"}",
        wait("{'for':'P30D'}"),
        "{\"text\":\""
            + SAY
            + "/tool ask_user {\\\"question\\\":\\\"Which?\\\"}\",\"tools\":[\"ask_user\"]}",
        "{\"text\":\"" + SAY + "/tool time {}\",\"toolPolicy\":{\"time\":\"always\"}}");
  }

  private static String wait(String arguments) {
    return "{\"text\":\""
        + SAY
        + "/tool wait "
        + arguments.replace("'", "\\\"")
        + "\",\"tools\":[\"wait\"]}";
  }

  private Sent parked(String message) throws IOException, InterruptedException {
    Sent sent = place.send(message);
    place.await(sent.turn(), message.contains("delay") ? "scheduled" : "waiting");
    return sent;
  }

  private record Due(long at, List<String> turns) {}

  /** Half of them scheduled for an instant, half in the middle of a reply that waits for it. */
  private Due due(long ahead) throws IOException, InterruptedException {
    place.stop();
    place.start();
    long at = System.currentTimeMillis() + ahead;
    Sent later = place.send("{\"text\":\"" + SAY + "/echo Hello.\",\"notBefore\":" + at + "}");
    place.await(later.turn(), "scheduled");
    Sent wait = parked(wait("{'until':'" + Instant.ofEpochMilli(at) + "'}"));
    place.stop();
    List<String> turns = new ArrayList<>(List.of(later.turn(), wait.turn()));
    try (Database database = place.database()) {
      WaitingRows rows = new WaitingRows(database);
      turns.addAll(rows.copy(later.session(), due / 2 - 1));
      turns.addAll(rows.copy(wait.session(), due / 2 - 1));
    }
    if (System.currentTimeMillis() > at) {
      throw new IOException("It took too long to fill the database; use fewer turns.");
    }
    return new Due(at, turns);
  }

  /** A server with nothing to do. */
  private record Rest(long heapKib, long residentKib, double serverCpu, double databaseCpu) {}

  private Rest rest() throws IOException, InterruptedException {
    Thread.sleep(SETTLE_MILLIS);
    double[] before = place.cpu();
    Thread.sleep(restMillis);
    double[] after = place.cpu();
    long resident = place.residentKib();
    return new Rest(place.heapKib(), resident, after[0] - before[0], after[1] - before[1]);
  }

  private void print(Rest empty, Rest full) {
    System.out.printf(
        Locale.ROOT,
        "| %s | %d waiting | live heap %.1f MB (empty %.1f) | RSS %.0f MB (empty %.0f)"
            + " | CPU-s at rest: server %.2f (empty %.2f), database %.2f (empty %.2f) |%n",
        name,
        waiting,
        full.heapKib / KIB_PER_MIB,
        empty.heapKib / KIB_PER_MIB,
        full.residentKib / KIB_PER_MIB,
        empty.residentKib / KIB_PER_MIB,
        full.serverCpu,
        empty.serverCpu,
        full.databaseCpu,
        empty.databaseCpu);
  }

  /**
   * Waits until all have ended, and says how long after an instant they were started: claimed, with
   * {@code turn.started} in their logs.
   */
  private void report(String what, Due set, long from) throws IOException, InterruptedException {
    AtomicBoolean over = new AtomicBoolean();
    List<String> probes = new CopyOnWriteArrayList<>();
    Thread prober = Thread.ofVirtual().start(() -> probe(from, over, probes));
    Latencies starts = new Latencies();
    long lastEnd = 0;
    sleepUntil(from);
    place.await(set.turns.getLast(), "completed");
    for (String turn : set.turns) {
      List<JsonNode> log = place.log(turn);
      while (!log.getLast().path("type").asText().equals("turn.ended")) {
        Thread.sleep(LOOK_AGAIN_MILLIS);
        log = place.log(turn);
      }
      if (!log.getLast().path("state").asText().equals("completed")) {
        throw new IOException("The turn " + turn + " has ended as " + log.getLast());
      }
      starts.add((last(log, "turn.started") - from) * 1000);
      lastEnd = Math.max(lastEnd, log.getLast().path("at").longValue());
    }
    over.set(true);
    prober.join();
    Latencies begins = new Latencies();
    Latencies wholes = new Latencies();
    for (String turn : probes) {
      place.await(turn, "completed");
      List<JsonNode> log = place.log(turn);
      if (log.getFirst().path("at").longValue() < lastEnd) {
        begins.add((last(log, "turn.started") - last(log, "turn.accepted")) * 1000);
        wholes.add((last(log, "turn.ended") - last(log, "turn.accepted")) * 1000);
      }
    }
    System.out.printf(
        Locale.ROOT,
        "| %s | %d %s | started after p50 %.0f, p99 %.0f, max %.0f ms | all ended after %.1f s"
            + " | %d new turns meanwhile: started after p50 %.0f, max %.0f ms; ended after p50 %.0f,"
            + " max %.0f ms |%n",
        name,
        set.turns.size(),
        what,
        starts.millis(0.5),
        starts.millis(0.99),
        starts.maxMillis(),
        (lastEnd - from) / 1000.0,
        begins.count(),
        begins.millis(0.5),
        begins.maxMillis(),
        wholes.millis(0.5),
        wholes.maxMillis());
  }

  /** Sends new messages meanwhile, as users do who wait for nothing. */
  private void probe(long from, AtomicBoolean over, List<String> probes) {
    try {
      sleepUntil(from - PROBED_FROM_MILLIS);
      while (!over.get()) {
        probes.add(place.send("{\"text\":\"" + SAY + "/echo Hi.\"}").turn());
        Thread.sleep(PROBE_EVERY_MILLIS);
      }
    } catch (IOException e) {
      System.err.println("A new message was not taken: " + e.getMessage());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static long last(List<JsonNode> log, String type) {
    return log.stream()
        .filter(event -> event.path("type").asText().equals(type))
        .mapToLong(event -> event.path("at").longValue())
        .max()
        .orElse(0);
  }

  private static void sleepUntil(long atMillis) throws InterruptedException {
    long left = atMillis - System.currentTimeMillis();
    if (left > 0) {
      Thread.sleep(left);
    }
  }

  private void say(String what) {
    System.err.printf(Locale.ROOT, "%s: %s%n", name, what);
  }
}

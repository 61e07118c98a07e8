package dev.perdure.it.chaos;

import dev.perdure.it.PerdureProcess;
import dev.perdure.it.check.Violation;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;

/** The command {@code perdure chaos}. */
public final class Chaos {
  private static final int OK = 0;
  private static final int VIOLATED = 1;
  private static final int USAGE = 2;
  private static final int JOURNAL_MILLIS = 3_000;

  private final ChaosOptions options;
  private final PrintStream out;
  private final Path home;

  private Chaos(ChaosOptions options, PrintStream out) {
    this.options = options;
    this.out = out;
    Path given = options.home();
    this.home =
        (given == null ? Path.of("target", "chaos-" + options.seed()) : given).toAbsolutePath();
  }

  public static void main(String[] args) throws Exception {
    System.exit(run(Arrays.asList(args), System.out));
  }

  /** Runs with a command line; returns the exit code: 0, 1 for violations, 2 for wrong usage. */
  public static int run(List<String> args, PrintStream out) throws Exception {
    ChaosOptions options;
    try {
      if (args.contains("--help")) {
        out.print(ChaosOptions.USAGE);
        return OK;
      }
      if (!args.isEmpty() && args.getFirst().equals("--mutants")) {
        Mutants mutants = new Mutants(Path.of(""), PerdureProcess.jar(), out);
        return mutants.run(args.subList(1, args.size())) ? OK : VIOLATED;
      }
      long seed = new SplittableRandom().nextLong(1_000_000_000);
      options = ChaosOptions.parse(args, seed);
    } catch (IllegalArgumentException e) {
      out.println("perdure chaos: " + e.getMessage());
      out.print(ChaosOptions.USAGE);
      return USAGE;
    }
    return new Chaos(options, out).run();
  }

  private int run() throws Exception {
    out.printf(
        "chaos: seed %d, %s, %d nodes on %s, %d sessions; repeat with --seed %d%n",
        options.seed(),
        options.takeovers() > 0
            ? options.takeovers() + " times kill -9 with the default leases"
            : options.time().toSeconds() + " s",
        options.nodes(),
        options.sqlite() ? "SQLite" : "PostgreSQL",
        options.sessions(),
        options.seed());
    out.println("chaos: histories and logs go to " + home);
    deleteTree(home);
    Files.createDirectories(home.resolve("history"));
    SplittableRandom random = new SplittableRandom(options.seed());
    List<Violation> violations;
    try (Cluster cluster = new Cluster(home, options)) {
      violations = run(cluster, random);
    }
    if (violations.isEmpty()) {
      if (!options.keep()) {
        deleteTree(home);
      }
      out.println("chaos: no violations.");
      return OK;
    }
    Path file = home.resolve("violations.txt");
    try (PrintStream all = new PrintStream(Files.newOutputStream(file))) {
      violations.forEach(all::println);
    }
    out.println(
        "chaos: " + violations.size() + " violations; all of them are in " + file + ", with the");
    out.println("  histories of the clients and the logs of the nodes beside it.");
    return VIOLATED;
  }

  private List<Violation> run(Cluster cluster, SplittableRandom random) throws Exception {
    Takeovers takeovers = new Takeovers(cluster.store().url());
    Journal journal = new Journal(cluster.providerPort());
    Tally tally = new Tally();
    cluster.start();
    try (World world = new World(cluster.nodes());
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Nemesis nemesis = new Nemesis(cluster, world, takeovers, options, random.split());
      Progress progress = new Progress(out, world, nemesis, options.time());
      Crowd crowd =
          new Crowd(world, home.resolve("history"), random.split(), options.mix(), threads);
      Judge judge = new Judge(cluster, world, crowd, tally);
      awaitNodes(world);
      crowd.start(options.sessions());
      boolean killing = options.takeovers() > 0;
      Thread breaking =
          Thread.ofVirtual()
              .name("nemesis")
              .start(
                  () -> quietly(killing ? () -> nemesis.kill(options.takeovers()) : nemesis::run));
      long end = System.currentTimeMillis() + options.time().toMillis();
      long journalDue = 0;
      while (killing
          ? breaking.isAlive()
          : System.currentTimeMillis() < end
              && !options.enough().reached(nemesis.happened(), world.accepted.get())) {
        progress.tick();
        if (System.currentTimeMillis() > journalDue) {
          journal.collect();
          journalDue = System.currentTimeMillis() + JOURNAL_MILLIS;
        }
        Thread.sleep(100);
      }
      world.calmDown();
      progress.phase("mending");
      breaking.join();
      awaitNodes(world);
      progress.phase("waiting for the backlog");
      judge.awaitBacklog(options.patience(), progress::tick);
      world.end();
      progress.phase("reading every turn");
      judge.readAll(random.split());
      progress.phase("checking");
      judge.checkSlots(journal);
      takeovers.await();
      List<Violation> violations = judge.check(nemesis.troubles(), journal);
      tally.haunted = world.haunted.get();
      new Report(out).print(tally, nemesis, takeovers, violations);
      return violations;
    }
  }

  private static void awaitNodes(World world) throws InterruptedException {
    for (Node node : world.nodes()) {
      while (!node.ready()) {
        Thread.sleep(50);
      }
    }
  }

  /** Work that can be interrupted. */
  @FunctionalInterface
  private interface Work {
    void run() throws InterruptedException;
  }

  private static void quietly(Work work) {
    try {
      work.run();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  static void deleteTree(Path root) {
    if (!Files.exists(root)) {
      return;
    }
    try (Stream<Path> paths = Files.walk(root)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("The directory " + root + " cannot be emptied", e);
    }
  }
}

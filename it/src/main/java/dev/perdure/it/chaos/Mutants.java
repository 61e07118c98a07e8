package dev.perdure.it.chaos;

import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;

/**
 * Sees whether the checker can be trusted: plants one bug after the other in a copy of the server,
 * makes chaos with it, and wants it to be found by the rule that the bug breaks. For one thread;
 * mutants are tried on threads of their own.
 */
final class Mutants {
  /** A race may be won once. */
  private static final int TRIES = 3;

  private static final int VIOLATED = 1;
  private static final List<String> CHAOS =
      List.of("--sessions", "60", "--patience", "20", "--keep");

  /** Mutants at the same time: most of a run is spent waiting for processes. */
  private static final int AT_ONCE = 2;

  /** What a test of the project's own needs. */
  private static final List<String> BUILT =
      List.of(
          "pom.xml",
          ".mvn",
          "build",
          "protocol",
          "core/pom.xml",
          "core/target/classes",
          "core/target/test-classes",
          "server/pom.xml",
          "server/target/classes",
          "server/target/test-classes",
          "it/pom.xml",
          "bench/pom.xml");

  private static final String CORE = "perdure-core-";

  /** What a patch runs that is found by a test of the project's own. */
  private static final String TEST = "test ";

  private final Path home;
  private final Path jar;
  private final Path scratch;
  private final PrintStream out;

  Mutants(Path home, Path jar, PrintStream out) {
    this.home = home.toAbsolutePath().normalize();
    this.jar = jar.toAbsolutePath().normalize();
    this.scratch = this.home.resolve("target").resolve("mutants");
    this.out = out;
  }

  /** What became of a mutant. */
  private record Outcome(Patch patch, boolean found, String by, int tries, long seconds) {}

  /** All patches, by name. */
  static List<Patch> all(Path home) throws IOException {
    try (Stream<Path> files = Files.list(home.resolve("it").resolve("mutants"))) {
      return files
          .filter(file -> file.toString().endsWith(".patch"))
          .sorted()
          .map(Patch::read)
          .toList();
    }
  }

  /** Runs those with the given names, or all; returns whether each was found. */
  boolean run(List<String> names) throws IOException, InterruptedException {
    List<Patch> wanted =
        all(home).stream()
            .filter(patch -> names.isEmpty() || names.contains(patch.name()))
            .toList();
    if (wanted.isEmpty() || (!names.isEmpty() && wanted.size() < names.size())) {
      throw new IllegalArgumentException("There is no such mutant. See it/mutants.");
    }
    long started = System.nanoTime();
    List<Future<Outcome>> running = new ArrayList<>();
    List<Outcome> outcomes = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(AT_ONCE)) {
      // Those that Maven runs take longest.
      wanted.stream()
          .sorted(Comparator.comparing(patch -> !isTest(patch)))
          .forEach(patch -> running.add(threads.submit(() -> tell(find(patch)))));
      for (Future<Outcome> one : running) {
        outcomes.add(one.get());
      }
    } catch (ExecutionException e) {
      throw new IllegalStateException("A mutant could not be tried", e.getCause());
    }
    outcomes.sort(
        Comparator.comparing((Outcome one) -> Integer.valueOf(one.patch.head("Invariant")))
            .thenComparing(one -> one.patch.name()));
    table(outcomes, (System.nanoTime() - started) / 1_000_000_000);
    return outcomes.stream().allMatch(Outcome::found);
  }

  private static boolean isTest(Patch patch) {
    return patch.head("Run").startsWith(TEST);
  }

  private Outcome tell(Outcome outcome) {
    out.printf(
        "%-26s %s%n  %s after %d s%n",
        outcome.patch.name(),
        outcome.patch.head("Bug"),
        outcome.found ? "found by " + outcome.by : "NOT FOUND",
        outcome.seconds);
    return outcome;
  }

  private void table(List<Outcome> outcomes, long seconds) {
    out.println();
    out.printf(
        "%-10s %-26s %-6s %-6s %-8s %s%n",
        "invariant", "planted bug", "found", "runs", "seconds", "by");
    for (Outcome one : outcomes) {
      out.printf(
          "%-10s %-26s %-6s %-6d %-8d %s%n",
          one.patch.head("Invariant"),
          one.patch.name(),
          one.found ? "yes" : "NO",
          one.tries,
          one.seconds,
          one.by);
    }
    long found = outcomes.stream().filter(Outcome::found).count();
    out.printf("%nmutants: %d of %d found in %d s.%n", found, outcomes.size(), seconds);
  }

  private Outcome find(Patch patch) throws IOException, InterruptedException {
    long started = System.nanoTime();
    Path place = scratch.resolve(patch.name());
    Chaos.deleteTree(place);
    Files.createDirectories(place);
    String by = "";
    int tries = 0;
    if (isTest(patch)) {
      tries = 1;
      String test = patch.head("Run").substring(TEST.length());
      by = failsTest(patch, place, test) ? test : "";
    } else {
      build(patch, place);
      while (by.isEmpty() && tries < TRIES) {
        tries++;
        by = violated(patch, place, tries);
      }
    }
    long seconds = (System.nanoTime() - started) / 1_000_000_000;
    return new Outcome(patch, !by.isEmpty(), by, tries, seconds);
  }

  /** Makes a server with the bug: a copy of the jars in which the changed classes are replaced. */
  private void build(Patch patch, Path place) throws IOException {
    Path source = place.resolve("source");
    Path classes = Files.createDirectories(place.resolve("classes"));
    patch.apply(home, source);
    Path lib = Files.createDirectories(place.resolve("lib"));
    Path server = place.resolve("perdure.jar");
    Files.copy(jar, server);
    try (Stream<Path> jars = Files.list(jar.resolveSibling("lib"))) {
      for (Path one : jars.toList()) {
        Files.copy(one, lib.resolve(one.getFileName()), StandardCopyOption.REPLACE_EXISTING);
      }
    }
    compile(patch, source, classes, server, lib);
    for (String module : List.of("core", "server")) {
      if (patch.files().stream().anyMatch(file -> file.startsWith(module + "/"))) {
        replace(module.equals("core") ? core(lib) : server, classes, source.resolve(module));
      }
    }
  }

  private static Path core(Path lib) throws IOException {
    try (Stream<Path> jars = Files.list(lib)) {
      return jars.filter(one -> one.getFileName().toString().startsWith(CORE))
          .findFirst()
          .orElseThrow();
    }
  }

  private void compile(Patch patch, Path source, Path classes, Path server, Path lib)
      throws IOException {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    String classpath;
    try (Stream<Path> jars = Files.list(lib)) {
      classpath =
          Stream.concat(Stream.of(server), jars)
              .map(Path::toString)
              .collect(Collectors.joining(File.pathSeparator));
    }
    List<String> args = new ArrayList<>();
    args.addAll(List.of("-nowarn", "-proc:none", "-parameters", "-d", classes.toString()));
    args.addAll(List.of("-cp", classpath));
    patch.files().forEach(file -> args.add(source.resolve(file).toString()));
    if (compiler.run(null, out, out, args.toArray(String[]::new)) != 0) {
      throw new IllegalStateException("The mutant " + patch.name() + " does not compile");
    }
  }

  /** Puts the classes of the packages that a module's changed sources are in into its jar. */
  private static void replace(Path jar, Path classes, Path module) throws IOException {
    Set<Path> packages = new TreeSet<>();
    Path root = module.resolve("src").resolve("main").resolve("java");
    try (Stream<Path> sources = Files.walk(root)) {
      sources
          .filter(file -> file.toString().endsWith(".java"))
          .forEach(file -> packages.add(root.relativize(file).getParent()));
    }
    URI uri = URI.create("jar:" + jar.toUri());
    try (FileSystem inside = FileSystems.newFileSystem(uri, Map.of())) {
      for (Path one : packages) {
        try (Stream<Path> files = Files.list(classes.resolve(one))) {
          for (Path file : files.filter(Files::isRegularFile).toList()) {
            Path entry = inside.getPath("/").resolve(classes.relativize(file).toString());
            Files.copy(file, entry, StandardCopyOption.REPLACE_EXISTING);
          }
        }
      }
    }
  }

  /** Makes chaos; returns the rules that were broken and should be, or nothing. */
  private String violated(Patch patch, Path place, int seed)
      throws IOException, InterruptedException {
    Path dir = place.resolve("run-" + seed);
    List<String> command = new ArrayList<>();
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--enable-native-access=ALL-UNNAMED",
            "-Xmx512m",
            "-Dperdure.jar=" + place.resolve("perdure.jar"),
            "-Dperdure.archive=none",
            "-cp",
            System.getProperty("java.class.path"),
            Chaos.class.getName()));
    command.addAll(CHAOS);
    command.addAll(List.of("--seed", Integer.toString(seed), "--dir", dir.toString()));
    command.addAll(List.of(patch.head("Run").split(" ", -1)));
    int code = run(command, home, place.resolve("run-" + seed + ".out"));
    if (code != VIOLATED) {
      return "";
    }
    Set<String> wanted = Set.of(patch.head("Finds").split(" ", -1));
    Set<String> broken = new TreeSet<>();
    for (String line : Files.readAllLines(dir.resolve("violations.txt"))) {
      String first = line.split(" ", 2)[0];
      if (wanted.contains(first)) {
        broken.add(first);
      }
    }
    return String.join(" ", broken);
  }

  /**
   * Runs one of the project's own tests on a copy of what is built, with the changed classes in it;
   * returns whether it fails.
   */
  private boolean failsTest(Patch patch, Path place, String test)
      throws IOException, InterruptedException {
    Path source = place.resolve("source");
    Path classes = Files.createDirectories(place.resolve("classes"));
    patch.apply(home, source);
    compile(patch, source, classes, jar, jar.resolveSibling("lib"));
    Path copy = place.resolve("copy");
    for (String part : BUILT) {
      copy(home.resolve(part), copy.resolve(part));
    }
    String module = patch.files().getFirst().split("/", 2)[0];
    copy(classes, copy.resolve(module).resolve("target").resolve("classes"));
    Path log = place.resolve("test.out");
    String maven = System.getProperty("perdure.maven", "mvn");
    List<String> command =
        List.of(
            maven,
            "-B",
            // Without a jar of its own the first module is not there for the second.
            "jar:jar",
            "jar:test-jar",
            "surefire:test",
            "-pl",
            "core,server",
            "-Dtest=" + test,
            "-Dsurefire.failIfNoSpecifiedTests=false");
    run(command, copy, log);
    String said = Files.readString(log);
    return said.contains("<<< FAILURE! -- in dev.perdure") && said.contains(test);
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> all = Files.walk(from)) {
      for (Path one : (Iterable<Path>) all.filter(Files::isRegularFile)::iterator) {
        Path target = to.resolve(from.relativize(one).toString());
        Files.createDirectories(target.getParent());
        Files.copy(one, target, StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }

  private static int run(List<String> command, Path where, Path log)
      throws IOException, InterruptedException {
    return new ProcessBuilder(command)
        .directory(where.toFile())
        .redirectErrorStream(true)
        .redirectOutput(log.toFile())
        .start()
        .waitFor();
  }
}

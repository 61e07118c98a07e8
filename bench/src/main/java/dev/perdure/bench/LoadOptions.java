package dev.perdure.bench;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the load driver is to do.
 *
 * @param targets one run each: {@link #SQLITE}, {@link #POSTGRES}, a JDBC URL, {@link #PROXY},
 *     {@link #CELERY}, or the URL of a server
 * @param turns one run each: how many turns at the same time
 * @param runs how often each of these, in turns
 * @param chunks of each reply in the measured phase
 * @param intervalMillis between two chunks of a reply
 * @param warmupChunks of all replies together in the phase before, for the JIT compiler
 * @param rampMillis over which the messages of a phase are spread
 * @param followers event streams of each turn
 * @param model with its provider; the fake provider speaks for openai, anthropic and gemini
 * @param memory whether a third phase measures memory
 * @param serverJvm further options for the server's JVM
 * @param json where the results are written as JSON lines, or null
 */
record LoadOptions(
    List<String> targets,
    List<Integer> turns,
    int runs,
    int chunks,
    int intervalMillis,
    int warmupChunks,
    int rampMillis,
    int followers,
    String model,
    boolean memory,
    List<String> serverJvm,
    @Nullable Path json) {
  static final String SQLITE = "sqlite";
  static final String POSTGRES = "postgres";
  static final String PROXY = "proxy";
  static final String CELERY = "celery";

  private static final Set<String> KNOWN =
      Set.of(
          "--target",
          "--turns",
          "--runs",
          "--chunks",
          "--interval",
          "--warmup",
          "--ramp",
          "--followers",
          "--model",
          "--server-jvm",
          "--json");

  static final String USAGE =
      """
        --target LIST      Perdure on sqlite, on postgres (started for the run) or on a JDBC URL;
                           proxy: a plain proxy that keeps nothing; celery: FastAPI, Celery and
                           Redis (from Debian's packages); http://HOST:PORT: what speaks OpenAI's
                           chat completions there (default sqlite,postgres,proxy)
        --turns LIST       turns at the same time (default 100,500)
        --runs N           repeats all, in turns; the table has medians and ranges (default 1)
        --chunks N         chunks of each reply (default 400)
        --interval MS      between the chunks of a reply (default 50)
        --ramp MS          over which the messages are spread (default 5000)
        --warmup N         chunks of all replies in the phase before, which is not measured: at a
                           faster pace, until the JIT compiler has done its work (default 400000)
        --followers N      event streams of each turn (default 1)
        --model NAME       openai/..., anthropic/..., gemini/... or demo/... (default openai/bench)
        --no-memory        leave out the phase that measures memory and resuming
        --server-jvm OPTS  further options for the server's JVM
        --json FILE        append the results as lines of JSON
      """;

  static final LoadOptions DEFAULT =
      new LoadOptions(
          List.of(SQLITE, POSTGRES, PROXY),
          List.of(100, 500),
          1,
          400,
          50,
          400_000,
          5000,
          1,
          "openai/bench",
          true,
          List.of(),
          null);

  LoadOptions {
    targets = List.copyOf(targets);
    turns = List.copyOf(turns);
    serverJvm = List.copyOf(serverJvm);
  }

  /**
   * @throws IllegalArgumentException whose text is for the user
   */
  static LoadOptions parse(List<String> args, LoadOptions defaults) {
    LoadOptions out = defaults;
    for (int i = 0; i < args.size(); i++) {
      String name = args.get(i);
      if (name.equals("--no-memory")) {
        out = out.withoutMemory();
      } else if (KNOWN.contains(name) && i + 1 < args.size()) {
        out = out.with(name, args.get(++i));
      } else {
        throw new IllegalArgumentException("'" + name + "' is unknown or lacks its value.");
      }
    }
    return out;
  }

  private LoadOptions withoutMemory() {
    return new LoadOptions(
        targets,
        turns,
        runs,
        chunks,
        intervalMillis,
        warmupChunks,
        rampMillis,
        followers,
        model,
        false,
        serverJvm,
        json);
  }

  private LoadOptions with(String name, String value) {
    return new LoadOptions(
        name.equals("--target") ? list(value) : targets,
        name.equals("--turns")
            ? list(value).stream().map(turns -> number(name, turns, 1)).toList()
            : turns,
        name.equals("--runs") ? number(name, value, 1) : runs,
        name.equals("--chunks") ? number(name, value, 1) : chunks,
        name.equals("--interval") ? number(name, value, 0) : intervalMillis,
        name.equals("--warmup") ? number(name, value, 0) : warmupChunks,
        name.equals("--ramp") ? number(name, value, 0) : rampMillis,
        name.equals("--followers") ? number(name, value, 1) : followers,
        name.equals("--model") ? value : model,
        memory,
        name.equals("--server-jvm") ? Arrays.asList(value.split(" +")) : serverJvm,
        name.equals("--json") ? Path.of(value) : json);
  }

  private static List<String> list(String value) {
    return Arrays.asList(value.split(",", -1));
  }

  private static int number(String name, String value, int atLeast) {
    try {
      int number = Integer.parseInt(value);
      if (number >= atLeast) {
        return number;
      }
    } catch (NumberFormatException e) {
      // Said below.
    }
    throw new IllegalArgumentException(
        name + " is '" + value + "'; it must be a whole number from " + atLeast + " on.");
  }
}

package dev.perdure.bench;

import java.util.Arrays;
import java.util.List;

/** The command {@code perdure bench}. */
public final class Bench {
  private static final String USAGE =
      """
      Usage: ./perdure bench <command> [options]

        load               many users at once against a server, with a table of what it took
        profile            the same, with a table of where the server's CPU time went
        table FILE...      the table of results that load has written with --json
        retrieval          questions to a session of 10,000 messages
        contexts           gathering of what a model is shown, from the database
        waits              100,000 turns that wait, 10,000 of them due at the same instant
                           (--target sqlite,postgres --turns N --due N --rest SECONDS)
        jmh [REGEX]        the micro-benchmarks whose names match; further options as JMH's own

      Options of load and profile:
      """
          + LoadOptions.USAGE;

  private Bench() {}

  public static void main(String[] args) throws Exception {
    System.exit(run(Arrays.asList(args)));
  }

  private static int run(List<String> args) throws Exception {
    String command = args.isEmpty() ? "help" : args.getFirst();
    List<String> rest = args.isEmpty() ? args : args.subList(1, args.size());
    try {
      return switch (command) {
        case "load" ->
            new LoadDriver(LoadOptions.parse(rest, LoadOptions.DEFAULT), LoadDriver.NONE).run();
        case "profile" -> Profile.run(rest);
        case "table" -> Table.print(rest);
        case "retrieval" -> RetrievalBench.run(rest);
        case "contexts" -> ContextBench.run(rest);
        case "waits" -> WaitsBench.run(rest);
        case "jmh" -> Micro.run(rest);
        case "help", "--help", "-h" -> {
          System.out.print(USAGE);
          yield 0;
        }
        default -> throw new IllegalArgumentException("'" + command + "' is not a command.");
      };
    } catch (IllegalArgumentException e) {
      System.err.println("perdure bench: " + e.getMessage());
      System.err.print(USAGE);
      return 2;
    }
  }
}

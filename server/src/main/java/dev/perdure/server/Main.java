package dev.perdure.server;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.fake.FakeProvider;
import dev.perdure.server.config.ConfigDoc;
import dev.perdure.server.config.ConfigLoader;
import dev.perdure.server.config.Nearest;
import dev.perdure.server.config.PerdureConfig;
import dev.perdure.terminal.Chat;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Arrays;
import java.util.List;

/**
 * The commands of {@code perdure.jar}. Exit codes: 0 for a clean end, 2 for a command line or
 * setting that has to be mended, 1 for anything else.
 */
public final class Main {
  private static final int OK = 0;
  private static final int FAILED = 1;
  private static final int USAGE = 2;

  private static final List<String> COMMANDS =
      List.of("start", "chat", "fake-provider", "config", "help", "version");

  private static final String HELP =
      """
      Perdure: the durable chat backend. Replies outlive their connection.

      start            run the server
          --port N         where to listen (default 8080; 0 for any free port)
          --host ADDRESS   the address to listen on (default 127.0.0.1)
          --data DIR       where the embedded database lives (default ./data)
          --db URL         a PostgreSQL, for several servers
          --config FILE    a YAML file of settings (default ./perdure.yaml, if it is there)
          --set NAME=VALUE any other setting
      chat             talk to a running server; 'chat --help' says more
      fake-provider    a scripted model server that speaks the wires of three vendors
      config           print every setting, its value and where it comes from; takes start's flags
          --docs           print the table of all settings instead
      help, version
      """;

  private Main() {}

  public static void main(String[] args) {
    System.exit(run(args));
  }

  private static int run(String[] args) {
    String command = args.length == 0 ? "help" : args[0];
    String[] rest = args.length == 0 ? args : Arrays.copyOfRange(args, 1, args.length);
    try {
      return switch (command) {
        case "start" -> start(List.of(rest));
        case "chat" -> Chat.run(rest);
        case "fake-provider" ->
            FakeProvider.run(rest, InstantSource.system(), System.out, System.err);
        case "config" -> config(List.of(rest));
        case "help", "--help", "-h" -> print(HELP);
        case "version", "--version" -> print("perdure " + Version.text() + "\n");
        default -> {
          System.err.println(
              "perdure: '"
                  + command
                  + "' is not a command. Did you mean '"
                  + Nearest.to(command, COMMANDS)
                  + "'? There are: "
                  + String.join(", ", COMMANDS)
                  + ".");
          yield USAGE;
        }
      };
    } catch (PerdureException e) {
      System.err.println("perdure: " + e.getMessage());
      return e.code() == ErrorCode.CONFIG ? USAGE : FAILED;
    } catch (InterruptedException e) {
      return FAILED;
    }
  }

  private static int start(List<String> args) throws InterruptedException {
    if (args.contains("--help") || args.contains("-h")) {
      return print(HELP);
    }
    StopSignal stop = StopSignal.install();
    PerdureConfig config = ConfigLoader.load(args, System.getenv(), Path.of(""));
    Logging.configure(config.logging());
    PerdureServer server = PerdureServer.start(config, InstantSource.system());
    server.summary().forEach(System.out::println);
    // Scripts and tests wait for exactly this line.
    System.out.println("Perdure is ready at " + server.url());
    System.out.flush();
    stop.await();
    server.stop();
    return OK;
  }

  private static int config(List<String> args) {
    if (args.contains("--docs")) {
      return print(ConfigDoc.text());
    }
    ConfigLoader.explain(args, System.getenv(), Path.of("")).forEach(System.out::println);
    return OK;
  }

  private static int print(String text) {
    System.out.print(text);
    System.out.flush();
    return OK;
  }
}

package dev.perdure.server;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.fake.FakeProvider;
import dev.perdure.server.config.ConfigDoc;
import dev.perdure.server.config.ConfigLoader;
import dev.perdure.server.config.Nearest;
import dev.perdure.server.config.PerdureConfig;
import dev.perdure.terminal.Chat;
import java.io.PrintStream;
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
    System.exit(run(args, System.out, System.err));
  }

  static int run(String[] args, PrintStream out, PrintStream err) {
    String command = args.length == 0 ? "help" : args[0];
    String[] rest = args.length == 0 ? args : Arrays.copyOfRange(args, 1, args.length);
    try {
      return switch (command) {
        case "start" -> start(List.of(rest), out);
        case "chat" -> Chat.run(rest);
        case "fake-provider" -> FakeProvider.run(rest, InstantSource.system(), out, err);
        case "config" -> config(List.of(rest), out);
        case "help", "--help", "-h" -> print(out, HELP);
        case "version", "--version" -> print(out, "perdure " + Version.text() + "\n");
        default -> {
          err.println(
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
      err.println("perdure: " + e.getMessage() + Logging.databaseWords(e));
      return e.code() == ErrorCode.CONFIG ? USAGE : FAILED;
    } catch (InterruptedException e) {
      return FAILED;
    } catch (RuntimeException e) {
      err.println("perdure: a bug, or something that this program has not thought of:");
      e.printStackTrace(err);
      return FAILED;
    }
  }

  private static int start(List<String> args, PrintStream out) throws InterruptedException {
    if (args.contains("--help") || args.contains("-h")) {
      return print(out, HELP);
    }
    PerdureConfig config = ConfigLoader.load(args, System.getenv(), Path.of(""));
    Logging.configure(config.logging());
    StopSignal stop = StopSignal.install();
    PerdureServer server = PerdureServer.start(config, InstantSource.system());
    server.summary().forEach(out::println);
    // Scripts and tests wait for exactly this line.
    print(out, "Perdure is ready at " + server.url() + "\n");
    stop.await();
    server.stop();
    return OK;
  }

  private static int config(List<String> args, PrintStream out) {
    if (args.contains("--docs")) {
      return print(out, ConfigDoc.text());
    }
    ConfigLoader.explain(args, System.getenv(), Path.of("")).forEach(out::println);
    return OK;
  }

  private static int print(PrintStream out, String text) {
    out.print(text);
    out.flush();
    return OK;
  }
}

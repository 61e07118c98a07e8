package dev.perdure.terminal;

import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The command line of {@code perdure chat}.
 *
 * @param url null where it is not given
 * @param session a session to go on with; null for a new one
 * @param models one lane each; empty for the server's default
 * @param message what to say, null to talk; {@code -} stands for all of standard input
 */
record ChatOptions(
    @Nullable String url,
    @Nullable String session,
    List<String> models,
    boolean resume,
    boolean help,
    @Nullable String message) {

  ChatOptions {
    models = List.copyOf(models);
  }

  static final String USAGE =
      """
      Usage: ./perdure chat [options] [MESSAGE]

        MESSAGE              say this, print the reply and leave; '-' reads it from standard input
        --resume             pick up the last chat where it stopped
        --session ID         go on with this session
        --model NAME         provider/model; given several times, they answer side by side
        --url URL            the server (default http://127.0.0.1:8080, or PERDURE_URL)

      Without MESSAGE every line of standard input is a message. While a reply runs:
        /cancel              stops it on the server
        Ctrl-C               leaves; the reply goes on, and --resume picks it up
      Where a call of a tool waits for you: y, n [REASON], or e {JSON} for other arguments.
      Between replies: /new begins another session, /quit or Ctrl-D leaves.
      PERDURE_API_KEY is sent as the credential, if it is set.
      The exit code is 0 if the last reply completed, 1 if not, 2 for a wrong command line.
      """;

  /**
   * @throws IllegalArgumentException with a text for the user
   */
  static ChatOptions parse(String[] args) {
    String url = null;
    String session = null;
    boolean resume = false;
    boolean help = false;
    List<String> models = new ArrayList<>();
    List<String> words = new ArrayList<>();
    boolean optionsOver = false;
    for (int i = 0; i < args.length; i++) {
      String arg = args[i];
      if (optionsOver || arg.equals("-") || !arg.startsWith("-")) {
        words.add(arg);
        continue;
      }
      int equals = arg.indexOf('=');
      String name = equals < 0 ? arg : arg.substring(0, equals);
      switch (name) {
        case "--" -> optionsOver = true;
        case "--resume" -> resume = true;
        case "--help", "-h" -> help = true;
        case "--url", "--session", "--model" -> {
          String value;
          if (equals >= 0) {
            value = arg.substring(equals + 1);
          } else if (i + 1 < args.length) {
            value = args[++i];
          } else {
            throw new IllegalArgumentException("'" + name + "' needs a value.");
          }
          switch (name) {
            case "--url" -> url = server(value);
            case "--session" -> session = value;
            default -> models.add(value);
          }
        }
        default ->
            throw new IllegalArgumentException(
                "unknown option '"
                    + arg
                    + "'. Known: --resume, --session, --model, --url, --help. A message that begins"
                    + " with '-' goes after '--'.");
      }
    }
    if (resume && session != null) {
      throw new IllegalArgumentException(
          "--resume and --session exclude each other: the one names the last session.");
    }
    String message = words.isEmpty() ? null : String.join(" ", words);
    return new ChatOptions(url, session, models, resume, help, message);
  }

  /** Checks the address of a server and drops a slash at its end. */
  static String server(String value) {
    String trimmed = value.strip();
    while (trimmed.endsWith("/")) {
      trimmed = trimmed.substring(0, trimmed.length() - 1);
    }
    try {
      URI uri = URI.create(trimmed);
      boolean http = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
      if (http && uri.getHost() != null && uri.getQuery() == null && uri.getUserInfo() == null) {
        return trimmed;
      }
    } catch (IllegalArgumentException e) {
      // Falls through to the one text for everything that is not an address.
    }
    throw new IllegalArgumentException(
        "'"
            + Printable.line(value)
            + "' is not a server's address, such as http://127.0.0.1:8080.");
  }
}

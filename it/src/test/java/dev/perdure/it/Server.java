package dev.perdure.it;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * A server under test: a place (a directory or a PostgreSQL), settings, and the process that runs
 * on it now. It can be killed and started again at the same place.
 */
final class Server implements AutoCloseable {
  private static final Pattern READY = Pattern.compile("Perdure is ready at (http://\\S+)");

  private final List<String> args;
  private final Map<String, String> env;
  private PerdureProcess process;

  private Server(List<String> args, Map<String, String> env) {
    this.args = List.copyOf(args);
    this.env = new HashMap<>(env);
    this.process = PerdureProcess.launch(env, READY, args);
  }

  /** How a server is set up; quick to notice a crash unless told otherwise. */
  static final class Setup {
    private final List<String> args = new ArrayList<>(List.of("start", "--port", "0"));
    private final Map<String, String> env =
        new HashMap<>(
            Map.of(
                "PERDURE_ENGINE_NODE_LEASE", "1500ms",
                "PERDURE_ENGINE_NODE_BEAT", "300ms",
                "PERDURE_ENGINE_RETRY_BASE", "50ms",
                "PERDURE_DETECT_LOCAL_SERVERS", "false"));

    Setup arg(String... more) {
      args.addAll(List.of(more));
      return this;
    }

    Setup env(String name, String value) {
      env.put(name, value);
      return this;
    }

    /** All three vendors' wires lead to the fake provider. */
    Setup providers(FakeProvider fake) {
      return env("OPENAI_API_KEY", "sk-it-openai")
          .env("OPENAI_BASE_URL", fake.url() + "/v1")
          .env("ANTHROPIC_API_KEY", "sk-it-anthropic")
          .env("ANTHROPIC_BASE_URL", fake.url())
          .env("GEMINI_API_KEY", "sk-it-gemini")
          .env("GEMINI_BASE_URL", fake.url());
    }

    /** On the embedded database in this directory. */
    Server start(Path data) {
      args.addAll(List.of("--data", data.toString()));
      return new Server(args, env);
    }

    /** On this PostgreSQL. */
    Server start(String jdbcUrl) {
      args.addAll(List.of("--db", jdbcUrl));
      return new Server(args, env);
    }
  }

  static Setup setup() {
    return new Setup();
  }

  /** A client of this server; waits until it is ready. */
  Api api() {
    return new Api(url());
  }

  /** Its address; waits until it is ready, and keeps nobody from asking how it is meanwhile. */
  String url() {
    return process().awaitReady();
  }

  synchronized PerdureProcess process() {
    return process;
  }

  /** {@code kill -9}. */
  void kill() {
    url();
    process().kill();
  }

  /** Starts it again at the same place, on another port. */
  synchronized Server startAgain() {
    return startAgain(Map.of());
  }

  /** The same with further settings, which stay. */
  synchronized Server startAgain(Map<String, String> more) {
    if (process.alive()) {
      throw new IllegalStateException("It is still running");
    }
    env.putAll(more);
    process = PerdureProcess.launch(env, READY, args);
    return this;
  }

  @Override
  public void close() {
    process().close();
  }
}

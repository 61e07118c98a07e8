package dev.perdure.it;

import dev.perdure.testing.EmbeddedPostgresServer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * Several servers on one PostgreSQL, and clients that go to whichever of them answers. Nodes may be
 * killed, stopped and started again while clients are at work. Thread-safe.
 */
final class Fleet implements AutoCloseable {
  private final String database;
  private final List<Server> nodes;

  private Fleet(String database, List<Server> nodes) {
    this.database = database;
    this.nodes = List.copyOf(nodes);
  }

  /** Starts that many nodes on a database of their own and waits until all are ready. */
  static Fleet start(int nodes) {
    return start(nodes, setup -> {});
  }

  /**
   * The same with further settings.
   *
   * @param settings changes the setup of each node
   */
  static Fleet start(int nodes, Consumer<Server.Setup> settings) {
    String database = EmbeddedPostgresServer.shared().createDatabase();
    List<Server> servers = new ArrayList<>();
    for (int node = 0; node < nodes; node++) {
      Server.Setup setup = Server.setup();
      settings.accept(setup);
      servers.add(setup.start(database));
    }
    servers.forEach(Server::url);
    return new Fleet(database, servers);
  }

  /** The JDBC URL of their database, which needs no credentials. */
  String database() {
    return database;
  }

  int size() {
    return nodes.size();
  }

  Server node(int number) {
    return nodes.get(number % nodes.size());
  }

  /** A client of one node; waits until it is ready. */
  Api api(int number) {
    return node(number).api();
  }

  /** {@code kill -9}, and a new process in its place, which is not waited for. */
  void crash(int number) {
    node(number).kill();
    node(number).startAgain();
  }

  /** Stops a node as a deploy does, and starts a new process in its place, which is waited for. */
  void redeploy(int number) {
    redeploy(number, Map.of());
  }

  /** The same with further settings, as of a newer version. */
  void redeploy(int number, Map<String, String> more) {
    Server node = node(number);
    node.url();
    node.process().terminate();
    node.process().awaitExit();
    node.startAgain(more).url();
  }

  /**
   * Asks one node after the other until one answers, as a balancer does.
   *
   * @param first the node to begin with
   */
  <T> T ask(int first, Function<Api, T> request) {
    return Await.until(
        "an answer of any node",
        () ->
            IntStream.range(first, first + nodes.size())
                .mapToObj(this::node)
                .filter(node -> node.process().ready())
                .map(node -> tried(node, request))
                .flatMap(List::stream)
                .findFirst()
                .orElse(null));
  }

  private static <T> List<T> tried(Server node, Function<Api, T> request) {
    try {
      return List.of(request.apply(node.api()));
    } catch (Api.Unreachable e) {
      return List.of();
    }
  }

  /**
   * Reads a turn from behind what the transcript has to its end, and comes again, to the next node,
   * whenever the connection is cut or ends before.
   *
   * @param first the node to begin with
   */
  void follow(int first, String turn, Transcript into) {
    for (int node = first; !into.ended(); node++) {
      ask(
          node,
          api -> {
            api.read(turn, into, event -> false);
            return into;
          });
    }
  }

  @Override
  public void close() {
    nodes.forEach(Server::close);
  }
}

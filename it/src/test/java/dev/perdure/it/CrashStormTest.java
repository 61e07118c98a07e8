package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.testing.EmbeddedPostgresServer;
import dev.perdure.testing.FaultPoints.Point;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A thousand messages while a server dies at every step between accepting and the end, again and
 * again. Clients send in every way that a busy session knows and repeat what was not answered, with
 * the same key; whatever was accepted must be there, once, in order, and answered.
 */
class CrashStormTest {
  private static final int MESSAGES = 1_000;
  private static final int CLIENTS = 8;
  private static final int MESSAGES_OF_A_SESSION = 5;
  private static final int KILLED = 137;
  private static final List<Point> POINTS =
      Stream.of(Point.values())
          .filter(point -> point != Point.MIGRATING && point != Point.PARKING)
          .filter(point -> point != Point.PARKED && !point.name().startsWith("TOOL_"))
          .filter(point -> !point.name().startsWith("COMPACT"))
          .toList();
  private static final List<String> POLICIES = List.of("enqueue", "enqueue", "reject", "interrupt");

  @TempDir Path data;

  private final List<Server> servers = new CopyOnWriteArrayList<>();
  private final ConcurrentLinkedQueue<Talk> talks = new ConcurrentLinkedQueue<>();
  private final AtomicInteger accepted = new AtomicInteger();
  private final AtomicBoolean enough = new AtomicBoolean();

  /** What one client has sent in a session and got a 202 for, in order. */
  private record Talk(String session, List<Said> said) {}

  private record Said(String words, String policy, String turn) {}

  @Test
  void none_of_a_thousand_messages_is_lost_by_one_server_that_dies_at_every_step()
      throws Exception {
    storm(1, setup -> setup.start(data));
  }

  @Test
  void none_of_a_thousand_messages_is_lost_by_three_servers_that_die_at_every_step()
      throws Exception {
    String database = EmbeddedPostgresServer.shared().createDatabase();
    storm(3, setup -> setup.start(database));
  }

  private void storm(int nodes, Function<Server.Setup, Server> place) throws Exception {
    for (int node = 1; node < nodes; node++) {
      servers.add(place.apply(Server.setup()));
    }
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<?>> clients = new ArrayList<>();
      try {
        servers.add(doomed(Point.ACCEPTED, place));
        for (int client = 0; client < CLIENTS; client++) {
          Random random = new Random(client);
          clients.add(threads.submit(() -> talk(random)));
        }
        for (int at = 0; at < POINTS.size(); at++) {
          // On a shared database the next one may begin before this one has died.
          @Nullable Server early = nodes > 1 ? next(at, place) : null;
          dieAt(POINTS.get(at), servers.getLast());
          servers.set(servers.size() - 1, early == null ? next(at, place) : early);
        }
        Await.until("the messages", () -> accepted.get() >= MESSAGES ? "" : null);
      } finally {
        enough.set(true);
      }
      finish(clients);
      check(servers.getLast().api());
    } finally {
      servers.forEach(Server::close);
    }
  }

  private static void finish(List<Future<?>> clients) throws InterruptedException {
    for (Future<?> client : clients) {
      try {
        client.get();
      } catch (ExecutionException e) {
        throw new AssertionError("A client failed", e);
      }
    }
  }

  /** The server after the one that dies at this point; the last one of all lives. */
  private static Server next(int at, Function<Server.Setup, Server> place) {
    return at + 1 < POINTS.size() ? doomed(POINTS.get(at + 1), place) : place.apply(Server.setup());
  }

  /** A server that dies when it has reached the point that many times. */
  private static Server doomed(Point point, Function<Server.Setup, Server> place) {
    int times =
        switch (point) {
          case ACCEPTED, ENDING, ENDING_UNCOMMITTED, ENDED -> 25;
          case CLAIMING, CLAIMED -> 4;
          case APPENDING, APPENDED -> 60;
          case DRAINING, HANDED_OVER, MIGRATING -> 1;
          case TOOL_INTENT, TOOL_MADE, TOOL_STORED, PARKING, PARKED ->
              throw new IllegalArgumentException("No message of the storm calls a tool: " + point);
          case COMPACTING, COMPACTED ->
              throw new IllegalArgumentException("No session of the storm is so long: " + point);
        };
    String plan = point.name().toLowerCase(Locale.ROOT) + "@" + times;
    return place.apply(
        Server.setup()
            .env("JAVA_TOOL_OPTIONS", "-Dperdure.crash=" + plan)
            .env("PERDURE_ENGINE_DRAIN_GRACE", "1ms"));
  }

  private void dieAt(Point point, Server doomed) {
    if (point == Point.DRAINING || point == Point.HANDED_OVER) {
      doomed.url();
      int before = accepted.get();
      Await.until("some load", () -> accepted.get() > before + 25 ? "" : null);
      doomed.process().terminate();
    }
    assertThat(doomed.process().awaitExit())
        .as("%s: %s", point, doomed.process().output())
        .isEqualTo(KILLED);
  }

  /** One client: session after session, until there were enough messages. */
  private void talk(Random random) {
    while (!enough.get()) {
      String session = ask(random, Api::createSession);
      Talk talk = new Talk(session, new CopyOnWriteArrayList<>());
      talks.add(talk);
      for (int i = 0; i < MESSAGES_OF_A_SESSION; i++) {
        String words = session.substring(session.length() - 6) + " " + i + " b c d e";
        String policy = POLICIES.get(random.nextInt(POLICIES.size()));
        String turn = send(random, session, words, policy, session + i);
        talk.said.add(new Said(words, policy, turn));
        accepted.incrementAndGet();
        if (random.nextInt(3) == 0) {
          Await.until("an end", () -> ask(random, api -> ended(api, turn)) ? "" : null);
        }
      }
    }
  }

  private static boolean ended(Api api, String turn) {
    return List.of("completed", "failed", "cancelled").contains(api.state(turn));
  }

  /** Sends until there is a 202; what was refused for the moment is sent again, with its key. */
  private String send(Random random, String session, String words, String policy, String key) {
    var body = Api.body(Prompts.say(words, 3)).put("whenBusy", policy);
    return Await.until(
        "a 202 for " + words,
        () -> {
          Api.Answer answer =
              ask(random, api -> api.submitRaw(session, body, "Idempotency-Key", key));
          if (answer.status() == 202) {
            return Api.turnOf(answer);
          }
          assertThat(answer.status()).as(answer.body()).isIn(409, 429, 503);
          assertThat(answer.json().path("retryable").asBoolean()).as(answer.body()).isTrue();
          return null;
        });
  }

  /** Asks the servers that are up, in any order, until one answers. */
  private <T> T ask(Random random, Function<Api, T> request) {
    return Await.until(
        "an answer",
        () -> {
          Server server = servers.get(random.nextInt(servers.size()));
          try {
            return server.process().ready() ? request.apply(server.api()) : null;
          } catch (Api.Unreachable e) {
            return null;
          }
        });
  }

  private void check(Api api) {
    int completed = 0;
    int messages = 0;
    for (Talk talk : talks) {
      talk.said.forEach(said -> api.awaitEnd(said.turn));
      List<JsonNode> stored = api.messages(talk.session);
      assertThat(stored).as("of %s", talk).hasSize(2 * talk.said.size());
      for (int i = 0; i < talk.said.size(); i++) {
        Said said = talk.said.get(i);
        assertThat(stored.get(2 * i).path("turn").asText()).isEqualTo(said.turn);
        assertThat(Api.text(stored.get(2 * i))).endsWith(said.words);
        JsonNode reply = stored.get(2 * i + 1);
        assertThat(reply.path("turn").asText()).isEqualTo(said.turn);
        switch (reply.path("status").asText()) {
          case "complete" -> {
            assertThat(Api.text(reply)).isEqualTo(said.words);
            completed++;
          }
          case "cancelled" -> {
            assertThat(said.words).startsWith(Api.text(reply));
            assertThat(talk.said.subList(i + 1, talk.said.size()))
                .as("who interrupted %s", said)
                .anyMatch(later -> later.policy.equals("interrupt"));
          }
          default ->
              // Visible, with its reason: it was in the hands of four servers that died.
              assertThat(reply.path("error").path("code").asText()).isEqualTo("crash_loop");
        }
        messages++;
      }
    }
    assertThat(messages).isEqualTo(accepted.get()).isGreaterThanOrEqualTo(MESSAGES);
    assertThat(completed).isGreaterThan(MESSAGES / 2);
    assertThat(api.get("/v1/turns?state=active").json().required("items")).isEmpty();
  }
}

package dev.perdure.it.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.it.check.Observation.Cancelled;
import dev.perdure.it.check.Observation.Looked;
import dev.perdure.it.check.Observation.Posted;
import dev.perdure.it.check.Observation.Request;
import dev.perdure.it.check.Observation.Trespassed;
import dev.perdure.it.check.Observation.TurnSeen;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;

/**
 * Whoever uses one session: sends messages, repeats those whose answer got lost, opens readers,
 * cancels, looks. One thread, and one for each reader and repeated POST.
 */
final class SessionUser {
  private static final int THINK_MILLIS = 1_500;
  private static final int RECENT_TURNS = 4;

  /** A provider is shown the whole session, and unanswered messages with their faults add up. */
  private static final int MAX_TURNS = 12;

  private final World world;
  private final World.Owner owner;
  private final String name;
  private final Recorder recorder;
  private final SplittableRandom random;
  private final ExecutorService threads;
  private final int lanes;

  /** Then all of its messages do, so that a message that got no reply adds no calls to others. */
  private final boolean usesTools;

  private final List<String> recent = new ArrayList<>();
  private volatile @Nullable String session;
  private final int turns;
  private int sent;
  private int readers;

  SessionUser(
      World world,
      String name,
      Recorder recorder,
      SplittableRandom random,
      ChaosOptions.Mix mix,
      ExecutorService threads) {
    this.world = world;
    this.name = name;
    this.recorder = recorder;
    this.random = random;
    this.threads = threads;
    this.turns = 1 + random.nextInt(MAX_TURNS);
    this.lanes = mix.lanes();
    this.usesTools = random.nextInt(100) < mix.tools();
    this.owner = World.OWNERS.get(random.nextInt(World.OWNERS.size()));
  }

  World.Owner owner() {
    return owner;
  }

  /** The id of the session; null if it was never opened. */
  @Nullable String session() {
    return session;
  }

  Recorder recorder() {
    return recorder;
  }

  /** Opens the session and uses it for a while, or until the world calms down. */
  void use() throws InterruptedException {
    @Nullable String id = open();
    session = id;
    while (id != null && !world.isCalm() && sent < turns) {
      act(id);
      world.pause(random.nextInt(THINK_MILLIS));
    }
  }

  private @Nullable String open() throws InterruptedException {
    while (!world.isCalm()) {
      try {
        Http.Answer answer = call(world.any(random), "POST", "/v1/sessions", "{}");
        if (answer.status() == 201) {
          return Recorder.JSON.readTree(answer.body()).path("id").asText();
        }
      } catch (IOException e) {
        // The next node may be well.
      }
      world.pause(random.nextInt(500));
    }
    return null;
  }

  private void act(String id) throws InterruptedException {
    int what = random.nextInt(100);
    if (what < 60 || recent.isEmpty()) {
      send(id);
    } else if (what < 75) {
      cancel(id);
    } else if (what < 84) {
      look();
    } else if (what < 92) {
      trespass();
    } else {
      follow(recent.get(random.nextInt(recent.size())), false);
    }
  }

  private void send(String id) throws InterruptedException {
    Request request = Prompts.next(name, sent++, lanes, usesTools, random);
    if (random.nextInt(8) == 0) {
      // An impatient client, or a proxy that repeats by itself.
      SplittableRandom own = random.split();
      start(() -> post(id, request, own));
    }
    @Nullable String turn = post(id, request, random);
    if (turn == null) {
      return;
    }
    world.accepted.incrementAndGet();
    world.owns(new World.Belonging(owner, id, turn));
    if (Prompts.isLong(request) || random.nextInt(40) == 0) {
      world.haunt(owner, turn, random);
    }
    if (usesTools) {
      start(new Decider(world, recorder, random.split(), owner, turn)::run);
    }
    recent.add(turn);
    if (recent.size() > RECENT_TURNS) {
      recent.removeFirst();
    }
    int count = random.nextInt(10) == 0 ? 0 : 1 + random.nextInt(2);
    for (int i = 0; i < count; i++) {
      follow(turn, random.nextInt(4) == 0);
    }
    if (random.nextInt(3) > 0) {
      // Most people wait for the reply.
      reader(turn, false).run();
    }
  }

  /** Posts until there is an answer; returns the turn, or null if the message was refused. */
  private @Nullable String post(String id, Request request, SplittableRandom own)
      throws InterruptedException {
    ObjectNode body = Recorder.JSON.createObjectNode().put("text", request.text());
    request.models().forEach(body.withArray("models")::add);
    body.put("whenBusy", request.whenBusy());
    if (usesTools) {
      Prompts.offer(body);
    }
    while (!world.isOver()) {
      Node node = world.any(own);
      long started = System.currentTimeMillis();
      int status = 0;
      @Nullable String turn = null;
      @Nullable String code = null;
      try {
        Http.Answer answer =
            call(
                node,
                "POST",
                "/v1/sessions/" + id + "/turns",
                body.toString(),
                "Idempotency-Key",
                request.key());
        status = answer.status();
        turn = status == 202 ? Recorder.JSON.readTree(answer.body()).path("turn").asText() : null;
        code = turn == null ? Reader.code(answer.body()) : null;
      } catch (IOException e) {
        status = 0;
        code = e.getClass().getSimpleName() + ": " + e.getMessage();
      }
      recorder.record(
          new Posted(
              request, node.number(), started, System.currentTimeMillis(), status, turn, code));
      if (turn != null) {
        return turn;
      }
      if (status != 0 && status < 500) {
        world.refused.incrementAndGet();
        return null;
      }
      world.lost.incrementAndGet();
      world.backOff(own);
    }
    return null;
  }

  private void cancel(String id) {
    String turn = recent.get(random.nextInt(recent.size()));
    int what = random.nextInt(10);
    String target =
        what < 7
            ? "/v1/turns/" + turn
            : what < 9 ? "/v1/sessions/" + id : "/v1/turns/" + turn + "/lanes/0";
    Node node = world.any(random);
    long started = System.currentTimeMillis();
    int status = 0;
    List<TurnSeen> turns = new ArrayList<>();
    try {
      Http.Answer answer = call(node, "POST", target + "/cancel", "{}");
      status = answer.status();
      JsonNode json = Recorder.JSON.readTree(answer.body());
      if (json.has("items")) {
        json.path("items").forEach(item -> turns.add(seen(item)));
      } else if (json.has("turn")) {
        turns.add(seen(json));
      }
    } catch (IOException e) {
      status = 0;
    }
    world.cancels.incrementAndGet();
    recorder.record(
        new Cancelled(target, node.number(), started, System.currentTimeMillis(), status, turns));
  }

  private static TurnSeen seen(JsonNode json) {
    return new TurnSeen(json.path("turn").asText(), json.path("state").asText());
  }

  private void look() {
    String turn = recent.get(random.nextInt(recent.size()));
    Node node = world.any(random);
    long started = System.currentTimeMillis();
    int status = 0;
    String body = "";
    try {
      Http.Answer answer = call(node, "GET", "/v1/turns/" + turn, null);
      status = answer.status();
      body = answer.body();
    } catch (IOException e) {
      body = e.toString();
    }
    recorder.record(
        new Looked(turn, node.number(), started, System.currentTimeMillis(), status, body));
  }

  /** Tries to get at what is somebody else's. */
  private void trespass() {
    World.@Nullable Belonging other = world.ofAnother(owner, random);
    if (other == null) {
      return;
    }
    Node node = world.any(random);
    String turn = "/v1/turns/" + other.turn();
    String session = "/v1/sessions/" + other.session();
    List<String[]> ways =
        List.of(
            new String[] {"GET", turn},
            new String[] {"GET", turn + "/events"},
            new String[] {"GET", turn + "/download"},
            new String[] {"POST", turn + "/cancel", "{}"},
            new String[] {"POST", turn + "/lanes/0/cancel", "{}"},
            new String[] {"GET", turn + "/calls"},
            new String[] {"POST", turn + "/answers", "{\"call\":\"call_x\",\"decision\":\"done\"}"},
            new String[] {"GET", session},
            new String[] {"GET", session + "/messages"},
            new String[] {"POST", session + "/cancel", "{}"},
            new String[] {"POST", session + "/turns", "{\"text\":\"trespass\"}"});
    String[] way = ways.get(random.nextInt(ways.size()));
    int status = 0;
    String body = "";
    try {
      Http.Answer answer = call(node, way[0], way[1], way.length > 2 ? way[2] : null);
      status = answer.status();
      body = answer.body();
    } catch (IOException e) {
      status = 0;
    }
    recorder.record(
        new Trespassed(other.turn(), node.number(), way[0] + " " + way[1], status, body));
  }

  /** One request with the owner's key, and its whole answer. */
  private Http.Answer call(
      Node node, String method, String path, @Nullable String body, String... head)
      throws IOException {
    String[] all = Arrays.copyOf(head, head.length + 2);
    all[head.length] = "Authorization";
    all[head.length + 1] = owner.bearer();
    return Http.call(node.port(), World.CALL_MILLIS, method, path, body, all);
  }

  private void follow(String turn, boolean steady) {
    Reader reader = reader(turn, steady);
    start(reader::run);
  }

  private Reader reader(String turn, boolean steady) {
    return new Reader(world, recorder, random.split(), owner, name + "/" + readers++, turn, steady);
  }

  /** Work on a thread of its own. */
  @FunctionalInterface
  private interface Work {
    void run() throws InterruptedException;
  }

  private void start(Work work) {
    world.clients.incrementAndGet();
    threads.execute(() -> {
      try {
        work.run();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } finally {
        world.clients.decrementAndGet();
      }
    });
  }
}

package dev.perdure.it.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.it.check.Observation.Answered;
import java.io.IOException;
import java.util.List;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Whoever is asked about the calls of tools of one turn: looks at them on any node until the turn
 * has ended, and answers what waits, sometimes in two tabs at once. For one thread.
 */
final class Decider {
  private static final int LOOK_MILLIS = 250;
  private static final int ONE_IN_DECIDES_TWICE = 4;

  private final World world;
  private final Recorder recorder;
  private final SplittableRandom random;
  private final World.Owner owner;
  private final String turn;

  Decider(World world, Recorder recorder, SplittableRandom random, World.Owner owner, String turn) {
    this.world = world;
    this.recorder = recorder;
    this.random = random;
    this.owner = owner;
    this.turn = turn;
  }

  /** Answers until the turn has ended, or until there is no more patience. */
  void run() throws InterruptedException {
    while (!world.isOver()) {
      // Not a pause of the world's: in its calm all would look without a pause.
      Thread.sleep(LOOK_MILLIS + random.nextInt(LOOK_MILLIS));
      @Nullable JsonNode now = get("/v1/turns/" + turn);
      if (now == null) {
        continue;
      }
      String state = now.path("state").asText();
      if (state.equals("completed") || state.equals("failed") || state.equals("cancelled")) {
        return;
      }
      @Nullable JsonNode calls = get("/v1/turns/" + turn + "/calls");
      if (calls != null) {
        for (JsonNode call : calls.path("items")) {
          decide(call.path("call").asText(), call.path("state").asText());
        }
      }
    }
  }

  private void decide(String call, String state) throws InterruptedException {
    List<String> decisions =
        switch (state) {
          case "approval" -> List.of("approve", "approve", "refuse");
          case "attention" -> List.of("done", "repeat", "fail");
          case "client" -> List.of("done");
          default -> List.of();
        };
    if (decisions.isEmpty()) {
      return;
    }
    String first = decisions.get(random.nextInt(decisions.size()));
    String second = decisions.get(random.nextInt(decisions.size()));
    Node one = world.any(random);
    Node another = world.any(random);
    if (random.nextInt(ONE_IN_DECIDES_TWICE) == 0) {
      Thread tab = Thread.ofVirtual().start(() -> answer(another, call, second));
      answer(one, call, first);
      tab.join();
    } else {
      answer(one, call, first);
    }
  }

  private void answer(Node node, String call, String decision) {
    ObjectNode body = Recorder.JSON.createObjectNode().put("call", call).put("decision", decision);
    if (decision.equals("done")) {
      body.put("output", "so it was");
    }
    long started = System.currentTimeMillis();
    int status;
    try {
      status =
          Http.call(
                  node.port(),
                  World.CALL_MILLIS,
                  "POST",
                  "/v1/turns/" + turn + "/answers",
                  body.toString(),
                  "Authorization",
                  owner.bearer())
              .status();
    } catch (IOException e) {
      status = 0;
    }
    recorder.record(
        new Answered(
            turn, call, decision, node.number(), started, System.currentTimeMillis(), status));
  }

  /** What a node says; null if it says nothing for now. */
  private @Nullable JsonNode get(String path) {
    try {
      Http.Answer answer =
          Http.call(
              world.any(random).port(),
              World.CALL_MILLIS,
              "GET",
              path,
              null,
              "Authorization",
              owner.bearer());
      return answer.status() == 200 ? Recorder.JSON.readTree(answer.body()) : null;
    } catch (IOException e) {
      return null;
    }
  }
}

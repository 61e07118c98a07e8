package dev.perdure.it.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.it.check.Observation.End;
import dev.perdure.it.check.Observation.Left;
import dev.perdure.it.check.Observation.Streamed;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * A client that follows one turn over as many connections as it takes: it leaves when it likes,
 * comes back on any node behind its last event, reads slowly, and sometimes never comes back. For
 * one thread.
 */
final class Reader {
  private static final int SLOW_BUFFER_BYTES = 2_048;

  private final World world;
  private final Recorder recorder;
  private final RandomGenerator random;
  private final World.Owner owner;
  private final String client;
  private final String turn;
  private final boolean steady;
  private final boolean slow;
  private final boolean snapshot;

  private long last = -1;
  private int connections;

  /**
   * @param steady reads to the end without leaving of its own will
   */
  Reader(
      World world,
      Recorder recorder,
      RandomGenerator random,
      World.Owner owner,
      String client,
      String turn,
      boolean steady) {
    this.owner = owner;
    this.world = world;
    this.recorder = recorder;
    this.random = random;
    this.client = client;
    this.turn = turn;
    this.steady = steady;
    this.slow = !steady && random.nextInt(8) == 0;
    this.snapshot = !steady && random.nextInt(4) == 0;
  }

  /** Reads until the end of the turn, or until there is no more patience. */
  void run() throws InterruptedException {
    while (!world.isOver()) {
      Streamed stream = stream(world.any(random));
      recorder.record(stream);
      world.events.addAndGet(stream.lines().size());
      if (stream.end() == End.TURN_ENDED || stream.status() == 204 || notFound(stream)) {
        return;
      }
      if (!steady && !world.isCalm() && random.nextInt(12) == 0) {
        recorder.record(new Left(client, turn));
        return;
      }
      if (stream.status() == 0 || stream.end() == End.REFUSED) {
        world.backOff(random);
      } else {
        world.pause(random.nextInt(600));
      }
    }
  }

  private static boolean notFound(Streamed stream) {
    return stream.status() == 404 || stream.status() == 410;
  }

  /** What one connection has brought so far. */
  private static final class Catch {
    int status;
    @Nullable String snapshot;
    final List<String> lines = new ArrayList<>();
    @Nullable String oddity;
    @Nullable String code;
    End end = End.BROKEN;
  }

  private Streamed stream(Node node) throws InterruptedException {
    long started = System.currentTimeMillis();
    @Nullable Long after = last < 0 ? null : last;
    boolean fromSnapshot = snapshot && after == null;
    Catch got = new Catch();
    world.connects.incrementAndGet();
    if (connections++ > 0) {
      world.reconnects.incrementAndGet();
    }
    try (Http http = new Http(node.port(), World.SILENCE_MILLIS, slow ? SLOW_BUFFER_BYTES : 0)) {
      world.opened(http);
      try {
        String path = "/v1/turns/" + turn + "/events" + (fromSnapshot ? "?from=snapshot" : "");
        List<String> head = new ArrayList<>();
        head.addAll(List.of("Accept", "text/event-stream", "Authorization", owner.bearer()));
        if (after != null) {
          head.addAll(List.of("Last-Event-ID", "" + after));
        }
        got.status = http.send("GET", path, null, head.toArray(String[]::new));
        if (got.status == 200) {
          read(http.body(), got);
        } else {
          got.end = End.REFUSED;
          got.code = code(new String(http.body().readAllBytes(), StandardCharsets.UTF_8));
        }
      } finally {
        world.closed(http);
      }
    } catch (IOException e) {
      got.code = e.getClass().getSimpleName() + ": " + e.getMessage();
    }
    return new Streamed(
        client,
        turn,
        node.number(),
        started,
        System.currentTimeMillis(),
        got.status,
        after,
        got.snapshot,
        got.lines,
        got.oddity,
        got.code,
        got.end);
  }

  private void read(InputStream in, Catch got) throws IOException, InterruptedException {
    int frames =
        steady || world.isCalm() || random.nextInt(2) == 0 ? Integer.MAX_VALUE : random.nextInt(40);
    for (int i = 0; i < frames || world.isCalm(); i++) {
      @Nullable Frame frame = Frame.read(in);
      if (frame == null) {
        got.end = End.SERVER;
        return;
      }
      if ("notice".equals(frame.event()) && frame.id() == null) {
        continue; // About the moment, not of the log.
      }
      JsonNode json = Recorder.JSON.readTree(frame.data());
      boolean over;
      if ("snapshot".equals(frame.event())) {
        if (got.snapshot != null || !got.lines.isEmpty()) {
          got.oddity = "a snapshot in the middle of a stream";
        }
        got.snapshot = frame.data();
        String state = json.path("state").asText();
        over = state.equals("completed") || state.equals("failed") || state.equals("cancelled");
      } else {
        got.lines.add(frame.data());
        over = json.path("type").asText().equals("turn.ended");
      }
      last = json.path("seq").asLong(-1);
      if (!Long.toString(last).equals(frame.id())) {
        got.oddity = "the id " + frame.id() + " of " + frame.data();
      }
      if (over) {
        got.end = End.TURN_ENDED;
        return;
      }
      if (slow && !world.isCalm()) {
        Thread.sleep(random.nextInt(200));
      }
    }
    got.end = End.CLIENT;
  }

  static @Nullable String code(String problem) {
    try {
      return Recorder.JSON.readTree(problem).path("code").asText(null);
    } catch (IOException e) {
      return problem.isBlank() ? null : problem;
    }
  }
}

package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.server.http.SseText.Frame;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Many turns, and clients that come and go as they please: every one ends with the same text. */
class StormTest {
  private static final int SESSIONS = 4;
  private static final int TURNS = 24;

  /** With frequent heartbeats, so that those who left are noticed soon. */
  private static final HttpLimits BEATING =
      new HttpLimits(
          HttpLimits.Body.DEFAULT,
          HttpLimits.Page.DEFAULT,
          new HttpLimits.Stream(
              64,
              50,
              Duration.ofMillis(100),
              Duration.ofSeconds(1),
              Duration.ofSeconds(5),
              Duration.ofHours(24),
              Duration.ofSeconds(60)),
          HttpLimits.Socket.DEFAULT);

  /** What a client has of one turn; refuses gaps and repetitions. */
  private static final class Copy {
    private long seq = -1;
    private final StringBuilder text = new StringBuilder();
    private boolean ended;

    void take(JsonNode event) {
      assertThat(event.path("seq").longValue()).isEqualTo(seq + 1);
      assertThat(ended).isFalse();
      seq++;
      text.append(event.path("text").asText(""));
      ended = event.path("type").textValue().equals("turn.ended");
    }
  }

  @Test
  void whoever_leaves_and_comes_back_has_the_same_text_as_the_store(@TempDir Path data)
      throws Exception {
    try (Door door = new Door(data, BEATING);
        ExecutorService pool = Executors.newVirtualThreadPerTaskExecutor()) {
      List<String> sessions = new ArrayList<>();
      for (int i = 0; i < SESSIONS; i++) {
        sessions.add(door.session());
      }
      Future<Map<String, Copy>> inbox = pool.submit(() -> followInbox(door, 1));
      Future<Map<String, Copy>> hasty = pool.submit(() -> followInbox(door, 2));
      Future<Void> provider = pool.submit(() -> reply(door, pool));
      List<Future<Copy>> single = new ArrayList<>();
      List<String> turns = new ArrayList<>();
      for (int i = 0; i < TURNS; i++) {
        String turn = door.turn(sessions.get(i % SESSIONS), "message " + i);
        turns.add(turn);
        int seed = i;
        single.add(pool.submit(() -> followTurn(door, turn, seed)));
      }

      Map<String, String> stored = new HashMap<>();
      for (int i = 0; i < TURNS; i++) {
        stored.put(turns.get(i), single.get(i).get().text.toString());
      }
      provider.get();
      for (Map<String, Copy> all : List.of(inbox.get(), hasty.get())) {
        assertThat(all.keySet()).containsExactlyInAnyOrderElementsOf(turns);
        all.forEach((turn, copy) -> assertThat(copy.text.toString()).isEqualTo(stored.get(turn)));
      }
      for (String turn : turns) {
        JsonNode status = door.get("/v1/turns/" + turn).json();
        assertThat(status.path("state").textValue()).isEqualTo("completed");
        assertThat(status.path("lanes").path(0).path("text").textValue())
            .isEqualTo(stored.get(turn))
            .isNotEmpty();
      }
      long deadline = System.nanoTime() + Door.PATIENCE.toNanos();
      while (door.meters.get("perdure.stream.open").gauge().value() > 0) {
        assertThat(System.nanoTime()).as("streams still open").isLessThan(deadline);
      }
    }
  }

  /** Answers every turn, several at once, in pieces. */
  private static Void reply(Door door, ExecutorService pool) throws Exception {
    List<Future<Void>> replies = new ArrayList<>();
    for (int i = 0; i < TURNS; i++) {
      HandProvider.Call call = door.provider.call();
      int seed = i;
      Callable<Void> speech =
          () -> {
            Random random = new Random(seed);
            for (int word = 0; word < 40 + random.nextInt(80); word++) {
              call.say(word + "\u00e9\ud83d\ude00\r\n ".substring(random.nextInt(2)));
              if (random.nextInt(4) == 0) {
                // Lets the log commit in between, so that there are many blocks.
                door.conversations.now();
              }
            }
            call.finish();
            return null;
          };
      replies.add(pool.submit(speech));
    }
    for (Future<Void> reply : replies) {
      reply.get();
    }
    return null;
  }

  private static Copy followTurn(Door door, String turn, int seed) throws Exception {
    Random random = new Random(seed);
    Copy copy = new Copy();
    while (!copy.ended) {
      String path = "/v1/turns/" + turn + "/events";
      try (EventReader reader =
          copy.seq < 0
              ? door.events(path)
              : door.events(path, "Last-Event-ID", Long.toString(copy.seq))) {
        for (int i = random.nextInt(60); i >= 0 && !copy.ended; i--) {
          Frame frame = reader.next();
          if (frame != null) {
            copy.take(EventReader.json(frame));
          }
        }
      }
    }
    return copy;
  }

  private static Map<String, Copy> followInbox(Door door, int seed) throws Exception {
    Random random = new Random(seed);
    Map<String, Copy> copies = new HashMap<>();
    Set<String> ended = new HashSet<>();
    String cursor = "";
    while (ended.size() < TURNS) {
      try (EventReader reader =
          cursor.isEmpty()
              ? door.events("/v1/inbox/events")
              : door.events("/v1/inbox/events", "Last-Event-ID", cursor)) {
        // The first connection stays until it has a cursor to come back with.
        for (int i = random.nextInt(200); i >= 0 && ended.size() < TURNS; i--) {
          Frame frame = reader.next();
          if (frame == null) {
            break;
          }
          cursor = frame.id();
          JsonNode json = EventReader.json(frame);
          String turn = json.path("turn").textValue();
          Copy copy = copies.computeIfAbsent(turn, t -> new Copy());
          copy.take(json.path("event"));
          if (copy.ended) {
            ended.add(turn);
          }
        }
      }
    }
    return copies;
  }
}

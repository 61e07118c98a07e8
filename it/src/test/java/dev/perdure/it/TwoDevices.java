package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Two devices that write into one session in turns and watch it, at one server or at two. */
final class TwoDevices {
  private static final int EACH = 4;

  private TwoDevices() {}

  static void talk(Api phone, Api laptop) throws Exception {
    String session = phone.createSession();
    // Its first event says that both streams are open; the others wait behind it.
    String first = phone.submit(session, Prompts.say(Prompts.words(2_000), 20));
    CountDownLatch open = new CountDownLatch(2);
    CompletableFuture<Map<String, Transcript>> onPhone = watch(phone, session, open);
    CompletableFuture<Map<String, Transcript>> onLaptop = watch(laptop, session, open);
    assertThat(open.await(60, TimeUnit.SECONDS)).isTrue();
    List<String> turns = new ArrayList<>(List.of(first));
    for (int i = 0; i < EACH; i++) {
      turns.add(phone.submit(session, Prompts.say("phone-" + i, 10)));
      turns.add(laptop.submit(session, Prompts.say("laptop-" + i, 10)));
    }
    laptop.cancel(first);
    Map<String, Transcript> seen = onPhone.get(60, TimeUnit.SECONDS);
    Map<String, Transcript> seenToo = onLaptop.get(60, TimeUnit.SECONDS);

    assertThat(seen.keySet()).containsExactlyInAnyOrderElementsOf(turns);
    assertThat(seenToo.keySet()).containsExactlyInAnyOrderElementsOf(turns);
    for (String turn : turns) {
      assertThat(seen.get(turn)).isNotNull();
      assertThat(events(seen, turn)).isEqualTo(events(seenToo, turn));
    }
    List<JsonNode> messages = laptop.messages(session);
    assertThat(messages).isEqualTo(phone.messages(session)).hasSize(4 * EACH + 2);
    assertThat(messages.stream().map(m -> m.path("turn").asText()).distinct())
        .as("the order of accepting")
        .containsExactlyElementsOf(turns);
    for (int i = 0; i < messages.size(); i++) {
      assertThat(messages.get(i).path("position").asInt()).isEqualTo(i);
    }
  }

  private static List<Transcript.Event> events(Map<String, Transcript> seen, String turn) {
    return seen.getOrDefault(turn, new Transcript()).events();
  }

  /** Follows the session until all turns of both have come to their ends. */
  private static CompletableFuture<Map<String, Transcript>> watch(
      Api device, String session, CountDownLatch open) {
    return CompletableFuture.supplyAsync(() -> {
      Map<String, Transcript> seen = new LinkedHashMap<>();
      device.stream(
          "/v1/sessions/" + session + "/events",
          null,
          frame -> {
            JsonNode json = Api.read(frame.data());
            JsonNode event = json.path("event");
            if (event.has("seq")) {
              if (seen.isEmpty()) {
                open.countDown();
              }
              seen.computeIfAbsent(json.path("turn").asText(), turn -> new Transcript())
                  .add(new Api.Frame(event.path("seq").asText(), null, event.toString()));
            }
            return seen.size() == 2 * EACH + 1
                && seen.values().stream().allMatch(Transcript::ended);
          });
      return seen;
    });
  }
}

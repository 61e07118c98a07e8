package dev.perdure.it;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.it.check.Observation.Request;
import dev.perdure.it.check.Stored.ProviderCall;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * Clients that send one message after the other to a fleet and read each reply to its end, while
 * nodes come and go. What they lose, get twice or wait for too long is counted. Thread-safe.
 */
final class Traffic implements AutoCloseable {
  private static final int WORDS = 40;
  private static final int MILLIS_PER_WORD = 25;
  private static final String MODEL = "openai/traffic";

  private final Fleet fleet;
  private final FakeProvider fake;
  private final Witness witness = new Witness();
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final List<CompletableFuture<Void>> clients = new ArrayList<>();
  private final List<Reply> replies = Collections.synchronizedList(new ArrayList<>());
  private volatile boolean over;

  /** A message that was sent, and when its sender had read the reply to its end. */
  private record Reply(
      Request request, Transcript seen, long sentMillis, long ackMillis, long readMillis) {}

  Traffic(Fleet fleet, FakeProvider fake, int clients) {
    this.fleet = fleet;
    this.fake = fake;
    for (int i = 0; i < clients; i++) {
      int client = i;
      this.clients.add(CompletableFuture.runAsync(() -> converse(client), threads));
    }
  }

  private void converse(int client) {
    String session = fleet.ask(client, Api::createSession);
    for (int number = 0; !over; number++) {
      String says = Prompts.words(WORDS) + " " + client + "." + number;
      Request request =
          Witness.request("traffic-" + client + "-" + number, MODEL, says, MILLIS_PER_WORD);
      long sent = System.currentTimeMillis();
      String turn =
          fleet.ask(client + number, api -> Api.turnOf(witness.post(api, session, request)));
      long ack = System.currentTimeMillis();
      Transcript seen = new Transcript();
      fleet.follow(client + number + 1, turn, seen);
      replies.add(new Reply(request, seen, sent, ack, System.currentTimeMillis()));
      witness.read(session, turn, seen);
    }
  }

  /** How many replies have been read. */
  int replies() {
    return replies.size();
  }

  /** Lets that many more replies be read, so that there is work on every node. */
  void awaitMore(int count) {
    int enough = replies() + count;
    Await.until(
        "replies",
        () -> {
          clients.stream().filter(CompletableFuture::isDone).forEach(CompletableFuture::join);
          return replies() >= enough ? "" : null;
        });
  }

  /**
   * Where the time of a reply went, in milliseconds: from sending the message to its 202, from
   * there until the provider was asked, and from the provider's end until the client had read the
   * reply's.
   */
  record Delay(long accepting, long starting, long reading) {
    long total() {
      return accepting + starting + reading;
    }

    @Override
    public String toString() {
      return "%d ms (%d to the 202, %d to the provider, %d behind it)"
          .formatted(total(), accepting, starting, reading);
    }
  }

  /**
   * What came of it. The delay of a reply is the time from its sending to its last event, less the
   * time that its provider took.
   */
  record Result(int replies, int lost, int doubled, Delay median, Delay max) {
    long maxDelayMillis() {
      return max.total();
    }

    @Override
    public String toString() {
      return "lost %d, doubled %d of %d replies; delay beyond the provider: median %s, max %s"
          .formatted(lost, doubled, replies, median, max);
    }
  }

  /** Lets the clients finish what they have begun, and judges all of it. */
  Result end() {
    over = true;
    clients.forEach(CompletableFuture::join);
    Map<String, List<JsonNode>> calls = new HashMap<>();
    List<ProviderCall> all = new ArrayList<>();
    for (JsonNode json : fake.calls("traffic-")) {
      ProviderCall call = Witness.call(json);
      all.add(call);
      calls.computeIfAbsent(call.marker(), marker -> new ArrayList<>()).add(json);
    }
    int lost = 0;
    int doubled = 0;
    List<Delay> delays = new ArrayList<>();
    for (Reply reply : replies) {
      List<JsonNode> asked = calls.getOrDefault(reply.request.marker(), List.of());
      boolean whole =
          reply.seen.state().equals("completed") && reply.seen.text().equals(reply.request.says());
      lost += whole ? 0 : 1;
      doubled += asked.size() > 1 ? 1 : 0;
      if (asked.size() == 1) {
        long received = millis(asked.getFirst(), "received");
        long ended = millis(asked.getFirst(), "ended");
        delays.add(
            new Delay(
                reply.ackMillis - reply.sentMillis,
                received - reply.ackMillis,
                reply.readMillis - ended));
      }
    }
    witness.judge(fleet.database(), all);
    delays.sort(Comparator.comparingLong(Delay::total));
    return new Result(
        replies.size(), lost, doubled, delays.get(delays.size() / 2), delays.getLast());
  }

  private static long millis(JsonNode call, String name) {
    return Instant.parse(call.required(name).textValue()).toEpochMilli();
  }

  @Override
  public void close() {
    over = true;
    threads.shutdownNow();
  }
}

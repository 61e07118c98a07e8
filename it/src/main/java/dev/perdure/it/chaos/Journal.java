package dev.perdure.it.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.it.check.Stored.ProviderCall;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What the provider was asked, collected while the run goes on because the provider keeps only its
 * latest calls. Thread-safe.
 */
final class Journal {
  private static final int PATIENCE_MILLIS = 20_000;

  private final int port;

  @GuardedBy("this")
  private final Map<Long, ProviderCall> calls = new LinkedHashMap<>();

  @GuardedBy("this")
  private long last;

  Journal(int port) {
    this.port = port;
  }

  /** Asks for the calls since the last time; returns how many are open now. */
  synchronized int collect() throws IOException {
    Http.Answer answer = Http.call(port, PATIENCE_MILLIS, "GET", "/__calls?after=" + last, null);
    JsonNode json = Recorder.JSON.readTree(answer.body());
    for (JsonNode call : json.path("calls")) {
      long id = call.path("id").asLong();
      String tail = call.path("tail").asText();
      calls.put(
          id,
          new ProviderCall(
              id,
              tail.substring(tail.lastIndexOf('\n') + 1),
              call.path("wire").asText(),
              Instant.parse(call.path("received").asText()).toEpochMilli(),
              call.path("state").asText()));
      last = Math.max(last, id);
    }
    return json.path("open").asInt();
  }

  synchronized List<ProviderCall> calls() {
    return new ArrayList<>(calls.values());
  }
}

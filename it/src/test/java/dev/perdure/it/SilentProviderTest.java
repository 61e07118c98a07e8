package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.provider.RawServer;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A provider that hangs, in each of the ways in which it can, is noticed and given up. */
class SilentProviderTest {
  private static final String HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
  private static final String TOKEN =
      "data: {\"choices\":[{\"delta\":{\"content\":\"one \"}}]}\n\n";
  private static final String PING = ": ping\n\n";

  @TempDir Path data;

  /** Where the provider stops to speak, and what must come of it. */
  enum Silence {
    BEFORE_HEADERS("first_token_timeout", ""),
    BEFORE_FIRST_TOKEN("first_token_timeout", ""),
    BETWEEN_TOKENS("idle_timeout", "one "),
    PINGS_BEFORE_FIRST_TOKEN("first_token_timeout", ""),
    PINGS_BETWEEN_TOKENS("idle_timeout", "one ");

    private final String error;
    private final String kept;

    Silence(String error, String kept) {
      this.error = error;
      this.kept = kept;
    }
  }

  @Test
  void a_provider_that_hangs_is_noticed_wherever_it_does() throws Exception {
    CountDownLatch over = new CountDownLatch(1);
    AtomicInteger calls = new AtomicInteger();
    try (RawServer provider =
            RawServer.answering(
                (out, n) -> speak(Silence.values()[calls.getAndIncrement()], out, over));
        Server server =
            Server.setup()
                .env("OPENAI_API_KEY", "sk-it")
                .env("OPENAI_BASE_URL", provider.uri() + "/v1")
                .env("PERDURE_ENGINE_PROVIDER_FIRST_TOKEN_TIMEOUT", "4s")
                .env("PERDURE_ENGINE_PROVIDER_IDLE_TIMEOUT", "2s")
                .env("PERDURE_ENGINE_RETRY_MAX_ATTEMPTS", "1")
                .start(data)) {
      Api api = server.api();
      Map<Silence, String> sessions = new EnumMap<>(Silence.class);
      Map<Silence, String> turns = new EnumMap<>(Silence.class);
      // All wait at the same time, and which call is whose is known by their order.
      for (Silence silence : Silence.values()) {
        String session = api.createSession();
        sessions.put(silence, session);
        turns.put(silence, api.submit(session, "hello", "openai/" + silence));
        Await.until("its call", () -> calls.get() == turns.size() ? "" : null);
      }
      turns.forEach((silence, turn) -> {
        assertThat(api.awaitEnd(turn)).as("%s", silence).isEqualTo("failed");

        JsonNode reply = api.reply(sessions.getOrDefault(silence, ""), turn);
        assertThat(reply.path("error").path("code").asText())
            .as("%s", silence)
            .isEqualTo(silence.error);
        assertThat(Api.text(reply)).as("%s", silence).isEqualTo(silence.kept);
      });
    } finally {
      over.countDown();
    }
  }

  private static void speak(Silence silence, OutputStream out, CountDownLatch over)
      throws IOException {
    switch (silence) {
      case BEFORE_HEADERS -> await(over);
      case BEFORE_FIRST_TOKEN -> say(out, HEAD);
      case BETWEEN_TOKENS -> say(out, HEAD + TOKEN);
      case PINGS_BEFORE_FIRST_TOKEN -> {
        say(out, HEAD);
        drip(out);
      }
      case PINGS_BETWEEN_TOKENS -> {
        say(out, HEAD + TOKEN);
        drip(out);
      }
    }
    await(over);
  }

  /** Until the other side has had enough. */
  private static void drip(OutputStream out) throws IOException {
    try {
      while (true) {
        say(out, PING);
        Thread.sleep(50);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static void say(OutputStream out, String text) throws IOException {
    out.write(text.getBytes(StandardCharsets.UTF_8));
    out.flush();
  }

  private static void await(CountDownLatch over) {
    try {
      over.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}

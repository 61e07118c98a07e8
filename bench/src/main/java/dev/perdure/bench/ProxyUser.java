package dev.perdure.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The same user against a server that speaks the wire of OpenAI's chat completions: the plain proxy
 * of {@link PlainProxy}, or the fake provider itself.
 */
final class ProxyUser implements User {
  private final Phase phase;
  private @Nullable HttpConnection connection;

  ProxyUser(Phase phase) {
    this.phase = phase;
  }

  @Override
  public void prepare() {
    phase.counts().ready++;
  }

  @Override
  public void ask() {
    long askedNanos = System.nanoTime();
    String body =
        "{\"model\":\"bench\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\""
            + phase.prompt()
            + "\"}]}";
    try {
      connection = phase.loop().connect(phase.server());
      connection.send(
          "POST",
          "/v1/chat/completions",
          "Accept: text/event-stream\r\nAuthorization: Bearer bench\r\n",
          body.getBytes(StandardCharsets.UTF_8),
          new Reply(phase, askedNanos, (bytes, from, to) -> {}, this::ended));
    } catch (IOException e) {
      ended("the proxy cannot be reached: " + e);
    }
  }

  private void ended(@Nullable String failure) {
    if (failure != null) {
      phase.tally().failure(failure);
    }
    phase.counts().ended++;
  }

  /** A proxy keeps nothing that could be resumed. */
  @Override
  public void resume() {}

  @Override
  public void verify() {
    phase.counts().verified++;
  }

  @Override
  public void close() {
    if (connection != null) {
      connection.close();
    }
  }
}

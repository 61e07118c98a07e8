package dev.perdure.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * The same user against a server that speaks the wire of OpenAI's chat completions: the plain proxy
 * of {@link PlainProxy}, or the fake provider itself.
 */
final class ProxyUser implements User {
  private static final String DONE = "[DONE]";

  private final Phase phase;
  private @Nullable HttpConnection connection;
  private long askedNanos;
  private long chunks;
  private boolean done;
  private boolean failed;

  ProxyUser(Phase phase) {
    this.phase = phase;
  }

  @Override
  public void prepare() {
    phase.counts().ready++;
  }

  @Override
  public void ask() {
    askedNanos = System.nanoTime();
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
          new Reply());
    } catch (IOException e) {
      ended("the proxy cannot be reached: " + e);
    }
  }

  private final class Reply implements HttpConnection.Response {
    private final EventLines lines = new EventLines(this::line);

    private void line(byte[] bytes, int from, int to, long nowMicros) {
      phase.tally().events++;
      if (to - from == DONE.length() && bytes[from] == '[') {
        done = true;
        return;
      }
      Scan.stamps(
          bytes,
          from,
          to,
          sent -> {
            if (chunks++ == 0) {
              phase.tally().first.add((System.nanoTime() - askedNanos) / 1000);
            }
            phase.tally().chunks++;
            phase.tally().added.add(nowMicros - sent);
          });
    }

    @Override
    public void body(int status, byte[] bytes, int from, int to, long nowMicros) {
      phase.tally().bytes += to - from;
      if (status == 200) {
        lines.feed(bytes, from, to, nowMicros);
      }
    }

    @Override
    public void end(int status) {
      if (status != 200) {
        ended("the proxy answered " + status);
      } else if (!done) {
        ended("a reply ended early");
      } else if (chunks != phase.chunks()) {
        ended("a reply has " + chunks + " chunks instead of " + phase.chunks());
      } else {
        ended(null);
      }
    }

    @Override
    public void failed(String why) {
      ended("a stream failed: " + why);
    }
  }

  private void ended(@Nullable String failure) {
    if (failure != null && !failed) {
      failed = true;
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

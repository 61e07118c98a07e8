package dev.perdure.bench;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One streamed reply of a stack that ends it with {@code data: [DONE]}: counts the chunks by the
 * stamps in them, and says at its end whether all came. For the driver's thread only.
 */
final class Reply implements HttpConnection.Response {
  /** What a line of data holds besides the stamps; {@code bytes} is only valid during the call. */
  interface Data {
    void read(byte[] bytes, int from, int to);
  }

  private final EventLines lines = new EventLines(this::line);
  private final Phase phase;
  private final long askedNanos;
  private final Data data;
  private final Consumer<@Nullable String> end;
  private long chunks;
  private boolean done;

  /**
   * @param data is given each line of data but the last
   * @param end is told once what went wrong, or null
   */
  Reply(Phase phase, long askedNanos, Data data, Consumer<@Nullable String> end) {
    this.phase = phase;
    this.askedNanos = askedNanos;
    this.data = data;
    this.end = end;
  }

  /** Whether the last line has come. */
  boolean done() {
    return done;
  }

  private void line(byte[] bytes, int from, int to, long nowMicros) {
    phase.tally().events++;
    if (bytes[from] == '[') {
      done = true;
      return;
    }
    data.read(bytes, from, to);
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
      end.accept("following answered " + status);
    } else if (!done) {
      end.accept("a reply ended early");
    } else if (chunks != phase.chunks()) {
      end.accept("a reply has " + chunks + " chunks instead of " + phase.chunks());
    } else {
      end.accept(null);
    }
  }

  @Override
  public void failed(String why) {
    end.accept("a stream failed: " + why);
  }
}

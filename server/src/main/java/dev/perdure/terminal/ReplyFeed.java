package dev.perdure.terminal;

import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEventCodec;
import dev.perdure.protocol.TurnEventCodec.Line;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;

/**
 * Follows one turn to its end over as many connections as it takes, and puts each event into a
 * queue exactly once. A cut, a clean end before {@code turn.ended}, a gap and a server that is
 * restarting all lead to the same thing: wait a little longer than last time, then ask for what
 * comes after the last event that was put.
 *
 * <p>Run by one thread. The last thing it puts is {@code turn.ended} or {@link Happening.GaveUp}.
 */
final class ReplyFeed implements Runnable {
  /** Waits between tries; replaced in tests. */
  @FunctionalInterface
  interface Pause {
    void pause(Duration time) throws InterruptedException;
  }

  private static final Duration FIRST_PAUSE = Duration.ofMillis(200);
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(5);

  /** With the pauses above about five minutes without a single event. */
  private static final int MAX_TRIES_IN_VAIN = 64;

  private final ChatServer server;
  private final String turn;
  private final BlockingQueue<Happening> out;
  private final Pause pause;
  private long last = -1;
  private boolean interrupted;

  ReplyFeed(ChatServer server, String turn, BlockingQueue<Happening> out, Pause pause) {
    this.server = server;
    this.turn = turn;
    this.out = out;
    this.pause = pause;
  }

  @Override
  public void run() {
    try {
      int inVain = 0;
      Duration wait = FIRST_PAUSE;
      while (true) {
        long before = last;
        String why;
        try (ChatServer.Events events = server.events(turn, last)) {
          if (interrupted) {
            interrupted = false;
            out.put(new Happening.Restored());
          }
          if (readToEnd(events)) {
            return;
          }
          why = "the server closed the stream";
        } catch (RefusedException e) {
          if (!e.temporary()) {
            out.put(new Happening.GaveUp(e.status(), e.text()));
            return;
          }
          why = e.text();
        } catch (IOException e) {
          why = e.getMessage() == null ? e.toString() : Printable.line(e.getMessage());
        }
        if (last > before) {
          inVain = 0;
          wait = FIRST_PAUSE;
        } else if (++inVain > MAX_TRIES_IN_VAIN) {
          out.put(new Happening.GaveUp(0, "No connection to " + server.url() + ": " + why));
          return;
        }
        // A server that releases its streams on purpose is back at once: say nothing the first
        // time.
        if (inVain > 0 && !interrupted) {
          interrupted = true;
          out.put(new Happening.Interrupted(why));
        }
        pause.pause(wait);
        wait =
            wait.multipliedBy(2).compareTo(LONGEST_PAUSE) > 0
                ? LONGEST_PAUSE
                : wait.multipliedBy(2);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** True once the turn's last event was read, false at an earlier end of the stream. */
  private boolean readToEnd(ChatServer.Events events) throws IOException, InterruptedException {
    SseReader.Frame frame;
    while ((frame = events.reader().next()) != null) {
      if (frame.id() == null) {
        // About the moment: it is in no log.
        continue;
      }
      byte[] line = frame.data().getBytes(StandardCharsets.UTF_8);
      Line decoded;
      try {
        decoded = TurnEventCodec.decode(line, 0, line.length);
      } catch (PerdureException | NullPointerException e) {
        throw new IOException("the server sent an event that cannot be read", e);
      }
      if (decoded.seq() <= last) {
        continue;
      }
      if (decoded.seq() != last + 1) {
        throw new IOException("event " + decoded.seq() + " came after event " + last);
      }
      TurnEvent event = decoded.event();
      out.put(new Happening.Event(decoded.seq(), event));
      last = decoded.seq();
      if (event instanceof TurnEnded) {
        return true;
      }
    }
    return false;
  }
}

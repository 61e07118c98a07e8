package dev.perdure.server.http;

import dev.perdure.chat.Conversations;
import dev.perdure.chat.Turn;
import dev.perdure.log.Follower;
import dev.perdure.log.Follower.Batch;
import dev.perdure.log.Follower.Condition;
import dev.perdure.log.LogBlock;
import dev.perdure.log.LogLines;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEventCodec;
import dev.perdure.server.auth.Authenticator;
import dev.perdure.server.auth.StreamTokens;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Streams of turns through projections, with the places, heartbeats and time limits of all streams.
 * Thread-safe.
 *
 * <p>The clients of other protocols take a clean end of a stream for the end of the reply. So a
 * stream ends cleanly only behind {@code turn.ended}, or where its projection says that it is
 * whole; whatever else ends it cuts the connection, which every client takes for what it is.
 */
public final class ProjectedStreams {
  private final TurnLog log;
  private final OpenStreams streams;
  private final DoorMetrics metrics;
  private final @Nullable StreamTokens tokens;
  private final InstantSource clock;
  private final LogLoop loop;

  ProjectedStreams(
      Conversations conversations,
      TurnLog log,
      OpenStreams streams,
      DoorMetrics metrics,
      @Nullable StreamTokens tokens,
      InstantSource clock) {
    this.log = log;
    this.streams = streams;
    this.metrics = metrics;
    this.tokens = tokens;
    this.clock = clock;
    this.loop = new LogLoop(conversations, clock);
  }

  /** Takes one event of a log. */
  @FunctionalInterface
  public interface Visitor {
    void event(long seq, TurnEvent event);
  }

  /**
   * The address of a stream for a reader that cannot send the caller's credential: where one is
   * needed, with a token that opens this stream for a while.
   */
  public String address(Exchange exchange, String path) {
    return tokens == null
        ? path
        : path
            + "?"
            + Authenticator.TOKEN_PARAMETER
            + "="
            + tokens.issue(exchange.caller(), path).token();
  }

  /**
   * Takes a place for the request's caller: before anything is stored on its behalf, so that
   * whoever has none left is refused in time.
   *
   * @throws PerdureException TOO_MANY_STREAMS
   */
  public Place take(Exchange exchange) throws InterruptedException {
    return new Place(exchange, streams.take(exchange.caller()));
  }

  /** The place of one request. Used by its thread. */
  public final class Place implements AutoCloseable {
    private final Exchange exchange;
    private final OpenStreams.Place place;

    private Place(Exchange exchange, OpenStreams.Place place) {
      this.exchange = exchange;
      this.place = place;
    }

    /**
     * Answers with the turn's log from its beginning to its end, as the projection says it. Headers
     * that the protocol has beyond those of every event stream are set before.
     *
     * @throws PerdureException EXPIRED if retention has deleted the log; nothing is sent then
     * @throws IOException if the stream was cut short, which is to cut the connection
     */
    public void send(Turn turn, Projection projection) throws IOException, InterruptedException {
      stream(turn, projection, false);
    }

    /**
     * The same for clients that take a clean end for a wish to come again at their offset: the
     * stream is never cut.
     */
    public void sendResumable(Turn turn, Projection projection)
        throws IOException, InterruptedException {
      stream(turn, projection, true);
    }

    private void stream(Turn turn, Projection projection, boolean resumable)
        throws IOException, InterruptedException {
      try (Follower follower = follow(turn)) {
        if (exchange.head()) {
          SseOut.headers(exchange);
          exchange.send(200, SseOut.MEDIA_TYPE, new byte[0]);
          return;
        }
        try (SseOut out = SseOut.open(exchange, metrics)) {
          ProjectedFrames frames = new ProjectedFrames(projection);
          LogLoop.End end =
              loop.run(exchange, turn, place, follower, out, frames, Duration.ofDays(365));
          if (end != LogLoop.End.TURN_ENDED && !frames.whole && !resumable) {
            throw new IOException("The stream is cut short, and must not look whole");
          }
          out.end();
        }
      }
    }

    /**
     * Goes on with the request's connection as a WebSocket, which has this place and is closed when
     * the node drains.
     *
     * @param mostBytes of a message
     * @throws PerdureException INVALID_REQUEST if the request does not ask for one
     */
    public WebSocket socket(int mostBytes) {
      return WebSocket.open(exchange, metrics, place, mostBytes);
    }

    /**
     * Sends what the projection says as messages over a WebSocket, until the turn's end or {@link
     * #leave}.
     *
     * @return whether that was the whole stream
     * @throws PerdureException EXPIRED
     * @throws IOException if the client is gone
     */
    public boolean tell(Turn turn, Projection projection, WebSocket socket)
        throws IOException, InterruptedException {
      try (Follower follower = follow(turn);
          WebSocket.Out out = socket.out()) {
        SocketFrames frames = new SocketFrames(new ProjectedFrames(projection));
        LogLoop.End end =
            loop.run(exchange, turn, place, follower, out, frames, Duration.ofDays(365));
        return end == LogLoop.End.TURN_ENDED || frames.projected.whole;
      }
    }

    /** Ends the stream that has this place, from another thread. */
    public void leave() {
      place.askToLeave();
    }

    /**
     * Whether somebody has asked the stream that has this place to end: {@link #leave}, or the
     * node, which drains.
     */
    public boolean leaving() {
      return place.leaving();
    }

    /**
     * Visits the events that there are, and those that come, until the turn's end.
     *
     * @param atMost how long to wait for the end; zero for what is there now
     * @return whether {@code turn.ended} was among them
     * @throws PerdureException EXPIRED if retention has deleted the log
     */
    public boolean read(Turn turn, Duration atMost, Visitor visitor) throws InterruptedException {
      return read(turn, atMost, () -> false, visitor);
    }

    /**
     * The same, but does not wait any longer once there is enough.
     *
     * @throws PerdureException EXPIRED
     */
    public boolean read(Turn turn, Duration atMost, BooleanSupplier enough, Visitor visitor)
        throws InterruptedException {
      long deadline = clock.millis() + atMost.toMillis();
      try (Follower follower = follow(turn)) {
        while (true) {
          long before = follower.position();
          boolean waits = !place.leaving() && !enough.getAsBoolean();
          long left = !waits ? 0 : Math.max(0, deadline - clock.millis());
          Batch batch = follower.next(Duration.ofMillis(left));
          switch (batch.status()) {
            case DATA -> visit(batch.blocks(), before, visitor);
            case IDLE -> {
              if (left == 0) {
                return false;
              }
            }
            case ENDED -> {
              return true;
            }
            case CLOSED -> {
              return false;
            }
            case EXPIRED -> throw expired(turn);
          }
        }
      }
    }

    private Follower follow(Turn turn) {
      if (turn.logExpired()) {
        throw expired(turn);
      }
      Follower follower = log.follow(turn.id(), -1);
      place.onWake(follower::wake);
      return follower;
    }

    @Override
    public void close() {
      place.close();
    }
  }

  private static PerdureException expired(Turn turn) {
    return new PerdureException(
        ErrorCode.EXPIRED,
        "The stream of '" + turn.id() + "' has expired. Its messages remain: read those.");
  }

  private static void visit(List<LogBlock> blocks, long after, Visitor visitor) {
    for (LogBlock block : blocks) {
      LogLines.after(
          block,
          after,
          (seq, payload, from, to) ->
              visitor.event(seq, TurnEventCodec.decode(payload, from, to - from).event()));
    }
  }

  /** What the projection makes of the events. Other protocols have no words for the moment. */
  private static final class ProjectedFrames implements LogLoop.Framer {
    private final Projection projection;
    private boolean whole;

    private ProjectedFrames(Projection projection) {
      this.projection = projection;
    }

    @Override
    public boolean frame(long seq, byte[] payload, int from, int to, FrameBuffer out) {
      return project(seq, payload, from, to, out);
    }

    private boolean project(long seq, byte[] payload, int from, int to, Projection.Out out) {
      Projection.Then then =
          projection.apply(seq, TurnEventCodec.decode(payload, from, to - from).event(), out);
      whole = then == Projection.Then.END;
      return then == Projection.Then.GO_ON;
    }

    @Override
    public void condition(Condition now, FrameBuffer out) {}
  }

  /** Each data is a message of its own: a WebSocket has no names. */
  private record Messages(FrameBuffer frames) implements Projection.Out {
    @Override
    public void data(byte[] data) {
      frames.message(data);
    }

    @Override
    public void passing(String name, byte[] data) {
      frames.message(data);
    }
  }

  /** The same as messages of a WebSocket. */
  private static final class SocketFrames implements LogLoop.Framer {
    private final ProjectedFrames projected;

    private SocketFrames(ProjectedFrames projected) {
      this.projected = projected;
    }

    @Override
    public boolean frame(long seq, byte[] payload, int from, int to, FrameBuffer out) {
      return projected.project(seq, payload, from, to, new Messages(out));
    }

    @Override
    public void condition(Condition now, FrameBuffer out) {}

    @Override
    public void silence(FrameBuffer out) {
      out.ping();
    }
  }
}

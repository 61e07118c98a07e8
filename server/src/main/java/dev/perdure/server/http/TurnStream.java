package dev.perdure.server.http;

import dev.perdure.chat.Conversations;
import dev.perdure.chat.Turn;
import dev.perdure.log.Follower;
import dev.perdure.log.Follower.Batch;
import dev.perdure.log.Follower.Condition;
import dev.perdure.log.Follower.Status;
import dev.perdure.log.LogBlock;
import dev.perdure.log.LogLines;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * The events of one turn, as an event stream or by long poll. Thread-safe; each stream is one loop
 * on the thread of its request.
 *
 * <p>Frames carry no {@code event:} field, except {@code snapshot} and {@link Notices}: a browser's
 * EventSource gives unnamed frames to {@code onmessage}, whatever types future versions add, while
 * a named one needs a listener for each name. The stored line is the data, byte for byte.
 *
 * <p>How a stream ends says what the client should do. EventSource reconnects after a clean end and
 * stops after any other status, 204 included; so a stream ends cleanly after {@code turn.ended} and
 * when the node drains, and a cursor at the end of a turn that is over is answered with 204.
 */
final class TurnStream {
  static final HeaderName LAST_EVENT_ID = HeaderNames.create("Last-Event-ID");

  /** How long the event of a cursor may take to get from the node that wrote it to this one. */
  private static final Duration CURSOR_VISIBLE = Duration.ofSeconds(3);

  private final Conversations conversations;
  private final TurnLog log;
  private final OpenStreams streams;
  private final DoorMetrics metrics;
  private final LogLoop loop;

  TurnStream(ActivityStream.Sources sources, OpenStreams streams) {
    this.conversations = sources.conversations();
    this.log = sources.log();
    this.streams = streams;
    this.metrics = sources.metrics();
    this.loop = new LogLoop(sources.conversations(), sources.clock());
  }

  /** Where a stream begins. */
  private record Start(long after, boolean snapshot) {}

  /** What a follower said first: its status and, for DATA, what is behind the cursor. */
  private record First(Status status, List<LogBlock> blocks) {}

  void handle(Exchange exchange) throws IOException, InterruptedException {
    exchange.knownQuery("after", "from", "wait", "lastEventId", "token");
    Turn turn = conversations.turn(exchange.caller(), exchange.id("turn"));
    Start start = start(exchange);
    if (turn.logExpired()) {
      exchange.send(expired(exchange, turn));
      return;
    }
    boolean json = exchange.wantsJson();
    try (OpenStreams.Place place = streams.take(exchange.caller());
        Follower follower = log.follow(turn.id(), Math.max(-1, start.after - 1))) {
      place.onWake(follower::wake);
      if (json) {
        poll(exchange, turn, start, place, follower);
      } else if (start.snapshot) {
        snapshot(exchange, turn, place, follower);
      } else {
        tail(exchange, turn, start.after, place, follower);
      }
    }
  }

  private static Start start(Exchange exchange) {
    Optional<String> last = exchange.header(LAST_EVENT_ID).or(() -> exchange.query("lastEventId"));
    Optional<String> after = last.or(() -> exchange.query("after"));
    String from = exchange.query("from").orElse("start");
    if (!from.equals("start") && !from.equals("snapshot")) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "'from' is '" + Text.shown(from) + "'. It must be 'start' or 'snapshot'.");
    }
    if (exchange.wantsJson() && from.equals("snapshot")) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "A long poll has no 'from=snapshot'. GET the turn itself, then poll after its 'seq'.");
    }
    // A reconnecting EventSource sends the same URL again, so its header goes before 'from'.
    return after
        .map(value ->
            new Start(
                Exchange.number(ErrorCode.INVALID_CURSOR, "after", value, -1, Long.MAX_VALUE),
                false))
        .orElse(new Start(-1, from.equals("snapshot")));
  }

  static Problem expired(Exchange exchange, Turn turn) {
    return new Problem(
        ErrorCode.EXPIRED,
        "The log of turn '"
            + turn.id()
            + "' has expired. Its messages remain: GET /v1/sessions/"
            + turn.session()
            + "/messages.",
        exchange.path(),
        "/v1/sessions/" + turn.session() + "/messages",
        null);
  }

  /**
   * Reads with a follower that stands one event before the cursor: that the event of the cursor is
   * there shows that the cursor is one that this turn has given. Where another node has written
   * that event, this node may see it a moment later.
   */
  private First first(Follower follower, Turn turn, long after) throws InterruptedException {
    if (after < 0) {
      Batch batch = follower.next(Duration.ZERO);
      return new First(batch.status(), batch.blocks());
    }
    Batch batch = follower.next(CURSOR_VISIBLE);
    if (batch.status() == Status.IDLE) {
      if (log.reaches(turn.id(), after)) {
        throw new PerdureException(
            ErrorCode.DATABASE_UNAVAILABLE,
            "The log of turn '" + turn.id() + "' cannot be read here yet. Try again.");
      }
      throw new PerdureException(
          ErrorCode.INVALID_CURSOR,
          "The turn '"
              + turn.id()
              + "' has no event "
              + after
              + " yet. Use the id of an event that you have received, or leave it out.");
    }
    if (batch.status() != Status.DATA || batch.blocks().getLast().lastSeq() > after) {
      return new First(batch.status(), batch.blocks());
    }
    Batch behind = follower.next(Duration.ZERO);
    return new First(behind.status(), behind.blocks());
  }

  private void tail(
      Exchange exchange, Turn turn, long after, OpenStreams.Place place, Follower follower)
      throws IOException, InterruptedException {
    Status status = begin(follower, turn, after);
    if (status == Status.EXPIRED) {
      exchange.send(expired(exchange, turn));
    } else if (status == Status.ENDED) {
      exchange.sendEmpty(204);
    } else if (exchange.head()) {
      head(exchange);
    } else {
      stream(exchange, turn, place, follower, new FrameBuffer(), status != Status.CLOSED);
    }
  }

  /** Looks at what there is and leaves it to be sent; the caller holds no block while it writes. */
  private Status begin(Follower follower, Turn turn, long after) throws InterruptedException {
    First first = first(follower, turn, after);
    if (first.status == Status.DATA) {
      follower.back(after, first.blocks);
    }
    return first.status;
  }

  private void snapshot(Exchange exchange, Turn turn, OpenStreams.Place place, Follower follower)
      throws IOException, InterruptedException {
    TurnReader.Reading reading = TurnReader.read(follower);
    if (reading.end() == Status.EXPIRED) {
      exchange.send(expired(exchange, turn));
    } else if (exchange.head()) {
      head(exchange);
    } else {
      FrameBuffer frames = new FrameBuffer();
      long seq = reading.fold().seq();
      if (seq >= 0) {
        frames.named(
            "snapshot", Long.toString(seq), Views.bytes(Views.snapshot(reading.fold().snapshot())));
      }
      stream(exchange, turn, place, follower, frames, reading.end() == Status.IDLE);
    }
  }

  static void head(Exchange exchange) {
    SseOut.headers(exchange);
    exchange.send(200, SseOut.MEDIA_TYPE, new byte[0]);
  }

  /**
   * Sends the frames that are there, then whatever comes, until the turn's end.
   *
   * @param live whether more may come
   */
  private void stream(
      Exchange exchange,
      Turn turn,
      OpenStreams.Place place,
      Follower follower,
      FrameBuffer frames,
      boolean live)
      throws IOException, InterruptedException {
    try (SseOut out = SseOut.open(exchange, metrics, exchange.limits().stream().retry())) {
      if (!frames.isEmpty()) {
        out.write(frames);
      }
      if (live
          && loop.run(
                  exchange,
                  turn,
                  place,
                  follower,
                  out,
                  new NativeFrames(turn),
                  exchange.streamAge())
              == LogLoop.End.AGED) {
        out.endForNow();
      } else {
        out.end();
      }
    }
  }

  /** The stored lines as they are. */
  private record NativeFrames(Turn turn) implements LogLoop.Framer {
    @Override
    public boolean frame(long seq, byte[] payload, int from, int to, FrameBuffer out) {
      out.event(seq, payload, from, to);
      return true;
    }

    @Override
    public void condition(Condition now, FrameBuffer out) {
      Notices.put(out, now, turn);
    }
  }

  /** Answers with the events behind the cursor, if need be after a wait for the first. */
  private void poll(
      Exchange exchange, Turn turn, Start start, OpenStreams.Place place, Follower follower)
      throws InterruptedException {
    Duration wait = exchange.queryWait();
    First first = first(follower, turn, start.after);
    Status status = first.status;
    List<LogBlock> blocks = first.blocks;
    if (status == Status.IDLE && !wait.isZero() && !place.leaving()) {
      Batch batch = follower.next(wait);
      status = batch.status();
      blocks = batch.blocks();
    }
    if (status == Status.EXPIRED) {
      exchange.send(expired(exchange, turn));
      return;
    }
    boolean ended = status == Status.ENDED;
    if (status == Status.DATA) {
      ended = follower.next(Duration.ZERO).status() == Status.ENDED;
    }
    List<LogBlock> events = blocks;
    long next = events.isEmpty() ? start.after : events.getLast().lastSeq();
    String state = conversations.turn(exchange.caller(), turn.id()).state().wire();
    boolean over = ended;
    exchange.sendJson(
        200,
        Views.bytes(json -> {
          json.writeStartObject();
          json.writeStringField("turn", turn.id());
          json.writeArrayFieldStart("events");
          FrameBuffer lines = new FrameBuffer();
          for (LogBlock block : events) {
            LogLines.after(
                block,
                start.after,
                (seq, payload, from, to) -> {
                  if (!lines.isEmpty()) {
                    lines.put(',');
                  }
                  lines.put(payload, from, to);
                });
          }
          json.writeRaw(new String(lines.bytes(), 0, lines.length(), StandardCharsets.UTF_8));
          json.writeEndArray();
          json.writeNumberField("next", next);
          json.writeStringField("state", state);
          json.writeBooleanField("ended", over);
          json.writeEndObject();
        }));
  }
}

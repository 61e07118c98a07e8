package dev.perdure.server.http;

import dev.perdure.chat.Caller;
import dev.perdure.chat.Turn;
import dev.perdure.log.Follower;
import dev.perdure.log.Follower.Batch;
import dev.perdure.log.Follower.Status;
import dev.perdure.log.LogSlices;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Event streams and downloads. Thread-safe. */
final class StreamRoutes {
  /** How long the end of a turn may take to get from the node that wrote it to this one. */
  private static final Duration END_VISIBLE = Duration.ofSeconds(10);

  private final ActivityStream.Sources sources;
  private final OpenStreams streams;
  private final TurnStream turnStream;

  StreamRoutes(ActivityStream.Sources sources, OpenStreams streams) {
    this.sources = sources;
    this.streams = streams;
    this.turnStream = new TurnStream(sources, streams);
  }

  List<Route> routes() {
    return List.of(
        new Route(Method.GET, "/v1/turns/{turn}/events", Route.Access.STREAM, turnStream::handle),
        new Route(Method.GET, "/v1/turns/{turn}/download", Route.Access.STREAM, this::download),
        new Route(Method.GET, "/v1/sessions/{session}/events", Route.Access.STREAM, this::session),
        new Route(Method.GET, "/v1/inbox/events", Route.Access.STREAM, this::inbox));
  }

  private void session(Exchange exchange) throws IOException, InterruptedException {
    String id = exchange.id("session");
    sources.conversations().session(exchange.caller(), id);
    activity(exchange, exchange.caller(), exchange.caller(), id);
  }

  private void inbox(Exchange exchange) throws IOException, InterruptedException {
    activity(exchange, exchange.caller(), exchange.caller(), null);
  }

  /**
   * Streams activity.
   *
   * @param owner whose turns
   * @param watcher whose place it takes
   * @param session only its turns; null for all
   */
  void activity(Exchange exchange, Caller owner, Caller watcher, @Nullable String session)
      throws IOException, InterruptedException {
    exchange.knownQuery("after", "from", "wait", "lastEventId", "token");
    String from = exchange.query("from").orElse("start");
    if (!from.equals("start") && !from.equals("snapshot")) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "'from' is '" + Text.shown(from) + "'. It must be 'start' or 'snapshot'.");
    }
    ActivityCursor cursor =
        exchange
            .header(TurnStream.LAST_EVENT_ID)
            .or(() -> exchange.query("lastEventId"))
            .or(() -> exchange.query("after"))
            .map(ActivityCursor::parse)
            .orElse(null);
    @Nullable Duration wait = exchange.query("wait").isPresent() ? exchange.queryWait() : null;
    if (exchange.head()) {
      TurnStream.head(exchange);
      return;
    }
    try (OpenStreams.Place place = streams.take(watcher)) {
      ActivityStream stream =
          new ActivityStream(
              sources,
              owner,
              session,
              exchange.limits().stream(),
              cursor == null && from.equals("snapshot"));
      stream.begin(cursor);
      stream.run(exchange, place, wait);
    }
  }

  /** The lines of a log as they are stored, so that their digest can be checked. */
  private void download(Exchange exchange) throws IOException, InterruptedException {
    exchange.knownQuery("token");
    Turn turn = sources.conversations().turn(exchange.caller(), exchange.id("turn"));
    try (OpenStreams.Place place = streams.take(exchange.caller());
        Follower follower = sources.log().follow(turn.id(), -1)) {
      place.onWake(follower::wake);
      Status first = status(follower);
      if (turn.logExpired() || first == Status.EXPIRED) {
        exchange.send(TurnStream.expired(exchange, turn));
        return;
      }
      exchange.header(HeaderNames.CACHE_CONTROL, "no-store");
      exchange.header(
          HeaderNames.CONTENT_DISPOSITION, "attachment; filename=\"" + turn.id() + ".jsonl\"");
      if (exchange.head()) {
        exchange.send(200, "application/x-ndjson", new byte[0]);
        return;
      }
      write(exchange, turn, follower);
    }
  }

  private static Status status(Follower follower) throws InterruptedException {
    Batch batch = follower.next(Duration.ZERO);
    if (batch.status() == Status.DATA) {
      follower.back(-1, batch.blocks());
    }
    return batch.status();
  }

  /** Takes the next lines as they are stored; the blocks are let go before these are written. */
  private static Status slice(
      Follower follower, LogSlices slices, Duration atMost, FrameBuffer lines)
      throws InterruptedException {
    long before = follower.position();
    Batch batch = follower.next(atMost);
    slices.take(
        batch,
        before,
        (seq, payload, from, to) -> {
          lines.put(payload, from, to + 1);
          return lines.length() < SseOut.SLICE_BYTES;
        });
    return batch.status();
  }

  private static void write(Exchange exchange, Turn turn, Follower follower)
      throws IOException, InterruptedException {
    OutputStream out = exchange.stream(200, "application/x-ndjson");
    FrameBuffer lines = new FrameBuffer();
    LogSlices slices = new LogSlices(follower);
    Duration atMost = turn.state().terminal() ? END_VISIBLE : Duration.ZERO;
    try (StallWatch.Guard guard =
        exchange.watch().guard(exchange.limits().socket().writeTimeout())) {
      Status status = slice(follower, slices, atMost, lines);
      while (status == Status.DATA) {
        guard.enter();
        out.write(lines.bytes(), 0, lines.length());
        guard.leave();
        lines.clear();
        status = slice(follower, slices, atMost, lines);
      }
      boolean whole = status == Status.ENDED || (status == Status.IDLE && !turn.state().terminal());
      if (!whole) {
        // Not closing the output cuts the connection: half a log must not look like a whole one.
        throw new IOException("The log went away in the middle of a download");
      }
      guard.enter();
      out.close();
      guard.leave();
    }
  }
}

package dev.perdure.server.durablestreams;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.perdure.chat.Conversations;
import dev.perdure.chat.Turn;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.TurnEnded;
import dev.perdure.protocol.TurnEventCodec;
import dev.perdure.server.aisdk.AiSdkDoor;
import dev.perdure.server.http.Exchange;
import dev.perdure.server.http.FrontDoor;
import dev.perdure.server.http.ProjectedStreams;
import dev.perdure.server.http.Projection;
import dev.perdure.server.http.Route;
import dev.perdure.server.http.Text;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.Method;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/**
 * The reading side of the Durable Streams protocol in JSON mode. Thread-safe.
 *
 * <pre>
 *   GET, HEAD /streams/turns/TURN      the events of the log
 *   GET, HEAD /streams/turns/TURN/ui   the same as UI message chunks of the AI SDK
 * </pre>
 */
public final class DurableStreamsDoor implements FrontDoor {
  private static final HeaderName NEXT_OFFSET = HeaderNames.create("Stream-Next-Offset");
  private static final HeaderName UP_TO_DATE = HeaderNames.create("Stream-Up-To-Date");
  private static final HeaderName CLOSED = HeaderNames.create("Stream-Closed");
  private static final HeaderName CURSOR = HeaderNames.create("Stream-Cursor");
  private static final int CURSOR_CHARS = 64;

  /** How long a poll waits; shorter than the patience of usual proxies. */
  private static final Duration LONG_POLL = Duration.ofSeconds(20);

  private final Conversations conversations;
  private final ProjectedStreams streams;

  public DurableStreamsDoor(FrontDoor.Parts parts) {
    this.conversations = parts.conversations();
    this.streams = parts.streams();
  }

  @Override
  public String prefix() {
    return "/streams/";
  }

  @Override
  public List<Route> routes() {
    String one = "/streams/turns/{turn}";
    return List.of(
        new Route(
            Method.GET,
            one,
            Route.Access.READ,
            exchange -> read(exchange, () -> DurableStreamsDoor::event)),
        new Route(
            Method.GET,
            one + "/ui",
            Route.Access.READ,
            exchange -> read(exchange, AiSdkDoor::chunks)));
  }

  @Override
  public void refuse(Exchange exchange, ErrorCode code, String detail) {
    exchange.send(code.status(), "text/plain; charset=utf-8", detail.getBytes(UTF_8));
  }

  /** An event as it is stored. One that this version does not know is passed over. */
  private static Projection.Then event(long seq, TurnEvent event, Projection.Out out) {
    if (!(event instanceof TurnEvent.Unknown)) {
      out.data(TurnEventCodec.encode(seq, event));
    }
    return Projection.Then.GO_ON;
  }

  private void read(Exchange exchange, Supplier<Projection> projection)
      throws IOException, InterruptedException {
    Turn turn = conversations.turn(exchange.caller(), exchange.id("turn"));
    String offset = exchange.query("offset").orElse("-1");
    String live = exchange.query("live").orElse("");
    if (exchange.query("cursor").orElse("").length() > CURSOR_CHARS) {
      throw new PerdureException(ErrorCode.INVALID_CURSOR, "The cursor is too long. Leave it out.");
    }
    try (ProjectedStreams.Place place = streams.take(exchange)) {
      long after = offset.equals("now") ? tail(place, turn) : Offset.parse(offset);
      switch (live) {
        case "" ->
            answer(exchange, place, turn, new Items(projection.get(), after), Duration.ZERO, after);
        case "long-poll" ->
            answer(exchange, place, turn, new Items(projection.get(), after), LONG_POLL, after);
        case "sse" ->
            place.sendResumable(
                turn, new Frames(new Items(projection.get(), after), after, tail(place, turn)));
        default ->
            throw new PerdureException(
                ErrorCode.INVALID_REQUEST,
                "'live' is '" + Text.shown(live) + "'. It must be 'long-poll' or 'sse'.");
      }
    }
  }

  private static long tail(ProjectedStreams.Place place, Turn turn) throws InterruptedException {
    long[] last = {Offset.START};
    boolean _ = place.read(turn, Duration.ZERO, (seq, event) -> last[0] = seq);
    return last[0];
  }

  private static void answer(
      Exchange exchange,
      ProjectedStreams.Place place,
      Turn turn,
      Items items,
      Duration wait,
      long after)
      throws InterruptedException {
    List<String> all = new ArrayList<>();
    boolean _ =
        place.read(
            turn,
            wait,
            () -> items.next() > after,
            (seq, event) -> all.addAll(items.of(seq, event)));
    String next = Offset.text(items.next());
    exchange.header(NEXT_OFFSET, next);
    exchange.header(UP_TO_DATE, "true");
    if (items.closed()) {
      exchange.header(CLOSED, "true");
    }
    boolean poll = !wait.isZero();
    exchange.header(HeaderNames.CACHE_CONTROL, poll ? "no-store" : "private, no-cache");
    if (poll) {
      exchange.header(CURSOR, next);
      if (items.next() == after && !items.closed()) {
        exchange.sendEmpty(204);
        return;
      }
    } else {
      String tag = "\"" + Offset.text(after) + ":" + next + (items.closed() ? ":c" : "") + "\"";
      exchange.header(HeaderNames.ETAG, tag);
      if (exchange.header(HeaderNames.IF_NONE_MATCH).orElse("").contains(tag)) {
        exchange.sendEmpty(304);
        return;
      }
    }
    exchange.send(200, Exchange.JSON, ("[" + String.join(",", all) + "]").getBytes(UTF_8));
  }

  /**
   * Pairs of data and control, as the protocol has them. Used by one thread.
   *
   * @param tail the last event that there was when the stream began: from there on its reader has
   *     all that there is, and is told so at once if it had it before
   */
  private record Frames(Items items, long after, long tail) implements Projection {
    @Override
    public Then apply(long seq, TurnEvent event, Out out) {
      List<String> now = items.of(seq, event);
      boolean end = event instanceof TurnEnded;
      if (!now.isEmpty()) {
        out.passing("data", ("[" + String.join(",", now) + "]").getBytes(UTF_8));
      }
      if (seq > after || seq == tail || end) {
        String next = Offset.text(items.next());
        String control =
            "{\"streamNextOffset\":\""
                + next
                + "\",\"streamCursor\":\""
                + next
                + (seq >= tail ? "\",\"upToDate\":true" : "\"")
                + (end ? ",\"streamClosed\":true}" : "}");
        out.passing("control", control.getBytes(UTF_8));
      }
      return Then.GO_ON;
    }
  }
}

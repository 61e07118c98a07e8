package dev.perdure.server.http;

import dev.perdure.chat.Caller;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.Turn;
import dev.perdure.db.Signals;
import dev.perdure.log.Follower.Condition;
import dev.perdure.log.LogBlock;
import dev.perdure.log.LogLines;
import dev.perdure.log.TurnLog;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * All live activity of a caller, or of one session, over one connection: the events of the turns
 * that are open and of those that begin later. One instance per connection, run by its thread.
 *
 * <p>Each turn has an {@link ActivityPump} on a virtual thread of its own that waits for its log;
 * this thread alone knows what has been delivered and writes. A pump waits until its batch is
 * written, so a client that does not read holds one batch per turn.
 *
 * <p>What makes the cursor whole. A <em>scan</em> reads the turns that are open and those that have
 * ended since the watermark, and follows each that is not yet followed. So every turn that ended
 * before a scan is in the map from then on, and the watermark may move up to the scan's time, less
 * {@link #COMMIT_SLACK_MILLIS} for transactions that stamp their end before it can be seen. A turn
 * stays in the map until it is delivered to its end <em>and</em> the watermark has passed that end;
 * a resume therefore neither misses a turn nor sends one again.
 */
final class ActivityStream {
  private static final Logger LOG = System.getLogger(ActivityStream.class.getName());

  /** How long after a turn's end is stamped it may become visible, at the most. */
  static final long COMMIT_SLACK_MILLIS = 30_000;

  /** Turns that one scan reads of each kind. */
  private static final int SCAN_TURNS = 200;

  /** A write that has grown to this is sent before more is gathered, in bytes. */
  private static final int WRITE_BYTES = 256 * 1024;

  /** What the streams of a node share. */
  record Sources(
      Conversations conversations,
      TurnLog log,
      OwnerHints hints,
      InstantSource clock,
      DoorMetrics metrics) {}

  private final Sources sources;
  private final Caller caller;
  private final @Nullable String session;
  private final HttpLimits.Stream limits;
  private final boolean snapshots;
  private final LinkedBlockingQueue<Runnable> ready = new LinkedBlockingQueue<>();
  private final AtomicBoolean hinted = new AtomicBoolean();
  private final Map<String, ActivityPump> pumps = new LinkedHashMap<>();
  private final Map<String, ActivityCursor.Place> places = new LinkedHashMap<>();
  private final FrameBuffer frames = new FrameBuffer();
  private long watermark;
  private boolean leftOut;
  private boolean over;
  private boolean scanned;

  /** Whether turns cannot be listed now, and whether a log waits for the database. */
  private boolean scanAway;

  private boolean logAway;

  /**
   * @param session only its turns; null for all of the caller
   * @param snapshots whether the turns that are open at the beginning are sent as snapshots
   */
  ActivityStream(
      Sources sources,
      Caller caller,
      @Nullable String session,
      HttpLimits.Stream limits,
      boolean snapshots) {
    this.sources = sources;
    this.caller = caller;
    this.session = session;
    this.limits = limits;
    this.snapshots = snapshots;
  }

  /**
   * Takes up a cursor, or begins now. Call it before {@link #run}.
   *
   * @throws PerdureException INVALID_CURSOR, EXPIRED
   */
  void begin(@Nullable ActivityCursor cursor) {
    long now = sources.conversations.now();
    if (cursor == null) {
      watermark = now;
      return;
    }
    if (cursor.watermarkMillis() > now + COMMIT_SLACK_MILLIS) {
      throw ActivityCursor.invalid();
    }
    if (cursor.watermarkMillis() < now - limits.cursorAge().toMillis()) {
      throw new PerdureException(
          ErrorCode.EXPIRED,
          "The cursor is older than "
              + limits.cursorAge().toHours()
              + " h. Leave it out to begin with the turns that are open now, and read what was"
              + " missed from the messages of the sessions.");
    }
    watermark = Math.min(now, cursor.watermarkMillis());
    cursor.places().forEach(this::resume);
  }

  private void resume(String turn, ActivityCursor.Place place) {
    if (place.done()) {
      places.put(turn, place);
      return;
    }
    try {
      Turn row = sources.conversations.turn(caller, turn);
      if (session == null || session.equals(row.session())) {
        start(row, place.seq(), false);
      }
    } catch (PerdureException e) {
      // Deleted meanwhile, or never this caller's: there is nothing to send of it.
      if (e.code() != ErrorCode.NOT_FOUND) {
        throw e;
      }
    }
  }

  /**
   * Streams until the client is gone, the node drains or the place is asked to leave.
   *
   * @param wait how long to wait for something to send, and end behind it: for clients to which
   *     something in between hands an answer only when it is whole; null to go on
   */
  void run(Exchange exchange, OpenStreams.Place place, @Nullable Duration wait)
      throws IOException, InterruptedException {
    place.onWake(() -> ready.add(() -> {}));
    try (SseOut out = SseOut.open(exchange, sources.metrics, limits.retry());
        Signals.Subscription _ = sources.hints.listen(caller, this::hint)) {
      // Before the subscription the hints were lost, so look only now.
      guardedScan(snapshots);
      frames.idOnly(cursor());
      out.write(frames);
      long nextScan = sources.clock.millis() + limits.poll().toMillis();
      long nextBeat = sources.clock.millis() + limits.heartbeat().toMillis();
      Duration age = wait == null ? exchange.streamAge() : wait;
      long end = sources.clock.millis() + age.toMillis();
      while (!over && !place.leaving()) {
        long until = Math.min(end, Math.min(nextScan, nextBeat)) - sources.clock.millis();
        gather(ready.poll(Math.max(0, until), TimeUnit.MILLISECONDS));
        long now = sources.clock.millis();
        if (hinted.getAndSet(false) || now >= nextScan) {
          guardedScan(false);
          nextScan = now + limits.poll().toMillis();
        }
        boolean answered = wait != null && !frames.isEmpty();
        if (frames.isEmpty() && (now >= nextBeat || place.takeNudge())) {
          frames.idOnly(cursor());
        }
        if (!frames.isEmpty()) {
          out.write(frames);
          pumps.values().forEach(ActivityPump::written);
          nextBeat = now + limits.heartbeat().toMillis();
        }
        if (answered || now >= end) {
          out.endForNow();
          return;
        }
      }
      out.end();
    } finally {
      pumps.values().forEach(ActivityPump::close);
    }
  }

  private void hint() {
    if (!hinted.getAndSet(true)) {
      ready.add(() -> {});
    }
  }

  /** Puts everything that pumps have ready into the buffer. */
  private void gather(@Nullable Runnable first) {
    Runnable next = first;
    while (next != null) {
      next.run();
      next = frames.length() < WRITE_BYTES ? ready.poll() : null;
    }
  }

  private void guardedScan(boolean asSnapshots) {
    try {
      scan(asSnapshots);
      scanned = true;
      away(false, logAway);
    } catch (PerdureException e) {
      if (scanned && e.code() == ErrorCode.DATABASE_UNAVAILABLE) {
        // Nothing is lost by looking later: the watermark has not moved.
        away(true, logAway);
        return;
      }
      LOG.log(
          Level.WARNING,
          "Turns cannot be listed: {0} The activity stream ends; the client will reconnect.",
          e.getMessage());
      over = true;
    }
  }

  private void scan(boolean asSnapshots) {
    long now = sources.conversations.now();
    List<Turn> open = sources.conversations.openTurns(caller, session, SCAN_TURNS);
    List<Turn> ended = sources.conversations.endedSince(caller, session, watermark, SCAN_TURNS);
    long dealtWith = now - COMMIT_SLACK_MILLIS;
    leftOut = false;
    if (ended.size() == SCAN_TURNS) {
      dealtWith = Math.min(dealtWith, endOf(ended.getLast()));
    }
    for (Turn turn : ended) {
      if (!known(turn) && !follow(turn, -1, false)) {
        dealtWith = Math.min(dealtWith, endOf(turn));
      }
    }
    for (Turn turn : open) {
      if (!known(turn)) {
        follow(turn, -1, asSnapshots);
      }
    }
    watermark = Math.max(watermark, dealtWith);
    forget(open, ended);
  }

  private static long endOf(Turn turn) {
    Long end = turn.endedAtMillis();
    return end == null ? 0 : end;
  }

  private boolean known(Turn turn) {
    return places.containsKey(turn.id()) || pumps.containsKey(turn.id());
  }

  /** Drops what the watermark has passed, and what was deleted. */
  private void forget(List<Turn> open, List<Turn> ended) {
    Map<String, Long> ends = new HashMap<>();
    ended.forEach(turn -> ends.put(turn.id(), endOf(turn)));
    boolean complete = ended.size() < SCAN_TURNS;
    places
        .entrySet()
        .removeIf(entry ->
            entry.getValue().done()
                && ends.getOrDefault(entry.getKey(), complete ? Long.MIN_VALUE : Long.MAX_VALUE)
                    < watermark);
    Set<String> listed = new HashSet<>(ends.keySet());
    open.forEach(turn -> listed.add(turn.id()));
    for (ActivityPump pump : List.copyOf(pumps.values())) {
      if (!listed.contains(pump.turn()) && deleted(pump.turn())) {
        pump.close();
        pumps.remove(pump.turn());
        places.remove(pump.turn());
      }
    }
  }

  private boolean deleted(String turn) {
    try {
      sources.conversations.turn(caller, turn);
      return false;
    } catch (PerdureException e) {
      if (e.code() == ErrorCode.NOT_FOUND) {
        return true;
      }
      throw e;
    }
  }

  /** Returns false if there is no room. */
  private boolean follow(Turn turn, long after, boolean asSnapshot) {
    if (pumps.size() >= limits.turns()) {
      leftOut = true;
      return false;
    }
    start(turn, after, asSnapshot);
    return true;
  }

  private void start(Turn turn, long after, boolean asSnapshot) {
    if (after >= 0) {
      places.put(turn.id(), new ActivityCursor.Place(after, false));
    }
    ActivityPump pump = new ActivityPump(sources.log.follow(turn.id(), after), turn, asSnapshot);
    pumps.put(turn.id(), pump);
    pump.start(() -> ready.add(() -> take(pump)));
  }

  /** Frames what a pump holds. */
  private void take(ActivityPump pump) {
    if (!pumps.containsKey(pump.turn())) {
      return;
    }
    switch (pump.take()) {
      case DATA -> data(pump);
      case ENDED -> finished(pump);
      case EXPIRED -> {
        finished(pump);
        frames.named("expired", cursor(), label(pump));
      }
      case CLOSED -> over = true;
      case IDLE -> {
        condition(pump);
        // Nothing of this pump's is in the buffer, so it need not wait for the buffer.
        pump.written();
      }
    }
  }

  /**
   * Says once for the whole stream that events are late, and for each turn that it is not saved.
   */
  private void condition(ActivityPump pump) {
    switch (pump.condition()) {
      case WELL -> away(scanAway, false);
      case DEGRADED -> away(scanAway, true);
      case UNSAVED -> {
        logAway = true;
        Notices.put(frames, Condition.UNSAVED, pump.row());
      }
    }
  }

  private void away(boolean scan, boolean log) {
    boolean before = scanAway || logAway;
    scanAway = scan;
    logAway = log;
    if (before != (scan || log)) {
      Notices.put(frames, before ? Condition.WELL : Condition.DEGRADED, null);
    }
  }

  private static byte[] label(ActivityPump pump) {
    byte[] label = pump.opening().clone();
    label[label.length - 1] = '}';
    return label;
  }

  private void data(ActivityPump pump) {
    byte[] snapshot = pump.takeSnapshot();
    if (snapshot != null) {
      moved(pump, pump.snapshotSeq());
      frames.named("snapshot", cursor(), snapshot);
    }
    for (LogBlock block : pump.blocks()) {
      LogLines.after(
          block,
          pump.delivered(),
          (seq, payload, from, to) -> {
            moved(pump, seq);
            frames.open(cursor());
            frames.put(pump.opening(), 0, pump.opening().length);
            frames.put("\"event\":");
            frames.put(payload, from, to);
            frames.put('}');
            frames.close();
          });
    }
  }

  private void moved(ActivityPump pump, long seq) {
    pump.delivered(seq);
    places.put(pump.turn(), new ActivityCursor.Place(seq, false));
  }

  private void finished(ActivityPump pump) {
    pumps.remove(pump.turn());
    pump.close();
    if (pumps.isEmpty()) {
      away(scanAway, false);
    }
    if (leftOut) {
      hinted.set(true);
    }
    places.put(pump.turn(), new ActivityCursor.Place(Math.max(0, pump.delivered()), true));
    // The client's cursor still calls the turn open; it learns better with the next frame.
    frames.idOnly(cursor());
  }

  private String cursor() {
    Map<String, ActivityCursor.Place> named = places;
    if (places.size() > ActivityCursor.MAX_PLACES) {
      named = new LinkedHashMap<>(places);
      named.entrySet().removeIf(new Surplus(places.size() - ActivityCursor.MAX_PLACES)::drops);
    }
    return new ActivityCursor(watermark, named).text();
  }

  /** Picks the oldest of those that are done. */
  private static final class Surplus {
    private int left;

    Surplus(int count) {
      left = count;
    }

    boolean drops(Map.Entry<String, ActivityCursor.Place> entry) {
      return entry.getValue().done() && left-- > 0;
    }
  }
}

package dev.perdure.server.http;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataReader;
import io.helidon.common.buffers.DataWriter;
import io.helidon.common.concurrency.limits.Limit;
import io.helidon.common.socket.HelidonSocket;
import io.helidon.common.socket.PeerInfo;
import io.helidon.common.task.InterruptableTask;
import io.helidon.http.HttpPrologue;
import io.helidon.http.WritableHeaders;
import io.helidon.http.http2.Http2ErrorCode;
import io.helidon.http.http2.Http2Exception;
import io.helidon.http.http2.Http2Util;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.ListenerContext;
import io.helidon.webserver.ProxyProtocolData;
import io.helidon.webserver.Router;
import io.helidon.webserver.ServerConnectionException;
import io.helidon.webserver.http1.Http1Config;
import io.helidon.webserver.http1.Http1ConnectionSelector;
import io.helidon.webserver.http1.spi.Http1Upgrader;
import io.helidon.webserver.http2.Http2Config;
import io.helidon.webserver.http2.Http2ConnectionSelector;
import io.helidon.webserver.http2.Http2Upgrader;
import io.helidon.webserver.spi.ServerConnection;
import io.helidon.webserver.spi.ServerConnectionSelector;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;

/**
 * Stands before Helidon's connections and ends those that take their time: a connection that sends
 * nothing, a head that drips, one that stays open without a request, frames of HTTP/2 that serve no
 * purpose, and requests that are taken back as fast as they are made. Helidon 4.3.1 waits without
 * limit for the first byte and for the rest of a head, keeps any number of empty CONTINUATION
 * frames, and counts resets over a connection's whole life. Thread-safe.
 *
 * <p>All bytes of a connection come through {@link Guarded#get}, so that is where the time is
 * watched. For HTTP/1.1 the phases are
 *
 * <pre>
 *   HEAD (until the router is called) → REQUEST (bodies are watched by Exchange) → IDLE → HEAD ...
 * </pre>
 *
 * <p>It is the only selector, as Helidon waits for a first byte before it asks several.
 */
final class GuardedConnections implements ServerConnectionSelector {
  private static final byte[] PREFACE = Http2Util.prefaceData().readBytes();

  /** Requests over HTTP/2 that are at work, streams left out. Each takes a virtual thread. */
  private static final int MAX_HTTP2_REQUESTS = 2_000;

  /** What a page and its streams ask for when they begin. */
  private static final int REQUESTS_AT_ONCE = 64;

  private static final int REQUESTS_PER_SECOND = 250;

  /**
   * Connections that may begin with so much in hand, all together: whoever ends its connection and
   * opens another one would have it again each time. The others begin at the steady pace.
   */
  private static final int FRESH_AT_ONCE = 16;

  private static final int FRESH_PER_SECOND = 4;

  /**
   * All streams that a connection can have, twice: a proxy whose users all leave is no attacker.
   */
  private static final int RESETS_AT_ONCE = 512;

  private static final int RESETS_PER_SECOND = 50;

  /** The HTTP/1.1 connection that is served by this thread. */
  private static final ThreadLocal<@Nullable Guarded> CURRENT = new ThreadLocal<>();

  private final Http1ConnectionSelector http1;
  private final Http2ConnectionSelector http2;
  private final StallWatch watch;
  private final HttpLimits.Socket limits;
  private final Http2Work work;
  private final DoorMetrics metrics;
  private final Pace fresh =
      new Pace(System::nanoTime, FRESH_AT_ONCE, FRESH_PER_SECOND, FRESH_AT_ONCE);
  private final Map<String, Integer> addresses = new ConcurrentHashMap<>();

  GuardedConnections(
      Http1Config http1,
      Http2Config http2,
      StallWatch watch,
      HttpLimits.Socket limits,
      DoorMetrics metrics) {
    this.http1 =
        Http1ConnectionSelector.builder()
            .config(http1)
            .addUpgrader(new WatchedUpgrade(Http2Upgrader.create(http2)))
            .build();
    this.http2 = Http2ConnectionSelector.builder().http2Config(http2).build();
    this.work = new Http2Work((int) http2.maxConcurrentStreams(), MAX_HTTP2_REQUESTS);
    this.watch = watch;
    this.limits = limits;
    this.metrics = metrics;
  }

  /**
   * The connection of the request of this thread, if it is HTTP/1.1: a handler may go on with it.
   */
  static @Nullable ConnectionContext current() {
    return CURRENT.get();
  }

  /** The head of a request is complete, and its handler begins. */
  static void requestBegins() {
    Guarded connection = CURRENT.get();
    if (connection != null) {
      connection.phase(Phase.REQUEST);
    }
  }

  /** The handler is done, and the next request may come. */
  static void requestEnds() {
    Guarded connection = CURRENT.get();
    if (connection != null) {
      connection.phase(Phase.IDLE);
    }
  }

  @Override
  public int bytesToIdentifyConnection() {
    return 0;
  }

  @Override
  public Support supports(BufferData data) {
    return Support.SUPPORTED;
  }

  @Override
  public Set<String> supportedApplicationProtocols() {
    return Set.of("http/1.1", "h2");
  }

  @Override
  public ServerConnection connection(ConnectionContext context) {
    return new Guarded(context);
  }

  private enum Phase {
    /** Nothing has come of the next request. */
    IDLE,
    /** A head is arriving. */
    HEAD,
    /** A handler is at work. */
    REQUEST,
    /** Frames of HTTP/2. */
    FRAMES
  }

  /** From HTTP/1.1 to HTTP/2 on the same connection. */
  private record WatchedUpgrade(Http1Upgrader upgrader) implements Http1Upgrader {
    @Override
    public String supportedProtocol() {
      return upgrader.supportedProtocol();
    }

    @Override
    public @Nullable ServerConnection upgrade(
        ConnectionContext context, HttpPrologue prologue, WritableHeaders<?> headers) {
      ServerConnection connection = upgrader.upgrade(context, prologue, headers);
      if (connection != null && context instanceof Guarded guarded) {
        guarded.becomesHttp2();
      }
      return connection;
    }
  }

  /** One connection; everything but {@link #close} and {@link #idleTime} by its own thread. */
  private final class Guarded
      implements ServerConnection, InterruptableTask<Void>, ConnectionContext {
    private final ConnectionContext context;
    private final DataReader reader = new DataReader(this::get);
    private final ExecutorService requests;
    private volatile @Nullable ServerConnection served;
    private volatile @Nullable Thread thread;
    private StallWatch.@Nullable Guard guard;
    private @Nullable FrameMeter frames;
    private @Nullable Pace pace;
    private @Nullable Pace resets;
    private boolean resetsTooMany;
    private Phase phase = Phase.HEAD;

    Guarded(ConnectionContext context) {
      this.context = context;
      this.requests = work.ofConnection(context.executor());
    }

    @Override
    public void handle(Limit limit) throws InterruptedException {
      String address = String.valueOf(remotePeer().host());
      int open = addresses.merge(address, 1, Integer::sum);
      thread = Thread.currentThread();
      try (StallWatch.Guard mine = watch.guard(limits.headTimeout())) {
        if (open > limits.connectionsPerAddress()) {
          throw new CloseConnectionException("Too many connections of one address");
        }
        guard = mine;
        phase(Phase.HEAD);
        ServerConnection connection;
        if (startsWithPreface()) {
          connection = http2.connection(this);
          becomesHttp2();
        } else {
          connection = http1.connection(this);
          CURRENT.set(this);
        }
        served = connection;
        connection.handle(limit);
      } finally {
        CURRENT.remove();
        addresses.computeIfPresent(address, (key, count) -> count == 1 ? null : count - 1);
      }
    }

    private boolean startsWithPreface() {
      try {
        return reader.startsWith(PREFACE);
      } catch (DataReader.InsufficientDataAvailableException e) {
        throw new CloseConnectionException("Nothing, or hardly anything, was sent", e);
      }
    }

    private void becomesHttp2() {
      phase(Phase.FRAMES);
      frames = new FrameMeter(PREFACE.length);
      int inHand = fresh.take(1) ? REQUESTS_AT_ONCE : 0;
      pace = new Pace(System::nanoTime, REQUESTS_AT_ONCE, REQUESTS_PER_SECOND, inHand);
      resets = new Pace(System::nanoTime, RESETS_AT_ONCE, RESETS_PER_SECOND, RESETS_AT_ONCE);
      int ahead = reader.available();
      if (ahead > 0) {
        watchFrames(reader.getBuffer(ahead).readBytes());
      }
    }

    private void phase(Phase next) {
      phase = next;
      StallWatch.Guard mine = guard;
      if (mine != null) {
        switch (next) {
          case IDLE -> mine.enter(limits.idleTimeout());
          case HEAD -> mine.enter(limits.headTimeout());
          case REQUEST, FRAMES -> mine.leave();
        }
      }
    }

    /** What comes next from the socket; null at its end. */
    private byte @Nullable [] get() {
      byte[] bytes;
      try {
        bytes = context.serverSocket().get();
      } catch (UncheckedIOException e) {
        throw new ServerConnectionException("The connection is gone, or was too slow", e);
      }
      if (bytes != null && phase == Phase.IDLE) {
        phase(Phase.HEAD);
      } else if (bytes != null && phase == Phase.FRAMES) {
        watchFrames(bytes);
        if (resetsTooMany) {
          metrics.calmed();
          // Helidon says so by a GOAWAY; nothing of what has just come is begun.
          throw new Http2Exception(Http2ErrorCode.ENHANCE_YOUR_CALM, "Too many resets");
        }
      }
      return bytes;
    }

    /** A frame or a row of header frames that has begun must be there soon. */
    private void watchFrames(byte[] bytes) {
      FrameMeter meter = frames;
      StallWatch.Guard mine = guard;
      if (meter == null || mine == null) {
        return;
      }
      boolean before = meter.midway();
      if (!meter.take(bytes)) {
        throw new CloseConnectionException("Frames without a purpose");
      }
      Pace ownResets = resets;
      resetsTooMany |= ownResets != null && !ownResets.take(meter.resets());
      if (resetsTooMany) {
        return;
      }
      boolean held = hold(meter.requests(), mine);
      if (!meter.midway()) {
        mine.leave();
      } else if (!before || held || meter.completedSome()) {
        mine.enter(limits.headTimeout());
      }
    }

    /**
     * Goes on only when it is time for as many requests as have come; returns whether it waited.
     */
    private boolean hold(int requests, StallWatch.Guard mine) {
      Pace own = pace;
      Duration pause = own == null ? Duration.ZERO : own.pause(requests);
      if (pause.isZero()) {
        return false;
      }
      mine.leave();
      try {
        Thread.sleep(pause);
        return true;
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new CloseConnectionException("The server stops", e);
      }
    }

    @Override
    public boolean canInterrupt() {
      return !(served instanceof InterruptableTask<?> task) || task.canInterrupt();
    }

    @Override
    public Duration idleTime() {
      ServerConnection connection = served;
      // Before there is one, the time is watched here.
      return connection == null ? Duration.ZERO : connection.idleTime();
    }

    @Override
    public void close(boolean interrupt) {
      ServerConnection connection = served;
      Thread mine = thread;
      if (connection != null) {
        connection.close(interrupt);
      } else if (mine != null) {
        mine.interrupt();
      }
    }

    @Override
    public DataReader dataReader() {
      return reader;
    }

    @Override
    public ListenerContext listenerContext() {
      return context.listenerContext();
    }

    @Override
    public ExecutorService executor() {
      return requests;
    }

    @Override
    public DataWriter dataWriter() {
      return context.dataWriter();
    }

    @Override
    public Router router() {
      return context.router();
    }

    @Override
    public Optional<ProxyProtocolData> proxyProtocolData() {
      return context.proxyProtocolData();
    }

    @Override
    public HelidonSocket serverSocket() {
      return context.serverSocket();
    }

    @Override
    public PeerInfo remotePeer() {
      return context.remotePeer();
    }

    @Override
    public PeerInfo localPeer() {
      return context.localPeer();
    }

    @Override
    public boolean isSecure() {
      return context.isSecure();
    }

    @Override
    public String socketId() {
      return context.socketId();
    }

    @Override
    public String childSocketId() {
      return context.childSocketId();
    }
  }
}

package dev.perdure.server.http;

import java.time.Duration;

/**
 * Every limit of the HTTP door. Immutable; {@link #DEFAULT} is what a server without configuration
 * has.
 *
 * @param body what one request may hold
 * @param page how much one listing returns
 * @param stream event streams and long polls
 * @param socket connections and their buffers
 */
public record HttpLimits(Body body, Page page, Stream stream, Socket socket) {
  public static final HttpLimits DEFAULT =
      new HttpLimits(Body.DEFAULT, Page.DEFAULT, Stream.DEFAULT, Socket.DEFAULT);

  /**
   * @param bodyBytes the largest request body, in bytes
   * @param messageChars the longest message, all parts together, in UTF-16 code units
   * @param parts parts of one message
   * @param instructionsChars the longest system prompt, in UTF-16 code units
   * @param titleChars the longest title of a session, in UTF-16 code units
   * @param lanes models of one turn, and so its lanes
   * @param fallbacks fallback models of one turn
   * @param readTimeout how long the body of a request may take to arrive
   */
  public record Body(
      int bodyBytes,
      int messageChars,
      int parts,
      int instructionsChars,
      int titleChars,
      int lanes,
      int fallbacks,
      Duration readTimeout) {
    public static final Body DEFAULT =
        new Body(1024 * 1024, 200_000, 64, 65_536, 200, 8, 8, Duration.ofSeconds(30));

    public Body {
      atLeast("bodyBytes", bodyBytes, 1024);
      atLeast("messageChars", messageChars, 1);
      atLeast("parts", parts, 1);
      atLeast("instructionsChars", instructionsChars, 1);
      atLeast("titleChars", titleChars, 1);
      atLeast("lanes", lanes, 1);
      atLeast("fallbacks", fallbacks, 0);
      positive("readTimeout", readTimeout);
    }
  }

  /**
   * @param defaultItems items of a page when the request does not say
   * @param maxItems the most that a request may ask for
   */
  public record Page(int defaultItems, int maxItems) {
    public static final Page DEFAULT = new Page(50, 200);

    public Page {
      atLeast("maxItems", maxItems, 1);
      if (defaultItems < 1 || defaultItems > maxItems) {
        throw new IllegalArgumentException(
            "defaultItems is " + defaultItems + "; it must be 1 to maxItems, " + maxItems);
      }
    }
  }

  /**
   * @param perCaller event streams, long polls and waiting requests that a caller may have open on
   *     this node
   * @param turns turns that one activity stream follows at once; the others wait for a place
   * @param heartbeat the longest silence on an event stream before a comment is sent
   * @param retry after how long clients are told to reconnect
   * @param poll how often an activity stream looks for turns that no hint has told of
   * @param cursorAge how old the cursor of an activity stream may be
   * @param maxWait the longest wait of a long poll or of {@code Prefer: wait}
   */
  public record Stream(
      int perCaller,
      int turns,
      Duration heartbeat,
      Duration retry,
      Duration poll,
      Duration cursorAge,
      Duration maxWait) {
    public static final Stream DEFAULT =
        new Stream(
            64,
            50,
            Duration.ofSeconds(15),
            Duration.ofSeconds(1),
            Duration.ofSeconds(5),
            Duration.ofHours(24),
            Duration.ofSeconds(60));

    public Stream {
      atLeast("perCaller", perCaller, 1);
      atLeast("turns", turns, 1);
      positive("heartbeat", heartbeat);
      positive("retry", retry);
      positive("poll", poll);
      positive("cursorAge", cursorAge);
      positive("maxWait", maxWait);
    }
  }

  /**
   * @param connections open connections; further ones wait in the backlog
   * @param connectionsPerAddress open connections of one remote address; further ones are closed
   * @param sendBufferBytes the kernel's buffer for each connection's output: what a reader that
   *     does not read can hold
   * @param writeTimeout how long one write may block before the reader counts as gone
   * @param headTimeout how long the head of a request may take to arrive, from its first byte, or
   *     from the opening of the connection
   * @param idleTimeout how long a connection may stay open without a request
   * @param headerBytes the request's headers together
   * @param targetBytes the request line
   */
  public record Socket(
      int connections,
      int connectionsPerAddress,
      int sendBufferBytes,
      Duration writeTimeout,
      Duration headTimeout,
      Duration idleTimeout,
      int headerBytes,
      int targetBytes) {
    public static final Socket DEFAULT =
        new Socket(
            20_000,
            20_000,
            64 * 1024,
            Duration.ofSeconds(30),
            Duration.ofSeconds(15),
            Duration.ofMinutes(5),
            32 * 1024,
            16 * 1024);

    public Socket {
      atLeast("connections", connections, 1);
      atLeast("connectionsPerAddress", connectionsPerAddress, 1);
      atLeast("sendBufferBytes", sendBufferBytes, 4096);
      positive("writeTimeout", writeTimeout);
      positive("headTimeout", headTimeout);
      positive("idleTimeout", idleTimeout);
      atLeast("headerBytes", headerBytes, 1024);
      atLeast("targetBytes", targetBytes, 1024);
    }
  }

  private static void atLeast(String name, int value, int least) {
    if (value < least) {
      throw new IllegalArgumentException(
          name + " is " + value + "; it must be at least " + least + ".");
    }
  }

  private static void positive(String name, Duration value) {
    if (value.isNegative() || value.isZero()) {
      throw new IllegalArgumentException(name + " is " + value + "; it must be longer than zero.");
    }
  }
}

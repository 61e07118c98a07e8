package dev.perdure.server.config;

import java.time.Duration;

/** What a request may cost; section {@code http}. */
public record HttpSettings(Body body, Page page, Stream stream, Socket socket) {

  /** What one request may hold. */
  public record Body(
      @Key(byDefault = "1MiB", min = "1KiB", max = "64MiB", text = "The largest request body.")
          ByteSize maxSize,
      @Key(
              byDefault = "200000",
              min = "1",
              max = "10000000",
              text = "The longest message, all parts together, in UTF-16 code units.")
          int maxMessageChars,
      @Key(byDefault = "64", min = "1", max = "1000", text = "The most parts of one message.")
          int maxParts,
      @Key(
              byDefault = "65536",
              min = "1",
              max = "10000000",
              text = "The longest system prompt, in UTF-16 code units.")
          int maxInstructionsChars,
      @Key(
              byDefault = "200",
              min = "1",
              max = "10000",
              text = "The longest title of a session, in UTF-16 code units.")
          int maxTitleChars,
      @Key(
              byDefault = "8",
              min = "1",
              max = "64",
              text = "The most models of one turn, and so its lanes.")
          int maxLanes,
      @Key(byDefault = "8", min = "0", max = "64", text = "The most fallback models of one turn.")
          int maxFallbacks,
      @Key(
              byDefault = "30s",
              min = "1s",
              max = "10m",
              text = "How long the body of a request may take to arrive.")
          Duration readTimeout) {
    public Body {
      Keys.check(
          Body.class,
          maxSize,
          maxMessageChars,
          maxParts,
          maxInstructionsChars,
          maxTitleChars,
          maxLanes,
          maxFallbacks,
          readTimeout);
    }
  }

  /** How much one listing returns. */
  public record Page(
      @Key(
              byDefault = "50",
              min = "1",
              max = "1000",
              text = "Items on a page if the request does not say.")
          int size,
      @Key(
              byDefault = "200",
              min = "1",
              max = "1000",
              text = "The most items on a page that a request may ask for.")
          int maxSize) {
    public Page {
      Keys.check(Page.class, size, maxSize);
      if (size > maxSize) {
        throw PerdureConfig.illegal(
            "http.page.size is "
                + size
                + ", more than http.page.maxSize ("
                + maxSize
                + "). Lower the first or raise the second.");
      }
    }
  }

  /** Event streams, long polls and waiting requests. */
  public record Stream(
      @Key(
              byDefault = "64",
              min = "1",
              max = "100000",
              text =
                  "The most event streams, long polls and waiting requests that one caller may"
                      + " have open on this node.")
          int maxPerCaller,
      @Key(
              byDefault = "50",
              min = "1",
              max = "1000",
              text =
                  "The most turns that one session or inbox stream follows at once; others wait"
                      + " for a place.")
          int maxTurns,
      @Key(
              byDefault = "15s",
              min = "100ms",
              max = "25s",
              text =
                  "The longest silence on an event stream before a comment is sent, so that"
                      + " proxies keep it and vanished clients are noticed.")
          Duration heartbeat,
      @Key(
              byDefault = "1s",
              min = "100ms",
              max = "5m",
              text = "After how long clients are told to reconnect.")
          Duration retry,
      @Key(
              byDefault = "5s",
              min = "100ms",
              max = "5m",
              text = "How often a session or inbox stream looks for turns that no hint told of.")
          Duration poll,
      @Key(
              byDefault = "24h",
              min = "1m",
              max = "3650d",
              text = "How old the cursor of a session or inbox stream may be.")
          Duration cursorAge,
      @Key(
              byDefault = "60s",
              min = "1s",
              max = "10m",
              text = "The longest wait of a long poll or of 'Prefer: wait'.")
          Duration maxWait) {
    public Stream {
      Keys.check(Stream.class, maxPerCaller, maxTurns, heartbeat, retry, poll, cursorAge, maxWait);
    }
  }

  /** Connections and their buffers. */
  public record Socket(
      @Key(
              byDefault = "20000",
              min = "16",
              max = "1000000",
              text = "The most open connections; further ones wait to be accepted.")
          int maxConnections,
      @Key(
              byDefault = "20000",
              min = "1",
              max = "1000000",
              text =
                  "The most open connections of one remote address; further ones are closed. Lower"
                      + " it where no proxy stands in front.")
          int maxConnectionsPerAddress,
      @Key(
              byDefault = "64KiB",
              min = "4KiB",
              max = "4MiB",
              text = "The kernel's send buffer of a connection: what a stalled reader can hold.")
          ByteSize sendBuffer,
      @Key(
              byDefault = "30s",
              min = "1s",
              max = "10m",
              text = "How long one write may block before the reader counts as gone.")
          Duration writeTimeout,
      @Key(
              byDefault = "15s",
              min = "1s",
              max = "10m",
              text =
                  "How long the head of a request may take to arrive, and a new connection to send"
                      + " one.")
          Duration headTimeout,
      @Key(
              byDefault = "5m",
              min = "1s",
              max = "24h",
              text = "How long a connection may stay open without a request.")
          Duration idleTimeout,
      @Key(
              byDefault = "32KiB",
              min = "1KiB",
              max = "1MiB",
              text = "The largest headers of a request, together.")
          ByteSize maxHeaders,
      @Key(byDefault = "16KiB", min = "1KiB", max = "1MiB", text = "The longest request line.")
          ByteSize maxTarget) {
    public Socket {
      Keys.check(
          Socket.class,
          maxConnections,
          maxConnectionsPerAddress,
          sendBuffer,
          writeTimeout,
          headTimeout,
          idleTimeout,
          maxHeaders,
          maxTarget);
    }
  }
}

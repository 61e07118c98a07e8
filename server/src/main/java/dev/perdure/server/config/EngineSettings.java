package dev.perdure.server.config;

import java.time.Duration;

/** How turns are run; section {@code engine}. */
public record EngineSettings(
    @Key(
            byDefault = "4s",
            min = "500ms",
            max = "10m",
            text =
                "How long a node may be silent before its turns go to others: the time that a"
                    + " crash costs.")
        Duration nodeLease,
    @Key(
            byDefault = "1s",
            min = "100ms",
            max = "2m",
            text = "How often a node renews its lease; at most a third of engine.nodeLease.")
        Duration beat,
    @Key(
            byDefault = "20s",
            min = "0s",
            max = "1h",
            text = "How long a stopping node lets its turns finish before it hands them on.")
        Duration drainGrace,
    @Key(
            byDefault = "1000",
            min = "1",
            max = "100000",
            text = "The most turns that this node runs at the same time; further ones queue.")
        int maxRunningTurns,
    @Key(
            byDefault = "200",
            min = "1",
            max = "100000",
            text = "The most open turns (queued, running or waiting) of one caller.")
        int maxOpenTurnsPerCaller,
    @Key(
            byDefault = "15m",
            min = "1s",
            max = "24h",
            text = "The longest that a turn may run; then it fails, with its text so far.")
        Duration turnTimeLimit,
    @Key(
            byDefault = "400000",
            min = "1000",
            max = "100000000",
            text =
                "The most text of earlier messages that a model is sent, in UTF-16 code units;"
                    + " the oldest are left out.")
        int maxContextChars,
    Retry retry,
    Provider provider) {

  /** So that one beat may be lost without the lease. */
  private static final int BEATS_PER_LEASE = 3;

  public EngineSettings {
    Keys.check(
        EngineSettings.class,
        nodeLease,
        beat,
        drainGrace,
        maxRunningTurns,
        maxOpenTurnsPerCaller,
        turnTimeLimit,
        maxContextChars,
        retry,
        provider);
    if (beat.multipliedBy(BEATS_PER_LEASE).compareTo(nodeLease) > 0) {
      throw PerdureConfig.illegal(
          "engine.beat is "
              + Values.write(beat)
              + ", so that one lost beat would cost the lease of engine.nodeLease ("
              + Values.write(nodeLease)
              + "). Make it at most a third of that.");
    }
  }

  /** When a call to a model is made again. */
  public record Retry(
      @Key(
              byDefault = "4",
              min = "1",
              max = "100",
              text = "The most calls to a model for one reply, the first included.")
          int maxAttempts,
      @Key(
              byDefault = "500ms",
              min = "1ms",
              max = "10m",
              text = "The wait before the second attempt; it doubles with each further one.")
          Duration base,
      @Key(
              byDefault = "20s",
              min = "1ms",
              max = "1h",
              text = "The longest wait between two attempts.")
          Duration max,
      @Key(
              byDefault = "2m",
              min = "0s",
              max = "24h",
              text = "The most that the waits between the attempts of one reply may add up to.")
          Duration budget) {
    public Retry {
      Keys.check(Retry.class, maxAttempts, base, max, budget);
      if (base.compareTo(max) > 0) {
        throw PerdureConfig.illegal(
            "engine.retry.base is "
                + Values.write(base)
                + ", more than engine.retry.max ("
                + Values.write(max)
                + "). Lower the first or raise the second.");
      }
    }
  }

  /** How long silence of a provider is borne. */
  public record Provider(
      @Key(
              byDefault = "10s",
              min = "10ms",
              max = "5m",
              text = "The longest wait for a connection to a provider, TLS included.")
          Duration connectTimeout,
      @Key(
              byDefault = "120s",
              min = "10ms",
              max = "1h",
              text = "The longest wait for a provider's first token.")
          Duration firstTokenTimeout,
      @Key(
              byDefault = "60s",
              min = "10ms",
              max = "1h",
              text = "The longest silence of a provider after its first token.")
          Duration idleTimeout) {
    public Provider {
      Keys.check(Provider.class, connectTimeout, firstTokenTimeout, idleTimeout);
    }
  }
}

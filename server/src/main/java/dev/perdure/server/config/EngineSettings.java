package dev.perdure.server.config;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** How turns are run; section {@code engine}. */
public record EngineSettings(
    Node node,
    @Key(
            byDefault = "20s",
            min = "0s",
            max = "1h",
            text = "How long a stopping node lets its turns finish before it hands them on.")
        Duration drainGrace,
    @Key(
            byDefault = "10000",
            min = "1",
            max = "1000000",
            text = "The most turns that this node runs at the same time; further ones queue.")
        int maxRunningTurns,
    @Key(
            byDefault = "200",
            min = "1",
            max = "100000",
            text = "The most open turns (queued, running or waiting) of one caller.")
        int maxOpenTurnsPerCaller,
    @Key(
            byDefault = "50000",
            min = "1",
            max = "10000000",
            text =
                "The most open turns of all callers of a tenant together, on all nodes; counted"
                    + " about once a second.")
        int maxOpenTurnsPerTenant,
    @Key(
            byDefault = "30m",
            min = "1s",
            max = "24h",
            text = "The longest that a turn may run; then it fails, with its text so far.")
        Duration turnTimeLimit,
    @Key(
            byDefault = "3",
            min = "1",
            max = "100",
            text = "How many nodes may die while they hold a turn before it fails as crash_loop.")
        int maxCrashes,
    @Key(
            byDefault = "24h",
            min = "1m",
            max = "3650d",
            text = "How long an Idempotency-Key is remembered.")
        Duration idempotencyRetention,
    Queue queue,
    Context context,
    Retry retry,
    Provider provider) {

  public EngineSettings {
    Keys.check(
        EngineSettings.class,
        node,
        drainGrace,
        maxRunningTurns,
        maxOpenTurnsPerCaller,
        maxOpenTurnsPerTenant,
        turnTimeLimit,
        maxCrashes,
        idempotencyRetention,
        queue,
        context,
        retry,
        provider);
  }

  /** How nodes notice that one of them has died, and find work. */
  public record Node(
      @Key(
              byDefault = "2500ms",
              min = "200ms",
              max = "10m",
              text =
                  "How long a node may be silent before its turns go to others: the time that a"
                      + " crash costs.")
          Duration lease,
      @Key(
              byDefault = "500ms",
              min = "50ms",
              max = "5m",
              text = "How often a node renews its lease; at most half of engine.node.lease.")
          Duration beat,
      @Key(
              byDefault = "1s",
              min = "50ms",
              max = "5m",
              text = "How often a node looks for queued turns and cancels that no hint told of.")
          Duration poll,
      @Key(
              byDefault = "500",
              min = "1",
              max = "10000",
              text = "The most turns that a node claims in one transaction.")
          int claimBatch) {
    public Node {
      Keys.check(Node.class, lease, beat, poll, claimBatch);
      if (beat.multipliedBy(2).compareTo(lease) > 0) {
        throw PerdureConfig.illegal(
            "engine.node.beat is "
                + Values.write(beat)
                + ", so that one lost beat would cost the lease of engine.node.lease ("
                + Values.write(lease)
                + "). Make it at most half of that.");
      }
    }
  }

  /** What happens to turns for which no node has room. */
  public record Queue(
      @Key(
              byDefault = "10000",
              min = "1",
              max = "10000000",
              text =
                  "The most turns in the queue of all nodes together; further ones are refused"
                      + " (503). A tenant may fill half of what others leave free of it.")
          int maxTurns,
      @Key(
              byDefault = "60s",
              min = "1s",
              max = "24h",
              text =
                  "Turns of a tenant are refused (503) while an earlier one has been waiting for a"
                      + " node longer than this. What is in the queue stays there.")
          Duration maxWait) {
    public Queue {
      Keys.check(Queue.class, maxTurns, maxWait);
    }
  }

  /** What a model is shown. */
  public record Context(
      @Key(
              byDefault = "500",
              min = "1",
              max = "100000",
              text = "The most earlier messages, whatever the window; the oldest are left out.")
          int maxMessages,
      @Key(
              byDefault = "1000000",
              min = "1000",
              max = "100000000",
              text =
                  "The most text, in UTF-16 code units, whatever the window; the oldest messages"
                      + " are left out, the newest never.")
          int maxChars,
      @Key(
              text =
                  "Windows of models in tokens, as MODEL=TOKENS; MODEL is 'provider/model' and may"
                      + " end in '*', as in ollama/*=8192. Others are known by their names, or have"
                      + " 32768.")
          List<String> windows,
      @Key(
              text =
                  "The operator's part of every system prompt; it goes before what messages,"
                      + " sessions and owners say.")
          @Nullable String instructions,
      Summaries summaries) {
    public Context {
      Keys.check(Context.class, maxMessages, maxChars, windows, instructions, summaries);
      windows = List.copyOf(windows);
    }
  }

  /** What stands for the messages of a long conversation that no longer fit. */
  public record Summaries(
      @Key(
              byDefault = "true",
              text =
                  "Whether a model sums up the older messages of a conversation that no longer"
                      + " fits; without it they are left out.")
          boolean enabled,
      @Key(
              text =
                  "The model that sums up, as 'provider/model'; without it the one that is to"
                      + " reply.")
          @Nullable String model,
      @Key(
              byDefault = "1500",
              min = "100",
              max = "20000",
              text =
                  "How long a summary may be, in tokens, about; never more than an eighth of what"
                      + " the window has room for.")
          int tokens,
      @Key(
              byDefault = "90s",
              min = "1s",
              max = "10m",
              text =
                  "How long a reply waits for a summary; then the oldest messages are left out of"
                      + " it.")
          Duration timeout) {
    public Summaries {
      Keys.check(Summaries.class, enabled, model, tokens, timeout);
    }
  }

  /** When a call to a model is made again. */
  public record Retry(
      @Key(
              byDefault = "4",
              min = "1",
              max = "100",
              text = "The most calls to one model for one reply, the first included.")
          int maxAttempts,
      @Key(
              byDefault = "100",
              min = "1",
              max = "10000",
              text =
                  "The most calls for one lane of a turn over everything: attempts, fallback models,"
                      + " retries of the lane, takeovers and steps. Then the lane fails as"
                      + " call_limit.")
          int maxCalls,
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
              text = "The longest wait between two attempts, unless the provider asks for more.")
          Duration max,
      @Key(
              byDefault = "2m",
              min = "0s",
              max = "24h",
              text = "The longest time from a reply's first attempt to the beginning of its last.")
          Duration budget) {
    public Retry {
      Keys.check(Retry.class, maxAttempts, maxCalls, base, max, budget);
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

package dev.perdure.engine;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.TurnError;
import dev.perdure.tool.Tool;
import dev.perdure.tool.ToolException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The tools of one step at work, each on a virtual thread of its own, which nobody waits for longer
 * than its limit: a tool that never returns costs its own thread and nothing else. Thread-safe.
 */
final class ToolThreads {
  private static final Logger LOG = System.getLogger(ToolThreads.class.getName());

  private final Timers timers;
  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private final List<CompletableFuture<Made>> open = new ArrayList<>();

  @GuardedBy("lock")
  private boolean stopped;

  ToolThreads(Timers timers) {
    this.timers = timers;
  }

  /** What came of one call. */
  sealed interface Made {
    record Output(JsonNode json) implements Made {}

    /** It came to an end, but its result cannot be stored. */
    record Unfit(String why) implements Made {}

    /** It had no effect. */
    record Failed(TurnError error) implements Made {}

    /** Whether it had an effect is not known. */
    record Unknown(TurnError error) implements Made {}

    /** The lane has to stop. */
    record Stopped() implements Made {}
  }

  /** What is done on the tool's thread. */
  @FunctionalInterface
  interface Act {
    JsonNode run() throws ToolException, InterruptedException;
  }

  /** Makes a call and waits for what comes of it. */
  Made make(Tool.Spec spec, Act act) {
    CompletableFuture<Made> made = new CompletableFuture<>();
    lock.lock();
    try {
      if (stopped) {
        return new Made.Stopped();
      }
      open.add(made);
    } finally {
      lock.unlock();
    }
    String name = spec.name();
    Thread thread =
        Thread.ofVirtual().name("tool-" + name).start(() -> made.complete(run(name, act)));
    Timers.Cancellable alarm =
        timers.after(
            spec.limit(),
            () ->
                made.complete(
                    new Made.Unknown(
                        new TurnError(
                            "tool_timeout",
                            "The tool '"
                                + name
                                + "' did not return within "
                                + spec.limit().toMillis()
                                + " ms.",
                            true))));
    try {
      return made.join();
    } finally {
      alarm.cancel();
      // Its own thread, which holds nothing of ours.
      thread.interrupt();
    }
  }

  private static Made run(String name, Act act) {
    try {
      JsonNode output = act.run();
      return output == null ? new Made.Unfit("It is nothing") : fit(output);
    } catch (ToolException e) {
      TurnError error =
          new TurnError(
              "tool_failed", Json.clean(String.valueOf(e.getMessage())), e.mayHaveActed());
      return e.mayHaveActed() ? new Made.Unknown(error) : new Made.Failed(error);
    } catch (InterruptedException e) {
      return new Made.Unknown(
          new TurnError("tool_failed", "The tool '" + name + "' was interrupted.", true));
    } catch (RuntimeException | StackOverflowError e) {
      LOG.log(Level.ERROR, "The tool '" + name + "' broke; its call counts as failed.", e);
      return new Made.Unknown(
          new TurnError(
              "tool_failed", "The tool '" + name + "' broke; the server's log says why.", true));
    }
  }

  /** Lets the time pass; false if the lane has to stop. */
  boolean pause(Duration time) {
    CompletableFuture<Made> over = new CompletableFuture<>();
    lock.lock();
    try {
      if (stopped) {
        return false;
      }
      open.add(over);
    } finally {
      lock.unlock();
    }
    Timers.Cancellable alarm =
        timers.after(time, () -> over.complete(new Made.Output(Json.MAPPER.nullNode())));
    try {
      return !(over.join() instanceof Made.Stopped);
    } finally {
      alarm.cancel();
    }
  }

  private static Made fit(JsonNode output) {
    try {
      return new Made.Output(Json.clean(output));
    } catch (IllegalArgumentException e) {
      return new Made.Unfit(String.valueOf(e.getMessage()));
    }
  }

  /** Lets nobody wait any longer. */
  void stop() {
    List<CompletableFuture<Made>> waiting;
    lock.lock();
    try {
      stopped = true;
      waiting = List.copyOf(open);
    } finally {
      lock.unlock();
    }
    waiting.forEach(made -> made.complete(new Made.Stopped()));
  }
}

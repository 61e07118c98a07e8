package dev.perdure.provider.demo;

import dev.perdure.protocol.PartKind;
import dev.perdure.provider.ModelEvent;
import dev.perdure.provider.ModelRequest.Limits;
import dev.perdure.provider.ModelStream;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.http.Calls;
import java.time.Duration;
import java.util.Iterator;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** One call of the demo provider. Threads as {@link ModelStream} says. */
final class DemoStream implements ModelStream {
  private final Limits limits;
  private final DemoProvider.Pauses pauses;
  private final Supplier<Iterator<DemoScript.Step>> script;
  private final Runnable success;
  private final CountDownLatch closed = new CountDownLatch(1);
  private @Nullable Iterator<DemoScript.Step> steps;
  private @Nullable PartKind kind;
  private ModelEvent.@Nullable Finished finished;
  private boolean complete;
  private int part = -1;

  /** How much longer silence is borne. */
  private Duration patience;

  /**
   * @param script begins the call; asked once, by the first {@link #next}
   * @param success is told when the reply is complete
   */
  DemoStream(
      Limits limits,
      DemoProvider.Pauses pauses,
      Supplier<Iterator<DemoScript.Step>> script,
      Runnable success) {
    this.limits = limits;
    this.pauses = pauses;
    this.script = script;
    this.success = success;
    this.patience = limits.firstToken();
  }

  @Override
  public @Nullable ModelEvent next() throws ProviderException {
    if (closed.getCount() == 0) {
      throw cancelled();
    }
    if (finished != null) {
      ModelEvent last = complete ? null : finished;
      complete = true;
      return last;
    }
    if (steps == null) {
      steps = script.get();
    }
    while (true) {
      switch (steps.next()) {
        case DemoScript.Step.Pause pause -> await(pause.time());
        case DemoScript.Step.Say say -> {
          return delta(say);
        }
        case DemoScript.Step.Call call -> {
          return new ModelEvent.ToolCall(null, call.tool(), Calls.input(call.input()));
        }
        case DemoScript.Step.Finish finish -> {
          finished = new ModelEvent.Finished(finish.reason());
          success.run();
          return new ModelEvent.Usage(finish.usage());
        }
        case DemoScript.Step.Fail fail -> throw failed(fail.fault());
      }
    }
  }

  @Override
  public void close() {
    closed.countDown();
  }

  private ModelEvent.Delta delta(DemoScript.Step.Say say) {
    patience = limits.idle();
    if (say.kind() != kind) {
      kind = say.kind();
      part++;
    }
    return new ModelEvent.Delta(part, say.kind(), say.text());
  }

  private void await(Duration time) throws ProviderException {
    boolean tooLong = time.compareTo(patience) > 0;
    try {
      if (pauses.pause(closed, tooLong ? patience : time)) {
        throw cancelled();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      close();
      throw cancelled();
    }
    if (tooLong) {
      throw timedOut();
    }
    if (part < 0) {
      patience = patience.minus(time);
    }
  }

  private ProviderException failed(DemoFault fault) throws ProviderException {
    return switch (fault.kind()) {
      case ERROR ->
          new ProviderException(
              fault.at() == 0 ? Kind.ofStatus(fault.status()) : Kind.ofStreamError(fault.status()),
              "The demo provider failed with status " + fault.status() + ", as it was asked to.",
              fault.status(),
              fault.retryAfter(),
              null);
      case TRUNCATE ->
          new ProviderException(
              Kind.TRUNCATED, "The demo provider's reply ended without its terminator.");
      case CUT ->
          new ProviderException(Kind.TRUNCATED, "The demo provider was cut off inside a chunk.");
      case RESET ->
          new ProviderException(
              fault.at() == 0 ? Kind.CONNECT : Kind.TRUNCATED,
              "The demo provider reset the connection.");
      case GARBAGE ->
          new ProviderException(Kind.MALFORMED, "The demo provider sent a chunk that is not JSON.");
      case HANG, STALL -> {
        await(Duration.ofDays(1));
        yield timedOut();
      }
    };
  }

  private ProviderException timedOut() {
    return part < 0
        ? new ProviderException(
            Kind.FIRST_TOKEN_TIMEOUT,
            "The demo provider said nothing for " + limits.firstToken().toMillis() + " ms.")
        : new ProviderException(
            Kind.IDLE_TIMEOUT,
            "The demo provider fell silent for " + limits.idle().toMillis() + " ms.");
  }

  private static ProviderException cancelled() {
    return new ProviderException(Kind.CANCELLED, "The call to the demo provider was cancelled.");
  }
}

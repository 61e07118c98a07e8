package dev.perdure.provider.demo;

import dev.perdure.provider.ModelProvider;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelRequest.ModelMessage;
import dev.perdure.provider.ModelRequest.ModelStep;
import dev.perdure.provider.ModelRequest.Role;
import dev.perdure.provider.ModelRequest.ToolUse;
import dev.perdure.provider.ModelStream;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Plays a {@link DemoScript} inside this process, so that everything works without a key. The model
 * name does not matter. Thread-safe.
 */
public final class DemoProvider implements ModelProvider {
  public static final String NAME = "demo";

  private final InstantSource clock;
  private final Pauses pauses;
  private final DemoCalls calls = new DemoCalls();

  public DemoProvider(InstantSource clock) {
    this(clock, (closed, time) -> closed.await(time.toNanos(), TimeUnit.NANOSECONDS));
  }

  /**
   * @param pauses how the pace is kept; tests give one that does not wait
   */
  public DemoProvider(InstantSource clock, Pauses pauses) {
    this.clock = clock;
    this.pauses = pauses;
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public ModelStream open(ModelRequest request) {
    DemoScript script = DemoScript.of(prompt(request), 0, rounds(request.steps()));
    List<Object> history = List.of(request.messages(), request.steps());
    return new DemoStream(
        request.limits(),
        pauses,
        () -> script.play(calls.next(request.model(), history), clock),
        () -> calls.succeeded(request.model(), history));
  }

  /** It looks at nothing, so it can be given anything. */
  @Override
  public boolean takes(String model, String mediaType) {
    return true;
  }

  private static DemoScript.Rounds rounds(List<ModelStep> steps) {
    return steps.isEmpty()
        ? DemoScript.Rounds.NONE
        : new DemoScript.Rounds(
            steps.size(), steps.getLast().uses().stream().map(ToolUse::result).toList());
  }

  private static String prompt(ModelRequest request) {
    return request.messages().reversed().stream()
        .filter(m -> m.role() == Role.USER)
        .findFirst()
        .map(ModelMessage::text)
        .orElse("");
  }

  /** How a stream waits. */
  @FunctionalInterface
  public interface Pauses {
    /** Waits for the time, or until the stream is closed; true if it was closed. */
    boolean pause(CountDownLatch closed, Duration time) throws InterruptedException;
  }
}

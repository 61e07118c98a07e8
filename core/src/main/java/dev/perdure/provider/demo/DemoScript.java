package dev.perdure.provider.demo;

import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.TokenUsage;
import java.time.Duration;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.function.IntFunction;

/**
 * What an answer without a model says, and what goes wrong with it: a function of the prompt and a
 * seed alone. The same script is played in this process by {@link DemoProvider} and over the
 * vendors' wires by the fake provider. Immutable; each {@link #play} is a new iterator for one
 * thread.
 *
 * <p>The prompt steers it by slash commands, see {@link DemoCommands}.
 */
public final class DemoScript {
  /** The most chunks that one answer can have. */
  public static final int MAX_CHUNKS = 1_000_000;

  /**
   * What came of the calls of tools so far.
   *
   * @param count how many steps of the answer are done
   * @param results of the last one, as the model is shown them
   */
  public record Rounds(int count, List<String> results) {
    public static final Rounds NONE = new Rounds(0, List.of());

    public Rounds {
      results = List.copyOf(results);
    }
  }

  private final IntFunction<String> chunks;
  private final List<Step.Call> calls;
  private final int reasoning;
  private final int total;
  private final Duration pace;
  private final FinishReason finish;
  private final TokenUsage usage;
  private final List<DemoFault> faults;
  private final boolean timestamps;
  private final boolean splitCharacters;

  DemoScript(DemoPlan plan) {
    this.chunks = plan.chunks();
    this.calls = plan.callsNow();
    this.reasoning = plan.reasoning;
    this.total = plan.total();
    this.pace = plan.pace;
    this.finish = calls.isEmpty() ? plan.finish : FinishReason.TOOL_CALLS;
    this.usage = new TokenUsage(plan.promptWords, total, reasoning, 0);
    this.faults = plan.faults();
    this.timestamps = plan.timestamps;
    this.splitCharacters = plan.utf8;
  }

  /** The script for a prompt; commands that are not understood are explained by the reply. */
  public static DemoScript of(String prompt, long seed) {
    return of(prompt, seed, Rounds.NONE);
  }

  /** The script for a prompt, after some calls of tools. */
  public static DemoScript of(String prompt, long seed, Rounds rounds) {
    return DemoCommands.read(prompt, seed, "", rounds);
  }

  /**
   * The script for a prompt, changed by parameters such as {@code
   * chunks=200;interval=50ms;fault=529@40;seed=3;size=12;timestamps=1}.
   *
   * @throws IllegalArgumentException if the parameters are not understood; the text says why
   */
  public static DemoScript of(String prompt, long seed, String parameters) {
    return of(prompt, seed, parameters, Rounds.NONE);
  }

  /** The same, after some calls of tools. */
  public static DemoScript of(String prompt, long seed, String parameters, Rounds rounds) {
    return DemoCommands.read(prompt, seed, parameters, rounds);
  }

  /** Whether the answer reasons, so that a vendor would sign it. */
  public boolean reasons() {
    return reasoning > 0;
  }

  /** The tokens that the answer reports: words of the prompt, chunks of the answer. */
  public TokenUsage usage() {
    return usage;
  }

  /** Whether a wire should send characters of several bytes in two pieces. */
  public boolean splitCharacters() {
    return splitCharacters;
  }

  /**
   * The steps of one call, made as they are asked for.
   *
   * @param call which call with this prompt it is, from 1; decides which faults still hit
   * @param clock gives the send time for scripts with timestamps
   */
  public Iterator<Step> play(int call, InstantSource clock) {
    return new Player(call, clock);
  }

  /** One thing that happens. The last one is a {@link Finish} or a {@link Fail}. */
  public sealed interface Step {
    /** Nothing happens for a while. */
    record Pause(Duration time) implements Step {}

    /** A chunk of the answer. */
    record Say(PartKind kind, String text) implements Step {}

    /** A tool is asked for, after all chunks; the input is compact JSON. */
    record Call(String tool, String input) implements Step {}

    /** The answer is complete. */
    record Finish(TokenUsage usage, FinishReason reason) implements Step {}

    /** The answer fails, and ends. Never a stall, which is a {@link Pause}. */
    record Fail(DemoFault fault) implements Step {}
  }

  private final class Player implements Iterator<Step> {
    private final InstantSource clock;
    private final ArrayDeque<DemoFault> ahead = new ArrayDeque<>();
    private int sent;
    private int called;
    private boolean paused;
    private boolean ended;

    Player(int call, InstantSource clock) {
      this.clock = clock;
      faults.stream().filter(fault -> call <= fault.times()).forEach(ahead::add);
    }

    @Override
    public boolean hasNext() {
      return !ended;
    }

    @Override
    public Step next() {
      if (ended) {
        throw new NoSuchElementException("The script has ended");
      }
      DemoFault fault = ahead.peek();
      if (fault != null && Math.min(fault.at(), total) <= sent) {
        ahead.remove();
        if (fault.kind() == DemoFault.Kind.STALL) {
          return new Step.Pause(fault.time());
        }
        ended = true;
        return new Step.Fail(fault);
      }
      if (sent == total && called < calls.size()) {
        return calls.get(called++);
      }
      if (sent == total) {
        ended = true;
        return new Step.Finish(usage, finish);
      }
      if (!paused && pace.isPositive()) {
        paused = true;
        return new Step.Pause(pace);
      }
      paused = false;
      PartKind kind = sent < reasoning ? PartKind.REASONING : PartKind.TEXT;
      return new Step.Say(kind, stamped(chunks.apply(sent++)));
    }

    /** With timestamps a chunk begins with the send time, as {@code ~micros since 1970~}. */
    private String stamped(String text) {
      return timestamps
          ? "~" + ChronoUnit.MICROS.between(java.time.Instant.EPOCH, clock.instant()) + "~" + text
          : text;
    }
  }
}

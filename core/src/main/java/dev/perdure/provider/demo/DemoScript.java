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

  private final IntFunction<String> chunks;
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
    this.reasoning = plan.reasoning;
    this.total = plan.total();
    this.pace = plan.pace;
    this.finish = plan.finish;
    this.usage = new TokenUsage(plan.promptWords, total, reasoning, 0);
    this.faults = plan.faults();
    this.timestamps = plan.timestamps;
    this.splitCharacters = plan.utf8;
  }

  /** The script for a prompt; commands that are not understood are explained by the reply. */
  public static DemoScript of(String prompt, long seed) {
    return DemoCommands.read(prompt, seed);
  }

  /**
   * The script for a prompt, changed by parameters such as {@code
   * chunks=200;interval=50ms;fault=529@40;seed=3;size=12;timestamps=1}.
   *
   * @throws IllegalArgumentException if the parameters are not understood; the text says why
   */
  public static DemoScript of(String prompt, long seed, String parameters) {
    return DemoCommands.read(prompt, seed, parameters);
  }

  /** How many chunks a call without a fault delivers, reasoning included. */
  public int total() {
    return total;
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

    /** The answer is complete. */
    record Finish(TokenUsage usage, FinishReason reason) implements Step {}

    /** The answer fails, and ends. Never a stall, which is a {@link Pause}. */
    record Fail(DemoFault fault) implements Step {}
  }

  private final class Player implements Iterator<Step> {
    private final InstantSource clock;
    private final ArrayDeque<DemoFault> ahead = new ArrayDeque<>();
    private int sent;
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

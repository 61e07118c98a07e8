package dev.perdure.provider.demo;

import dev.perdure.protocol.FinishReason;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntFunction;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** A {@link DemoScript} while its commands are being read. For one thread. */
final class DemoPlan {
  static final Duration DEFAULT_PACE = Duration.ofMillis(30);

  private static final int THINK_CHUNKS = 24;
  private static final int UTF8_CHUNKS = 60;
  private static final Pattern WORD_START = Pattern.compile("(?<=\\s)(?=\\S)");

  private static final String[] WORDS =
      ("river stone lantern quiet harbour copper meadow signal thread winter orchard compass ember"
              + " willow anchor marble distant morning paper bridge garden velvet thunder island"
              + " journal silver cedar window echo harvest")
          .split(" ");

  /** Two, three and four bytes a character, a combining mark and a joined emoji. */
  private static final String[] UTF8_WORDS = {
    "Grüße", "世界", "🌍", "Ωμέγα", "привет", "é", "👩‍🚀", "नमस्ते", "한국어", "𝄞", "€", "naïve"
  };

  Duration pace = DEFAULT_PACE;
  FinishReason finish = FinishReason.STOP;
  long seed;
  int promptWords;
  int reasoning;
  boolean utf8;
  boolean timestamps;

  /** How many chunks of text to generate; -1 to say the fixed text. */
  int generated = -1;

  /** Characters of a generated chunk, 0 for one word. */
  int size;

  /** What to say when nothing is generated; null for the greeting. */
  @Nullable String text;

  /** Faults in the order given; {@code at} is -1 where the command did not say. */
  final List<DemoFault> faults = new ArrayList<>();

  /** What came of calls before. */
  DemoScript.Rounds rounds = DemoScript.Rounds.NONE;

  /** In how many steps the tools are asked for. */
  int callRounds = 1;

  final List<DemoScript.Step.Call> calls = new ArrayList<>();

  private @Nullable List<String> fixed;

  /** What is asked for in this step; nothing once the results are there. */
  List<DemoScript.Step.Call> callsNow() {
    return rounds.count() < callRounds ? List.copyOf(calls) : List.of();
  }

  /** What is said around calls: a word before them, the results after. */
  void tellCalls() {
    if (calls.isEmpty()) {
      return;
    }
    if (rounds.count() < callRounds) {
      text = "Let me see. ";
      generated = -1;
    } else if (text == null && generated < 0) {
      text = "The tools say: " + String.join(" | ", rounds.results());
    }
  }

  void think() {
    reasoning = THINK_CHUNKS;
  }

  int total() {
    if (generated >= 0) {
      return reasoning + generated;
    }
    return reasoning + (utf8 && text == null ? UTF8_CHUNKS : fixedWords().size());
  }

  IntFunction<String> chunks() {
    if (generated < 0 && (text != null || !utf8)) {
      List<String> words = fixedWords();
      return i -> i < reasoning ? word(i) : words.get(i - reasoning);
    }
    return this::word;
  }

  /** The faults in order of place; one without a place is in the middle, an error at the start. */
  List<DemoFault> faults() {
    return faults.stream()
        .map(this::placed)
        .sorted(Comparator.comparingInt(DemoFault::at))
        .toList();
  }

  private DemoFault placed(DemoFault f) {
    if (f.at() >= 0) {
      return f;
    }
    boolean first = f.kind() == DemoFault.Kind.ERROR || f.kind() == DemoFault.Kind.HANG;
    return new DemoFault(
        f.kind(), first ? 0 : total() / 2, f.status(), f.time(), f.times(), f.retryAfter());
  }

  private List<String> fixedWords() {
    if (fixed == null) {
      fixed = List.of(WORD_START.split(text == null ? DemoCommands.greeting(seed) : text));
    }
    return fixed;
  }

  private String word(int i) {
    String[] from = utf8 ? UTF8_WORDS : WORDS;
    if (size <= 0) {
      return from[pick(i, from.length)] + (i % 12 == 11 ? ".\n" : " ");
    }
    StringBuilder chunk = new StringBuilder(size + 16);
    for (int n = 0; chunk.length() < size; n++) {
      chunk.append(from[pick(i + n, from.length)]).append(' ');
    }
    int end = size;
    if (Character.isHighSurrogate(chunk.charAt(end - 1))) {
      end++;
    }
    return chunk.substring(0, end);
  }

  /** A well mixed number from the seed and a position (the finalizer of SplitMix64). */
  private int pick(int i, int bound) {
    long z = seed + (i + 1) * 0x9E3779B97F4A7C15L;
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return (int) Long.remainderUnsigned(z ^ (z >>> 31), bound);
  }
}

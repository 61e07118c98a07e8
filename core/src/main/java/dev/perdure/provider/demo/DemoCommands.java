package dev.perdure.provider.demo;

import dev.perdure.protocol.FinishReason;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The language of {@link DemoScript}: slash commands in the lines of a prompt that begin with a
 * slash, and {@code key=value;} parameters for programs. Stateless.
 *
 * <pre>
 * /long 2000             that many chunks of text
 * /think                 some reasoning before the text
 * /pace 5ms              the pause before each chunk
 * /echo TEXT             says the rest of the line
 * /tool NAME {JSON}      asks for a tool; the next step says what it returned
 * /rounds N              asks for the tools in N steps, one after the other
 * /utf8                  characters of two to four bytes; over a wire they are cut in two
 * /length  /filter       the finish reasons length and content_filter
 * /error 529 [at N]      a failure with this status after N chunks; at 0, the default, it is the
 *                        answer's status; "retry 2s" adds a Retry-After
 * /truncate [at N]       a clean end without the terminator
 * /cut [at N]            the connection ends inside a chunk;  /reset [at N]: it is reset
 * /garbage [at N]        a chunk that is not JSON
 * /stall 30s [at N]      silence, then it goes on
 * /hang [at N]           silence that does not end; at 0, the default, before the headers
 * /script k=v;k=v        the parameters below
 * </pre>
 *
 * A fault takes {@code once} (the default: only the first call with this history fails, so that a
 * retry is seen to succeed), {@code times K} or {@code always}; a stall is {@code always} unless
 * told. After a call that went well the counting begins anew. Where N is left out it is half of the
 * chunks.
 *
 * <p>Parameters: {@code chunks}, {@code interval}, {@code size} (characters of a chunk), {@code
 * seed}, {@code think} (chunks of reasoning), {@code timestamps=1}, {@code utf8=1}, {@code times}
 * (a number or {@code always}), {@code fault=WHAT@N} where WHAT is a status, {@code truncate},
 * {@code cut}, {@code reset}, {@code garbage}, {@code hang} or {@code stall:30s}.
 */
final class DemoCommands {
  private static final String BEHIND_QUOTATIONS = "\nThe user's message:\n\n";
  private static final int MAX_SIZE_CHARS = 1_000_000;
  private static final Duration MAX_TIME = Duration.ofHours(1);
  private static final int MAX_ROUNDS = 1_000;
  private static final Pattern TIME = Pattern.compile("(\\d{1,9})(ms|s|m)?");

  private static final String[] GREETINGS = {
    "Hello!", "Hi there!", "Good to see you!", "Welcome!", "Greetings!"
  };

  private DemoCommands() {}

  static String greeting(long seed) {
    return GREETINGS[(int) Long.remainderUnsigned(seed, GREETINGS.length)]
        + " This is Perdure's built-in demo provider: there is no model behind it, and it says the"
        + " same thing again for the same message. The text comes word by word, so you can close"
        + " the window or kill the server while I speak and see that nothing is lost. Try '/long"
        + " 2000' for a long reply, '/think' for reasoning, '/error 529 at 40' for a provider that"
        + " fails and is asked again, '/truncate' for one that ends too early, or '/stall 30s' for"
        + " silence. Set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY to talk to a model.";
  }

  static DemoScript read(String prompt, long seed, String parameters, DemoScript.Rounds rounds) {
    DemoPlan plan = plan(prompt, seed);
    parameters(plan, parameters);
    plan.rounds = rounds;
    plan.tellCalls();
    return new DemoScript(plan);
  }

  private static DemoPlan plan(String prompt, long seed) {
    DemoPlan plan = new DemoPlan();
    plan.seed = seed;
    plan.promptWords = (int) Stream.of(prompt.split("\\s+")).filter(w -> !w.isEmpty()).count();
    if (DemoSummary.isAsked(prompt)) {
      plan.text = DemoSummary.of(prompt);
      return plan;
    }
    try {
      said(prompt)
          .lines()
          .map(String::strip)
          .filter(l -> l.startsWith("/"))
          .forEach(l -> line(plan, l));
    } catch (IllegalArgumentException e) {
      plan.faults.clear();
      plan.calls.clear();
      plan.generated = -1;
      plan.text =
          e.getMessage()
              + " The commands are /long N, /think, /pace 5ms, /echo TEXT, /tool NAME {JSON},"
              + " /rounds N, /utf8, /length, /filter, /error STATUS, /truncate, /cut, /reset, /garbage, /stall TIME and /hang; a fault"
              + " takes 'at N' and 'once', 'times K' or 'always'.";
    }
    return plan;
  }

  /** What the user has written: commands in what was looked up for him were obeyed before. */
  private static String said(String prompt) {
    int quoted = prompt.lastIndexOf(BEHIND_QUOTATIONS);
    return quoted < 0 ? prompt : prompt.substring(quoted + BEHIND_QUOTATIONS.length());
  }

  private static void line(DemoPlan plan, String line) {
    Deque<String> words = new ArrayDeque<>(Arrays.asList(line.split("\\s+")));
    while (!words.isEmpty()) {
      String command = words.remove();
      switch (command.toLowerCase(Locale.ROOT)) {
        case "/long" -> plan.generated = number(command, words.poll(), DemoScript.MAX_CHUNKS);
        case "/think" -> plan.think();
        case "/pace" -> plan.pace = time(command, words.poll());
        case "/utf8" -> plan.utf8 = true;
        case "/length" -> plan.finish = FinishReason.LENGTH;
        case "/filter" -> plan.finish = FinishReason.CONTENT_FILTER;
        case "/echo" -> {
          plan.text = line.substring(line.indexOf(command) + command.length()).strip();
          words.clear();
        }
        case "/script" -> {
          parameters(plan, words.isEmpty() ? "" : words.remove());
        }
        case "/tool" -> {
          String name = words.isEmpty() ? "" : words.remove();
          int input = line.indexOf('{');
          plan.calls.add(
              new DemoScript.Step.Call(name, input < 0 ? "{}" : line.substring(input).strip()));
          words.clear();
        }
        case "/rounds" -> plan.callRounds = number(command, words.poll(), MAX_ROUNDS);
        case "/error", "/truncate", "/cut", "/reset", "/garbage", "/stall", "/hang" ->
            plan.faults.add(fault(command.substring(1).toLowerCase(Locale.ROOT), words));
        default ->
            throw new IllegalArgumentException(
                "'" + shortened(command) + "' is not a command of the demo provider.");
      }
    }
  }

  private static DemoFault fault(String name, Deque<String> words) {
    DemoFault.Kind kind = DemoFault.Kind.valueOf(name.toUpperCase(Locale.ROOT));
    int status = 0;
    Duration time = Duration.ZERO;
    if (kind == DemoFault.Kind.ERROR) {
      status = status(name, words.poll());
    } else if (kind == DemoFault.Kind.STALL) {
      time = time(name, words.poll());
    }
    int at = -1;
    int times = kind == DemoFault.Kind.STALL ? DemoFault.ALWAYS : 1;
    Duration retryAfter = null;
    while (!words.isEmpty() && !words.element().startsWith("/")) {
      String word = words.remove();
      switch (word) {
        case "at" -> at = number(name + " at", words.poll(), DemoScript.MAX_CHUNKS);
        case "times" -> times = number(name + " times", words.poll(), DemoFault.ALWAYS);
        case "retry" -> retryAfter = time(name + " retry", words.poll());
        case "once" -> times = 1;
        case "always" -> times = DemoFault.ALWAYS;
        default ->
            throw new IllegalArgumentException(
                "'" + shortened(word) + "' is not understood after '/" + name + "'.");
      }
    }
    return new DemoFault(kind, at, status, time, times, retryAfter);
  }

  private static void parameters(DemoPlan plan, String parameters) {
    int times = 1;
    List<String> faults = new ArrayList<>();
    for (String pair : parameters.split(";", -1)) {
      if (pair.isBlank()) {
        continue;
      }
      int equals = pair.indexOf('=');
      String key = equals < 0 ? pair.strip() : pair.substring(0, equals).strip();
      String value = equals < 0 ? "" : pair.substring(equals + 1).strip();
      switch (key) {
        case "chunks" -> plan.generated = number(key, value, DemoScript.MAX_CHUNKS);
        case "interval" -> plan.pace = time(key, value);
        case "size" -> plan.size = number(key, value, MAX_SIZE_CHARS);
        case "seed" -> plan.seed = number(key, value, Integer.MAX_VALUE);
        case "think" -> plan.reasoning = number(key, value, DemoScript.MAX_CHUNKS);
        case "timestamps" -> plan.timestamps = number(key, value, 1) == 1;
        case "utf8" -> plan.utf8 = number(key, value, 1) == 1;
        case "times" ->
            times =
                value.equals("always") ? DemoFault.ALWAYS : number(key, value, DemoFault.ALWAYS);
        case "fault" -> faults.add(value);
        default ->
            throw new IllegalArgumentException(
                "'" + shortened(key) + "' is not a parameter of the demo script.");
      }
    }
    for (String fault : faults) {
      plan.faults.add(fault(fault, times));
    }
  }

  /** {@code 529@40}, {@code cut@3}, {@code stall:2s@10}. */
  private static DemoFault fault(String value, int times) {
    int split = value.indexOf('@');
    int at = split < 0 ? -1 : number("fault", value.substring(split + 1), DemoScript.MAX_CHUNKS);
    String what = split < 0 ? value : value.substring(0, split);
    if (!what.isEmpty() && Character.isDigit(what.charAt(0))) {
      int status = status("fault", what);
      return new DemoFault(DemoFault.Kind.ERROR, at, status, Duration.ZERO, times, null);
    }
    if (what.startsWith("stall:")) {
      Duration time = time("stall", what.substring(6));
      return new DemoFault(DemoFault.Kind.STALL, at, 0, time, DemoFault.ALWAYS, null);
    }
    DemoFault.Kind kind =
        switch (what) {
          case "truncate" -> DemoFault.Kind.TRUNCATE;
          case "cut" -> DemoFault.Kind.CUT;
          case "reset" -> DemoFault.Kind.RESET;
          case "garbage" -> DemoFault.Kind.GARBAGE;
          case "hang" -> DemoFault.Kind.HANG;
          default ->
              throw new IllegalArgumentException("'" + shortened(what) + "' is not a fault.");
        };
    return new DemoFault(kind, at, 0, Duration.ZERO, times, null);
  }

  private static int status(String what, @Nullable String word) {
    int status = number(what, word, 599);
    if (status < 400) {
      throw new IllegalArgumentException(
          "'" + status + "' after '" + what + "' is not an error status from 400 to 599.");
    }
    return status;
  }

  private static int number(String what, @Nullable String word, int max) {
    try {
      long value = word == null ? -1 : Long.parseLong(word);
      if (value >= 0 && value <= max) {
        return (int) value;
      }
    } catch (NumberFormatException e) {
      // Said below, with the bound.
    }
    throw new IllegalArgumentException(
        "'"
            + shortened(what)
            + "' needs a number from 0 to "
            + max
            + ", not '"
            + shortened(String.valueOf(word))
            + "'.");
  }

  private static Duration time(String what, @Nullable String word) {
    Matcher m = TIME.matcher(word == null ? "" : word);
    if (m.matches()) {
      long value = Long.parseLong(m.group(1));
      String unit = m.group(2) == null ? "ms" : m.group(2);
      Duration time =
          switch (unit) {
            case "s" -> Duration.ofSeconds(value);
            case "m" -> Duration.ofMinutes(value);
            default -> Duration.ofMillis(value);
          };
      if (time.compareTo(MAX_TIME) <= 0) {
        return time;
      }
    }
    throw new IllegalArgumentException(
        "'"
            + shortened(what)
            + "' needs a time such as 5ms, 30s or 2m, at most 60m, not '"
            + shortened(String.valueOf(word))
            + "'.");
  }

  private static String shortened(String word) {
    return word.length() <= 40 ? word : word.substring(0, 40) + "…";
  }
}

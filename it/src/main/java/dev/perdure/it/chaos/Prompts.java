package dev.perdure.it.chaos;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.it.check.Observation.Request;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Messages whose replies are known beforehand, in the language of the demo script. The last line is
 * a marker by which the provider's journal knows them again: before it a provider may be shown
 * earlier messages that got no reply, as parts of the same one.
 */
final class Prompts {
  private static final List<String> PROVIDERS = List.of("openai", "anthropic", "gemini");

  /** Each has a circuit breaker of its own. */
  private static final int MODELS = 32;

  private static final int MAX_WORDS = 60;

  /** More than a socket without a reader can hold. */
  private static final int LONG_WORDS = 2_000;

  private static final int ONE_IN_IS_LONG = 30;
  private static final int MAX_PACE_MILLIS = 60;

  /** Some replies take so long that whatever should stop them is seen to do so. */
  private static final int MAX_SLOW_PACE_MILLIS = 250;

  private static final int ONE_IN_IS_SLOW = 12;

  /** The fake provider speaks slowly under such a name, so that lanes end one after the other. */
  private static final String SLOW = "-slow";

  private static final List<String> CALLS =
      List.of(
          "look {\"n\":1}",
          "book {\"n\":2}",
          "pay {\"n\":3}",
          "pay {\"n\":4}",
          "ask {\"n\":5}",
          "ask {\"n\":500}",
          "locate {}",
          "wait {\"for\":\"PT1S\"}");

  private static final int MAX_CALLS = 3;

  /** What the model says before it asks for tools. */
  private static final String BEFORE_CALLS = "Let me see. ";

  private Prompts() {}

  /**
   * The next message of a session.
   *
   * @param lanes how many models; 0 for one to three, by chance
   */
  static Request next(
      String session, int number, int lanes, boolean usesTools, RandomGenerator random) {
    String marker = "chaos-" + session + "-" + number;
    boolean isLong = random.nextInt(ONE_IN_IS_LONG) == 0;
    int words = isLong ? LONG_WORDS : 1 + random.nextInt(MAX_WORDS);
    String says =
        IntStream.range(0, words)
            .mapToObj(i -> "w" + number + "." + i)
            .collect(Collectors.joining(" "));
    StringBuilder text = new StringBuilder("/pace ");
    boolean isSlow = random.nextInt(ONE_IN_IS_SLOW) == 0;
    int pace = random.nextInt(isSlow ? MAX_SLOW_PACE_MILLIS : MAX_PACE_MILLIS);
    text.append(isLong ? 1 : pace).append("ms\n");
    if (usesTools) {
      for (int calls = 1 + random.nextInt(MAX_CALLS); calls > 0; calls--) {
        text.append("/tool ").append(CALLS.get(random.nextInt(CALLS.size()))).append('\n');
      }
    } else if (random.nextInt(6) == 0) {
      text.append("/think\n");
    }
    if (random.nextInt(4) == 0) {
      text.append(fault(words, random)).append('\n');
    }
    text.append("/echo ").append(says).append('\n').append(marker);
    return new Request(
        "key-" + marker,
        marker,
        text.toString(),
        usesTools ? BEFORE_CALLS + says : says,
        models(lanes, !isSlow && !isLong, random),
        whenBusy(random));
  }

  /** Offers the tools of the cluster, one of the client's own, and to wait. */
  static void offer(ObjectNode body) {
    List.of("look", "book", "pay", "ask", "wait").forEach(body.withArray("tools")::add);
    ObjectNode schema = Recorder.JSON.createObjectNode().put("type", "object");
    body.withArray("clientTools")
        .addObject()
        .put("name", "locate")
        .put("description", "Says where the user is.")
        .set("schema", schema);
  }

  static boolean isLong(Request request) {
    return request.says().length() > LONG_WORDS;
  }

  private static List<String> models(int lanes, boolean maySlow, RandomGenerator random) {
    int some = random.nextInt(5) == 0 ? 2 + random.nextInt(2) : 1;
    int count = lanes > 0 ? lanes : some;
    List<String> models = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      String provider = PROVIDERS.get(random.nextInt(PROVIDERS.size()));
      String model = provider + "/chaos-" + random.nextInt(MODELS);
      boolean slow = maySlow && count > 1 && random.nextInt(3) == 0;
      models.add(slow ? model + SLOW : model);
    }
    return models;
  }

  private static String whenBusy(RandomGenerator random) {
    return switch (random.nextInt(6)) {
      case 0 -> "reject";
      case 1 -> "interrupt";
      default -> "enqueue";
    };
  }

  private static String fault(int words, RandomGenerator random) {
    String at = " at " + random.nextInt(words + 1);
    String times =
        switch (random.nextInt(12)) {
          case 0 -> " always";
          case 1, 2 -> " times 2";
          default -> "";
        };
    return switch (random.nextInt(10)) {
      case 0 -> "/error 429 retry 200ms" + times;
      case 1 -> "/error 500" + at + times;
      case 2 -> "/error 529" + at + times;
      case 3 -> "/error 503" + times;
      case 4 -> "/truncate" + at + times;
      case 5 -> "/cut" + at + times;
      case 6 -> "/reset" + at + times;
      case 7 -> "/garbage" + at + times;
      case 8 -> "/hang" + at;
      default -> "/stall 700ms" + at;
    };
  }
}

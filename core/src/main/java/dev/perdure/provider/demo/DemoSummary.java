package dev.perdure.provider.demo;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What the demo says when it is asked to sum up a conversation: the first words of each message of
 * the user, so that it can be seen without a model what becomes of old messages. Stateless.
 */
final class DemoSummary {
  private static final String ASKED = "Summarise the conversation that is quoted";
  private static final String BY_THE_DEMO = "By the demo, which only quotes beginnings: ";
  private static final int WORDS = 8;
  private static final int MAX_QUOTED = 20;

  private DemoSummary() {}

  static boolean isAsked(String prompt) {
    return prompt.startsWith(ASKED);
  }

  /** The summary; what the one before has quoted comes first, and is the first to be dropped. */
  static String of(String prompt) {
    List<String> quoted = new ArrayList<>();
    boolean user = false;
    for (String line : prompt.lines().toList()) {
      if (line.startsWith(BY_THE_DEMO)) {
        quoted.addAll(Arrays.asList(line.substring(BY_THE_DEMO.length()).split(" \\| ")));
      }
      if (user && line.startsWith("> ")) {
        quoted.add(beginning(line.substring(2)));
      }
      user = line.equals("User:");
    }
    int from = Math.max(0, quoted.size() - MAX_QUOTED);
    return BY_THE_DEMO + String.join(" | ", quoted.subList(from, quoted.size()));
  }

  private static String beginning(String line) {
    String[] words = line.strip().split("\\s+");
    return String.join(" ", Arrays.asList(words).subList(0, Math.min(WORDS, words.length)));
  }
}

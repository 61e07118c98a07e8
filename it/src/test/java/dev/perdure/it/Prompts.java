package dev.perdure.it;

import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Messages whose replies are known beforehand, in the language of the demo script. */
final class Prompts {
  private Prompts() {}

  /** That many different words; the demo script sends each as one chunk. */
  static String words(int count) {
    return IntStream.range(0, count).mapToObj(i -> "w" + i).collect(Collectors.joining(" "));
  }

  /** Asks for exactly this text, word by word. */
  static String say(String text, int millisPerWord, String... commands) {
    StringBuilder prompt = new StringBuilder("/pace " + millisPerWord + "ms\n");
    for (String command : commands) {
      prompt.append(command).append('\n');
    }
    return prompt.append("/echo ").append(text).toString();
  }
}

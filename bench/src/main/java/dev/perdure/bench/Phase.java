package dev.perdure.bench;

import java.net.InetSocketAddress;

/**
 * What the clients of one phase share. For the thread of the {@link ClientLoop}.
 *
 * @param server where the clients go
 * @param model as in {@code openai/bench}
 * @param chunks of each reply
 * @param intervalMillis between the chunks of a reply
 * @param followers event streams of each turn
 */
record Phase(
    ClientLoop loop,
    InetSocketAddress server,
    String model,
    int chunks,
    int intervalMillis,
    int followers,
    Tally tally,
    Counts counts) {

  /** How far the clients are. */
  static final class Counts {
    int ready;
    int accepted;
    int ended;
    int verified;
  }

  /** Steers the fake provider; the demo script's language. */
  String prompt() {
    return "/script chunks=" + chunks + ";interval=" + intervalMillis + "ms;timestamps=1";
  }
}

package dev.perdure.terminal;

import dev.perdure.protocol.TurnEvent;

/** What the loop of the terminal client waits for, from the server or from the keyboard. */
sealed interface Happening {

  /** An event of the turn that is followed; they come in order and without a gap. */
  record Event(long seq, TurnEvent event) implements Happening {}

  /** The connection is gone and is being made again. */
  record Interrupted(String why) implements Happening {}

  /** The connection stands again after {@link Interrupted}. */
  record Restored() implements Happening {}

  /** The turn cannot be followed any more; nothing else comes from it. */
  record GaveUp(int status, String why) implements Happening {}

  /** A line was typed. */
  record Line(String text) implements Happening {}

  /** Nothing more will be typed. */
  record InputEnded() implements Happening {}
}

package dev.perdure.bench;

/** A simulated user: gets ready, asks once, follows the reply, verifies it. */
interface User {
  /** Connects; {@link Phase.Counts#ready} counts it when done. */
  void prepare();

  /** Sends the message; {@link Phase.Counts#ended} counts it when its streams have ended. */
  void ask();

  /** Asks for the second half of what it has seen of a running reply, and leaves again. */
  void resume();

  /** Compares what was streamed with what is stored; counted by {@link Phase.Counts#verified}. */
  void verify();

  void close();
}

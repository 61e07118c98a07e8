package dev.perdure.chat;

import java.util.Optional;

/**
 * What the desk asks of the node it stands on: whether a turn may be accepted and leased in one
 * transaction, which saves the queue's round trip. The engine implements it. Thread-safe.
 */
@FunctionalInterface
public interface Starter {

  /** A starter that never has room: every turn goes through the queue. */
  Starter NONE = Optional::empty;

  /** Room for one more running turn on this node; empty if there is none or it is draining. */
  Optional<Seat> seat();

  /** A reserved place; exactly one of the two methods is called, once. */
  interface Seat {
    String nodeId();

    /** The turn is committed as running on this node with epoch 1. */
    void start(String turn);

    /** The place was not needed. */
    void giveBack();
  }
}

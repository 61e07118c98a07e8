package dev.perdure.db;

import java.util.Collection;
import java.util.function.Consumer;

/**
 * Hints that something has changed in the database: never the truth, only a reason to look. A hint
 * may be lost, doubled or late, so whoever waits for one also polls. Thread-safe.
 */
public interface Signals extends AutoCloseable {

  /** What a hint is about, and so what its keys are. */
  enum Topic {
    /** Turn ids whose log has grown. */
    LOG,
    /** Turn ids whose row holds a new intent, such as a cancel. */
    TURN,
    /** The queue has a turn to claim; keys are turn ids. */
    QUEUE,
    /** {@code tenant/owner} keys with a turn that was accepted or has ended. */
    OWNER
  }

  /**
   * Tells every subscriber, on this node at once and on the caller's thread, on other nodes soon.
   * Call it after the commit that it is about.
   */
  void publish(Topic topic, Collection<String> keys);

  /**
   * Calls the listener for each batch of keys until the subscription is closed. The listener must
   * not block and must not throw.
   */
  Subscription subscribe(Topic topic, Consumer<Collection<String>> listener);

  @Override
  void close();

  /** Ends by being closed. */
  interface Subscription extends AutoCloseable {
    @Override
    void close();
  }
}

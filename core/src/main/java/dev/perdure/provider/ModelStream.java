package dev.perdure.provider;

import org.jspecify.annotations.Nullable;

/**
 * A call to a model under way, pulled event by event.
 *
 * <p>{@link #next()} is called by one thread at a time; {@link #close()} may be called by any
 * thread at any moment, also before the first {@code next()} and more than once.
 */
public interface ModelStream extends AutoCloseable {

  /**
   * Blocks for the next event. The last event of a complete reply is {@link ModelEvent.Finished};
   * after it this returns null. A reply without its terminator never ends in null.
   *
   * @throws ProviderException for every way in which the reply is not complete; of kind {@code
   *     CANCELLED} once the stream is closed
   */
  @Nullable ModelEvent next() throws ProviderException;

  /** Aborts the call: the connection is cut, a blocked {@link #next()} returns at once. */
  @Override
  void close();
}

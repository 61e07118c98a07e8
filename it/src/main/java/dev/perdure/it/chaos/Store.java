package dev.perdure.it.chaos;

import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The database of a run, seen from outside of the servers. Thread-safe. */
interface Store extends AutoCloseable {

  /** A way to the database that no fault touches, for JDBC. */
  String url();

  /**
   * Says in a server's environment where its database is.
   *
   * @return the gate on the way to it; null if there is none, as in front of a file
   */
  @Nullable Gate place(Map<String, String> env, Path home);

  /**
   * Keeps every transaction of every server waiting until it is closed: soon all of their
   * connections are taken.
   */
  Blockade block();

  /** How large a file may be on a disk that is just about to be full. */
  long bytes();

  /** Ends the database, in order or as with {@code kill -9}. */
  void stop(boolean inOrder);

  /** Starts it again; what was committed is there. */
  void start();

  @Override
  void close();

  /** Something that stands in the way. */
  interface Blockade extends AutoCloseable {
    @Override
    void close();
  }
}

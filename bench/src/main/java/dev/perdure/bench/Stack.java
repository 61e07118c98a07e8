package dev.perdure.bench;

import java.net.InetSocketAddress;
import java.util.List;

/**
 * A chat stack under test, running: the adapter between it and the load driver. To measure another
 * one, start its processes on a {@link Ground}, say where it listens, and write a {@link User} that
 * asks it and counts what comes; {@link Scene} chooses by the target's name. Every chunk of the
 * provider carries the time of its departure, so a user needs nothing but the text. Used by one
 * thread.
 */
interface Stack {
  InetSocketAddress address();

  User user(Phase phase);

  /**
   * The processes that do the work, children of theirs included; the first one is the JVM whose
   * heap is measured and profiled, if it is one.
   */
  List<Child> servers();

  /** Databases and brokers, children of theirs included. */
  List<ProcessHandle> databases();
}

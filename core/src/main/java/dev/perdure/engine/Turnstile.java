package dev.perdure.engine;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.ArrayDeque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Lets so many in at the same time and has the others wait in lines: whoever leaves lets in the
 * first of the next line, so that a long line delays the others by one each round. Nobody holds
 * anything while waiting but a virtual thread. Thread-safe.
 */
final class Turnstile {
  private final ReentrantLock lock = new ReentrantLock();

  /** In the order in which they come next; none is empty. */
  @GuardedBy("lock")
  private final LinkedHashMap<String, ArrayDeque<Ticket>> lines = new LinkedHashMap<>();

  /** Somebody in a line: whether he got in, once that is known. */
  private static final class Ticket {
    private final CompletableFuture<Boolean> admitted = new CompletableFuture<>();
  }

  @GuardedBy("lock")
  private int limit;

  @GuardedBy("lock")
  private int inside;

  @GuardedBy("lock")
  private int waiting;

  Turnstile(int limit) {
    this.limit = limit;
  }

  /**
   * Waits for room. Whoever got in must {@link #leave} again.
   *
   * @param line which line to stand in
   * @return false if the lane has been stopped meanwhile
   */
  boolean enter(String line, LaneControl control) {
    Ticket ticket = new Ticket();
    lock.lock();
    try {
      lines.computeIfAbsent(line, name -> new ArrayDeque<>()).add(ticket);
      waiting++;
      admit();
    } finally {
      lock.unlock();
    }
    if (!ticket.admitted.isDone()) {
      if (!control.attach(() -> withdraw(line, ticket))) {
        withdraw(line, ticket);
      }
      ticket.admitted.join();
      control.detach();
    }
    return ticket.admitted.join();
  }

  private void withdraw(String line, Ticket ticket) {
    lock.lock();
    try {
      ArrayDeque<Ticket> others = lines.get(line);
      if (others != null && others.remove(ticket)) {
        waiting--;
        if (others.isEmpty()) {
          lines.remove(line);
        }
        ticket.admitted.complete(false);
      }
    } finally {
      lock.unlock();
    }
  }

  void leave() {
    lock.lock();
    try {
      inside--;
      admit();
    } finally {
      lock.unlock();
    }
  }

  /** Changes how many may be inside; nobody is thrown out. */
  void limit(int most) {
    lock.lock();
    try {
      limit = most;
      admit();
    } finally {
      lock.unlock();
    }
  }

  int waiting() {
    lock.lock();
    try {
      return waiting;
    } finally {
      lock.unlock();
    }
  }

  @GuardedBy("lock")
  private void admit() {
    while (inside < limit && !lines.isEmpty()) {
      Map.Entry<String, ArrayDeque<Ticket>> next = Objects.requireNonNull(lines.pollFirstEntry());
      Ticket ticket = next.getValue().remove();
      if (!next.getValue().isEmpty()) {
        lines.putLast(next.getKey(), next.getValue());
      }
      waiting--;
      inside++;
      ticket.admitted.complete(true);
    }
  }
}

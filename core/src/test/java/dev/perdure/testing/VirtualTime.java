package dev.perdure.testing;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A clock that stands still until somebody waits: then it is put forward by the whole wait, which
 * so takes no time at all. Thread-safe.
 */
public final class VirtualTime implements InstantSource {
  private final ReentrantLock lock = new ReentrantLock();
  private final List<Duration> waits = new ArrayList<>();
  private Instant now;

  public VirtualTime(Instant start) {
    this.now = start;
  }

  @Override
  public Instant instant() {
    lock.lock();
    try {
      return now;
    } finally {
      lock.unlock();
    }
  }

  /** Puts the clock forward and remembers by how much. */
  public void pass(Duration wait) {
    lock.lock();
    try {
      now = now.plus(wait);
      waits.add(wait);
    } finally {
      lock.unlock();
    }
  }

  /** The waits since the last call, in order. */
  public List<Duration> takeWaits() {
    lock.lock();
    try {
      List<Duration> taken = List.copyOf(waits);
      waits.clear();
      return taken;
    } finally {
      lock.unlock();
    }
  }
}

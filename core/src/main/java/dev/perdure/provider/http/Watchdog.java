package dev.perdure.provider.http;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Ends exchanges that are past their deadline. One thread sweeps all of them: a timed read would
 * cost a timer for each chunk, and does not cover writes and handshakes. Thread-safe.
 */
final class Watchdog {
  private static final long SWEEP_NANOS = TimeUnit.MILLISECONDS.toNanos(25);

  private final Set<Exchange> watched = ConcurrentHashMap.newKeySet();
  private final Thread thread;
  private volatile boolean resting;
  private volatile boolean stopped;

  Watchdog() {
    thread = Thread.ofVirtual().name("perdure-provider-watchdog").unstarted(this::run);
    thread.start();
  }

  void watch(Exchange exchange) {
    watched.add(exchange);
    if (resting) {
      LockSupport.unpark(thread);
    }
    if (stopped) {
      exchange.abort();
    }
  }

  void forget(Exchange exchange) {
    watched.remove(exchange);
  }

  void stop() {
    stopped = true;
    watched.forEach(Exchange::abort);
    LockSupport.unpark(thread);
  }

  private void run() {
    while (!stopped) {
      // Said before looking: whoever adds afterwards sees it.
      resting = true;
      if (watched.isEmpty()) {
        LockSupport.park(this);
      } else {
        resting = false;
        LockSupport.parkNanos(this, SWEEP_NANOS);
        long now = System.nanoTime();
        for (Exchange exchange : watched) {
          exchange.expireAt(now);
        }
      }
    }
  }
}

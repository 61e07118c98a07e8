package dev.perdure.server.http;

import java.util.List;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Bounds the requests over HTTP/2 that are at work. Over HTTP/1.1 each holds its connection, whose
 * number is bounded; over HTTP/2 a handler goes on after its client has reset the stream, or has
 * gone and come back, so that a few clients could start any number. Thread-safe.
 *
 * <p>A connection may have as many as are still free (see {@code Admission} for the idea), so that
 * one that has many leaves room for the others. A request that has become an event stream does not
 * count any more: those are bounded by caller.
 */
final class Http2Work {
  private static final ThreadLocal<@Nullable Request> CURRENT = new ThreadLocal<>();

  private final int perConnection;
  private final int most;
  private final AtomicInteger atWork = new AtomicInteger();

  Http2Work(int perConnection, int most) {
    this.perConnection = perConnection;
    this.most = most;
  }

  /** The request of this thread has become a stream, which is counted elsewhere. */
  static void becomesStream() {
    Request request = CURRENT.get();
    if (request != null) {
      request.leave();
    }
  }

  int atWork() {
    return atWork.get();
  }

  /** Runs the requests of one connection; one too many is rejected, which ends the connection. */
  ExecutorService ofConnection(ExecutorService executor) {
    return new OfConnection(executor);
  }

  /** One request while it counts. */
  private record Request(AtomicInteger ofConnection, AtomicInteger ofAll, AtomicBoolean left) {
    void leave() {
      if (!left.getAndSet(true)) {
        ofConnection.decrementAndGet();
        ofAll.decrementAndGet();
      }
    }
  }

  private final class OfConnection extends AbstractExecutorService {
    private final ExecutorService executor;
    private final AtomicInteger own = new AtomicInteger();

    OfConnection(ExecutorService executor) {
      this.executor = executor;
    }

    @Override
    public void execute(Runnable task) {
      if (own.get() >= Math.min(perConnection, most - atWork.get())) {
        throw new RejectedExecutionException("Too many requests of one connection");
      }
      own.incrementAndGet();
      atWork.incrementAndGet();
      Request request = new Request(own, atWork, new AtomicBoolean());
      boolean begun = false;
      try {
        executor.execute(() -> {
          CURRENT.set(request);
          try {
            task.run();
          } finally {
            request.leave();
            CURRENT.remove();
          }
        });
        begun = true;
      } finally {
        if (!begun) {
          request.leave();
        }
      }
    }

    // It is the server's executor and ends with the server.

    @Override
    public void shutdown() {}

    @Override
    public List<Runnable> shutdownNow() {
      return List.of();
    }

    @Override
    public boolean isShutdown() {
      return executor.isShutdown();
    }

    @Override
    public boolean isTerminated() {
      return executor.isTerminated();
    }

    @Override
    public boolean awaitTermination(long timeout, TimeUnit unit) throws InterruptedException {
      return executor.awaitTermination(timeout, unit);
    }
  }
}

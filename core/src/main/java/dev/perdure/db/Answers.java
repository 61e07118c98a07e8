package dev.perdure.db;

import dev.perdure.protocol.PerdureException;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Waiting for what another thread does in the database for a caller. */
final class Answers {
  private Answers() {}

  /**
   * The same for at most that long. Then {@code late} says what to throw; the work may still be
   * committed later.
   */
  static <T extends @Nullable Object> T await(
      CompletableFuture<T> answer, Duration atMost, Supplier<PerdureException> late) {
    boolean interrupted = false;
    long deadline = System.nanoTime() + atMost.toNanos();
    try {
      while (true) {
        try {
          answer.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
          return await(answer);
        } catch (ExecutionException e) {
          return await(answer);
        } catch (TimeoutException e) {
          throw late.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * Waits however often the caller is interrupted, because the work may be committed at any moment;
   * the interrupt is kept for later. Throws what the work has thrown.
   */
  static <T extends @Nullable Object> T await(CompletableFuture<T> answer) {
    try {
      return answer.join();
    } catch (CompletionException e) {
      switch (e.getCause()) {
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        case null, default -> throw e;
      }
    }
  }
}

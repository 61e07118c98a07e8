package dev.perdure.db;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/** Waiting for what another thread does in the database for a caller. */
final class Answers {
  private Answers() {}

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

package dev.perdure.server.http;

import dev.perdure.chat.Caller;
import dev.perdure.db.Signals;
import dev.perdure.db.Signals.Topic;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Passes hints about a caller's turns to the activity streams of that caller: one subscription for
 * all of them, so that a hint costs a look into a map whatever their number. Thread-safe.
 */
final class OwnerHints implements AutoCloseable {
  private final ConcurrentHashMap<String, List<Runnable>> listeners = new ConcurrentHashMap<>();
  private final Signals.Subscription subscription;

  OwnerHints(Signals signals) {
    subscription = signals.subscribe(Topic.OWNER, this::pass);
  }

  private void pass(Collection<String> keys) {
    for (String key : keys) {
      listeners.getOrDefault(key, List.of()).forEach(Runnable::run);
    }
  }

  /** Runs the listener, which must not block, at each hint until this is closed. */
  Signals.Subscription listen(Caller caller, Runnable listener) {
    String key = caller.signalKey();
    listeners.compute(
        key,
        (k, present) -> {
          List<Runnable> more = new ArrayList<>(present == null ? List.of() : present);
          more.add(listener);
          return List.copyOf(more);
        });
    return () ->
        listeners.computeIfPresent(
            key,
            (k, present) -> {
              List<Runnable> rest =
                  present.stream().filter(each -> !each.equals(listener)).toList();
              return rest.isEmpty() ? null : rest;
            });
  }

  @Override
  public void close() {
    subscription.close();
  }
}

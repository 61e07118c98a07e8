package dev.perdure.db;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.Collection;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/** Hints within this process, delivered on the thread that publishes them. Thread-safe. */
public final class LocalSignals implements Signals {
  private static final Logger LOG = System.getLogger(LocalSignals.class.getName());

  private final Map<Topic, List<Entry>> listeners = new EnumMap<>(Topic.class);

  public LocalSignals() {
    for (Topic topic : Topic.values()) {
      listeners.put(topic, new CopyOnWriteArrayList<>());
    }
  }

  @Override
  public void publish(Topic topic, Collection<String> keys) {
    if (keys.isEmpty()) {
      return;
    }
    for (Entry entry : of(topic)) {
      try {
        entry.listener.accept(keys);
      } catch (RuntimeException e) {
        // One subscriber's bug must not cost the others their hint.
        LOG.log(
            Level.ERROR, "A listener for " + topic + " hints failed; its poll will catch up.", e);
      }
    }
  }

  @Override
  public Subscription subscribe(Topic topic, Consumer<Collection<String>> listener) {
    Entry entry = new Entry(listener);
    of(topic).add(entry);
    return () -> of(topic).remove(entry);
  }

  private List<Entry> of(Topic topic) {
    return listeners.getOrDefault(topic, List.of());
  }

  @Override
  public void close() {
    listeners.values().forEach(List::clear);
  }

  /** Compared by identity, so that the same listener may subscribe twice. */
  private static final class Entry {
    private final Consumer<Collection<String>> listener;

    Entry(Consumer<Collection<String>> listener) {
      this.listener = listener;
    }
  }
}

package dev.perdure.engine;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.provider.ProviderException.Kind;
import dev.perdure.provider.Providers;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * How many model calls this node makes at the same time: to each provider as many as the operator
 * allows, and to a model that was left alone by its circuit breaker only a few at first. Each reply
 * that begins lets two more in, so that after an outage those who have waited come back within some
 * round trips, in growing numbers, and not all at once; the idea is TCP's slow start (RFC 5681).
 * Calls wait in a line for each tenant. Thread-safe.
 */
final class CallGates {
  /** How many ask first whether a model is well again. */
  static final int FIRST = 3;

  /** How many more come for each reply that begins. */
  private static final int STEP = 2;

  /** With so many calls at the same time a model is as well as it was. */
  private static final int WELL = 500;

  /** Names of models come from callers; the one that was in trouble first is forgotten. */
  private static final int MAX_MODELS = 256;

  /**
   * Turns that read from the database at the same time what they need to begin. Of a crowd that is
   * due the others wait here, and not in front of everybody else who reads.
   */
  private static final int READING = 16;

  /** Those who read stand in one line, in the order in which they come. */
  private static final String READERS = "";

  private final Turnstile readers = new Turnstile(READING);

  private final Map<String, Turnstile> providers = new HashMap<>();
  private final ReentrantLock lock = new ReentrantLock();

  /** Models that were in trouble, by their full names. */
  @GuardedBy("lock")
  private final LinkedHashMap<String, Recovery> recoveries = new LinkedHashMap<>();

  CallGates(Providers of) {
    for (String name : of.names()) {
      providers.put(name, new Turnstile(of.maxCalls(name)));
    }
  }

  /**
   * Reads for a turn, when it is its turn. Who waits for a database that is away reads nothing, and
   * lets the others try.
   *
   * @param read a few queries, and nothing else that may take long
   * @return null if that is what was read, or if the lane has been stopped meanwhile
   */
  <T> @Nullable T reading(Patience patience, Supplier<@Nullable T> read) {
    return patience.until(() -> {
      if (!readers.enter(READERS, patience.control())) {
        return null;
      }
      try {
        return read.get();
      } finally {
        readers.leave();
      }
    });
  }

  /** How many turns wait until they may read. */
  int readersWaiting() {
    return readers.waiting();
  }

  /** How well a model is; its count belongs to the lock of the gates. */
  private static final class Recovery {
    private final Turnstile turnstile = new Turnstile(FIRST);
    private int begun;

    /** All of the first must have begun: only then the circuit breaker lets further calls out. */
    int limit() {
      return begun < FIRST ? FIRST : FIRST + STEP * begun;
    }
  }

  /** How many calls wait for their turn. */
  int waiting() {
    int sum = providers.values().stream().mapToInt(Turnstile::waiting).sum();
    lock.lock();
    try {
      return sum + recoveries.values().stream().mapToInt(each -> each.turnstile.waiting()).sum();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Waits until a call may be made.
   *
   * @param model {@code provider/model}, of a provider that there is
   * @param tenant who stands in the same line
   * @return null if the lane has been stopped meanwhile
   */
  @Nullable Place enter(String model, String tenant, LaneControl control) {
    @Nullable Recovery recovery = recovery(model);
    if (recovery != null && !recovery.turnstile.enter(tenant, control)) {
      return null;
    }
    @Nullable Turnstile provider = providers.get(model.substring(0, model.indexOf('/')));
    if (provider != null && !provider.enter(tenant, control)) {
      if (recovery != null) {
        recovery.turnstile.leave();
      }
      return null;
    }
    return new Place(model, provider, recovery);
  }

  private @Nullable Recovery recovery(String model) {
    lock.lock();
    try {
      return recoveries.get(model);
    } finally {
      lock.unlock();
    }
  }

  /** A call that may be made; closed when it is over. Used by one thread. */
  final class Place implements AutoCloseable {
    private final String model;
    private final @Nullable Turnstile provider;
    private final @Nullable Recovery recovery;
    private boolean begun;

    private Place(String model, @Nullable Turnstile provider, @Nullable Recovery recovery) {
      this.model = model;
      this.provider = provider;
      this.recovery = recovery;
    }

    /** The model has begun to answer. */
    void begun() {
      if (!begun && recovery != null) {
        grow(model, recovery);
      }
      begun = true;
    }

    void failed(Kind kind) {
      if (kind == Kind.CIRCUIT_OPEN) {
        shrink(model);
      }
    }

    @Override
    public void close() {
      if (provider != null) {
        provider.leave();
      }
      if (recovery != null) {
        recovery.turnstile.leave();
      }
    }
  }

  private void grow(String model, Recovery recovery) {
    lock.lock();
    try {
      recovery.begun++;
      boolean well = recovery.limit() >= WELL;
      if (well) {
        recoveries.remove(model, recovery);
      }
      recovery.turnstile.limit(well ? Integer.MAX_VALUE : recovery.limit());
    } finally {
      lock.unlock();
    }
  }

  private void shrink(String model) {
    lock.lock();
    try {
      Recovery recovery = recoveries.computeIfAbsent(model, name -> new Recovery());
      recovery.begun = 0;
      recovery.turnstile.limit(FIRST);
      if (recoveries.size() > MAX_MODELS) {
        Recovery forgotten = recoveries.pollFirstEntry().getValue();
        forgotten.turnstile.limit(Integer.MAX_VALUE);
      }
    } finally {
      lock.unlock();
    }
  }
}

package dev.perdure.log;

import dev.perdure.db.Database;
import dev.perdure.db.Signals;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.util.Collection;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A database that is away when told to be, before a commit or after it. Thread-safe. */
public final class FaultyDatabase implements Database {
  public enum Mode {
    WELL,
    /** Nothing happens. */
    AWAY,
    /** The commit happens, its answer is lost. */
    ANSWER_LOST,
    /** Callers wait until there is another mode. */
    STUCK,
    /** Nothing happens, and repeating does not help. */
    BROKEN
  }

  private final Database database;
  private volatile Mode mode = Mode.WELL;
  private final AtomicInteger failures = new AtomicInteger();
  private final Semaphore stuck = new Semaphore(0);
  private volatile boolean mute;

  public FaultyDatabase(Database database) {
    this.database = database;
  }

  public void mode(Mode to) {
    if (to == Mode.STUCK) {
      stuck.drainPermits();
      mode = to;
    } else {
      mode = to;
      stuck.release(1_000);
    }
  }

  /** Whether the hints that are given through it are lost. */
  public void mute(boolean to) {
    mute = to;
  }

  /** How often it has failed, or made a caller wait. */
  public int failures() {
    return failures.get();
  }

  @Override
  public <T extends @Nullable Object> T write(Work<T> work) {
    switch (mode) {
      case WELL -> {}
      case STUCK -> {
        failures.incrementAndGet();
        stuck.acquireUninterruptibly();
      }
      case AWAY -> throw fail(ErrorCode.DATABASE_UNAVAILABLE);
      case BROKEN -> throw fail(ErrorCode.INTERNAL);
      case ANSWER_LOST -> {
        database.write(work);
        throw fail(ErrorCode.DATABASE_UNAVAILABLE);
      }
    }
    return database.write(work);
  }

  @Override
  public <T extends @Nullable Object> T read(Work<T> work) {
    if (mode == Mode.AWAY) {
      throw fail(ErrorCode.DATABASE_UNAVAILABLE);
    }
    return database.read(work);
  }

  private PerdureException fail(ErrorCode code) {
    failures.incrementAndGet();
    return new PerdureException(code, "A test has taken the database away.");
  }

  @Override
  public Signals signals() {
    Signals signals = database.signals();
    return new Signals() {
      @Override
      public void publish(Topic topic, Collection<String> keys) {
        if (!mute) {
          signals.publish(topic, keys);
        }
      }

      @Override
      public Subscription subscribe(Topic topic, Consumer<Collection<String>> listener) {
        return signals.subscribe(topic, listener);
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public boolean shared() {
    return database.shared();
  }

  @Override
  public void close() {}
}

package dev.perdure.server.http;

import dev.perdure.chat.Turn;
import dev.perdure.log.Follower;
import dev.perdure.log.Follower.Batch;
import dev.perdure.log.Follower.Condition;
import dev.perdure.log.Follower.Status;
import dev.perdure.log.LogBlock;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * Waits for one turn's log on behalf of an {@link ActivityStream}. It holds one batch at a time:
 * its own virtual thread fetches it, announces it, and sleeps until the stream has written it.
 *
 * <p>The stream's thread reads the batch between the announcement and {@link #written}. The
 * stream's queue and the semaphore order the accesses, so the fields need no lock.
 */
final class ActivityPump implements AutoCloseable {
  private static final Logger LOG = System.getLogger(ActivityPump.class.getName());

  /** How long a wait lasts before it is begun again; nothing depends on it. */
  private static final Duration WAIT = Duration.ofMinutes(1);

  private final Follower follower;
  private final Turn turn;
  private final boolean beginWithSnapshot;
  private final byte[] opening;
  private final Semaphore mayGoOn = new Semaphore(0);
  private volatile boolean closed;

  // Handed over with each announcement.
  private Batch batch = new Batch(Status.IDLE, List.of());
  private Condition condition = Condition.WELL;
  private byte @Nullable [] snapshot;
  private long snapshotSeq = -1;

  // The stream's alone.
  private boolean taken;
  private long delivered;

  ActivityPump(Follower follower, Turn turn, boolean beginWithSnapshot) {
    this.follower = follower;
    this.turn = turn;
    this.beginWithSnapshot = beginWithSnapshot;
    this.delivered = follower.position();
    this.opening =
        ("{\"turn\":\"" + turn.id() + "\",\"session\":\"" + turn.session() + "\",")
            .getBytes(StandardCharsets.US_ASCII);
  }

  /**
   * Begins to wait.
   *
   * @param announce called on the pump's thread each time there is something to take
   */
  void start(Runnable announce) {
    Thread.ofVirtual().name("perdure-activity-" + turn.id()).start(() -> run(announce));
  }

  private void run(Runnable announce) {
    try (follower) {
      if (beginWithSnapshot) {
        fold();
        announce.run();
        mayGoOn.acquire();
      }
      while (!closed) {
        Condition now = follower.condition();
        boolean news = now != condition;
        condition = now;
        batch = news ? new Batch(Status.IDLE, List.of()) : follower.next(WAIT);
        if (news || batch.status() != Status.IDLE) {
          announce.run();
          if (!news && batch.status() != Status.DATA) {
            return;
          }
          mayGoOn.acquire();
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      LOG.log(
          Level.WARNING,
          "The log of turn "
              + turn.id()
              + " cannot be read. Its stream ends; the client reconnects.",
          e);
      batch = new Batch(Status.CLOSED, List.of());
      announce.run();
    }
  }

  private void fold() throws InterruptedException {
    TurnReader.Reading reading = TurnReader.read(follower);
    if (reading.fold().seq() >= 0) {
      snapshotSeq = reading.fold().seq();
      byte[] fold = Views.bytes(Views.snapshot(reading.fold().snapshot()));
      FrameBuffer data = new FrameBuffer();
      data.put(opening, 0, opening.length);
      data.put("\"snapshot\":");
      data.put(fold, 0, fold.length);
      data.put('}');
      snapshot = Arrays.copyOf(data.bytes(), data.length());
    }
    batch = new Batch(Status.DATA, List.of());
  }

  String turn() {
    return turn.id();
  }

  /** The turn's row when it was first seen. */
  Turn row() {
    return turn;
  }

  /** What the data of each frame begins with: the turn, the session and a comma. */
  byte[] opening() {
    return opening;
  }

  /** Takes what was announced. */
  Status take() {
    taken = true;
    return batch.status();
  }

  /** How the log was doing when this was announced. */
  Condition condition() {
    return condition;
  }

  List<LogBlock> blocks() {
    return batch.blocks();
  }

  /** The turn as it stood at the beginning, once; null if there is none to send. */
  byte @Nullable [] takeSnapshot() {
    byte[] once = snapshot;
    snapshot = null;
    return once;
  }

  long snapshotSeq() {
    return snapshotSeq;
  }

  /** The last event put into a frame. */
  long delivered() {
    return delivered;
  }

  void delivered(long seq) {
    delivered = seq;
  }

  /** What was taken has been written: the pump may fetch more. */
  void written() {
    if (taken) {
      taken = false;
      mayGoOn.release();
    }
  }

  @Override
  public void close() {
    closed = true;
    follower.close();
    mayGoOn.release();
  }
}

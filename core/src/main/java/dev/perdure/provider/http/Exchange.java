package dev.perdure.provider.http;

import static java.util.Objects.requireNonNull;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.IOException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * One request and its answer. One thread sends and reads; {@link #abort()} and the watchdog may end
 * it at any moment from another, upon which the reader fails with an {@link IOException} and {@link
 * #ending()} says why.
 */
final class Exchange {
  private static final Duration REST_OF_BODY_LIMIT = Duration.ofMillis(500);
  private static final int REST_OF_BODY_BYTES = 64 * 1024;

  /** Why an exchange cannot go on. */
  enum Ending {
    NONE,
    ABORTED,
    EXPIRED,
    RELEASED
  }

  /** A deadline that is none. */
  private static final long NEVER = Long.MIN_VALUE;

  private final Transport transport;
  private final Origin origin;

  private volatile long deadline;
  private volatile Ending ending = Ending.NONE;

  @GuardedBy("this")
  private Dialer.@Nullable Dial dial;

  @GuardedBy("this")
  private @Nullable Connection connection;

  private @Nullable Connection open;
  private @Nullable Body body;
  private boolean keepAlive;
  private boolean sent;

  Exchange(Transport transport, Origin origin) {
    this.transport = transport;
    this.origin = origin;
  }

  /**
   * Sends the request and reads the head of its answer.
   *
   * @param answer from the request being sent to the deadline, which stays until {@link
   *     #deadlineIn} moves it
   */
  Head send(byte[] request, Duration connect, Duration answer) throws IOException {
    deadlineIn(connect);
    transport.watchdog.watch(this);
    Connection pooled = transport.take(origin);
    if (pooled != null) {
      attach(pooled);
      try {
        return ask(pooled, request, answer);
      } catch (BadHttpException e) {
        throw e;
      } catch (IOException e) {
        // The server may have closed it just before; it has then not seen the request.
        boolean nothingReceived = pooled.to == 0;
        if (!nothingReceived || ending != Ending.NONE) {
          throw e;
        }
        pooled.abort();
        sent = false;
        deadlineIn(connect);
      }
    }
    return ask(dialled(), request, answer);
  }

  private Head ask(Connection to, byte[] request, Duration answer) throws IOException {
    to.from = 0;
    to.to = 0;
    to.write(request);
    sent = true;
    deadlineIn(answer);
    Head head = Head.read(to);
    open = to;
    body = new Body(to, head);
    keepAlive = head.keepAlive();
    return head;
  }

  private Connection dialled() throws IOException {
    Dialer.Dial attempt = transport.dialer.dial(origin);
    synchronized (this) {
      dial = attempt;
      if (ending != Ending.NONE) {
        attempt.abandon();
      }
    }
    try {
      Connection made = attempt.await();
      attach(made);
      return made;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      abort();
      throw new IOException("Interrupted while connecting", e);
    }
  }

  private void attach(Connection to) throws IOException {
    synchronized (this) {
      dial = null;
      connection = to;
      if (ending == Ending.NONE) {
        return;
      }
    }
    to.abort();
    throw new IOException("Ended while connecting");
  }

  /** Whether the whole request went out. */
  boolean sent() {
    return sent;
  }

  /** The buffer that {@link #available()} counts in, and where in it. */
  Connection connection() {
    return requireNonNull(open, "no answer yet");
  }

  /** Blocks for more of the body: see {@link Body#available()}. */
  int available() throws IOException {
    return requireNonNull(body, "no answer yet").available();
  }

  void consume(int bytes) {
    requireNonNull(body, "no answer yet").consume(bytes);
  }

  /** Moves the deadline, after which the exchange ends as {@code EXPIRED}. */
  void deadlineIn(Duration time) {
    deadlineAt(System.nanoTime() + time.toNanos());
  }

  /** The same, as a time of the monotonic clock. */
  void deadlineAt(long nanos) {
    deadline = nanos == NEVER ? nanos + 1 : nanos;
  }

  /** There is none until it is set again. */
  void noDeadline() {
    deadline = NEVER;
  }

  void expireAt(long now) {
    long at = deadline;
    if (at != NEVER && now - at > 0) {
      end(Ending.EXPIRED);
    }
  }

  void abort() {
    end(Ending.ABORTED);
  }

  Ending ending() {
    return ending;
  }

  /**
   * Gives the connection back when all that matters was read. What may be left of the body is
   * waited for by another thread, for a short time.
   */
  void release() {
    Connection used;
    synchronized (this) {
      used = connection;
      if (ending != Ending.NONE || used == null || body == null) {
        return;
      }
    }
    if (!keepAlive) {
      end(Ending.RELEASED);
    } else if (body.restIsBuffered()) {
      drain(used, body);
    } else {
      deadlineIn(REST_OF_BODY_LIMIT);
      Body rest = body;
      Thread.ofVirtual().name("perdure-drain").start(() -> drain(used, rest));
    }
  }

  private void drain(Connection used, Body rest) {
    try {
      int bytes = 0;
      for (int n = rest.available(); n > 0 && bytes < REST_OF_BODY_BYTES; n = rest.available()) {
        bytes += n;
        rest.consume(n);
      }
    } catch (IOException e) {
      end(Ending.RELEASED);
      return;
    }
    synchronized (this) {
      if (ending != Ending.NONE) {
        return;
      }
      if (rest.ended() && used.from == used.to) {
        ending = Ending.RELEASED;
        connection = null;
      }
    }
    transport.watchdog.forget(this);
    if (ending == Ending.RELEASED) {
      transport.give(used);
    } else {
      end(Ending.RELEASED);
    }
  }

  private void end(Ending why) {
    Dialer.Dial dialling;
    Connection used;
    synchronized (this) {
      if (ending != Ending.NONE) {
        return;
      }
      ending = why;
      dialling = dial;
      used = connection;
    }
    transport.watchdog.forget(this);
    if (dialling != null) {
      dialling.abandon();
    }
    if (used != null) {
      used.abort();
    }
  }
}

package dev.perdure.server.auth;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.perdure.chat.Caller;
import dev.perdure.protocol.ErrorCode;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.InstantSource;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A log line for every access that was refused: no or a bad credential, and an id that is unknown
 * or somebody else's; and for every link that lets others read a session. Of the logger {@code
 * dev.perdure.server.auth.Audit}, so that it can be kept elsewhere and longer. It names who asked
 * for what, never a credential or a query. Thread-safe.
 *
 * <p>Whoever is refused decides how many lines there are, so their number is bounded; what is left
 * out is counted.
 */
public final class Audit {
  private static final Logger LOG = System.getLogger(Audit.class.getName());
  private static final int LINES_PER_SECOND = 100;
  private static final int MAX_PATH_CHARS = 200;

  private final InstantSource clock;
  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private long second;

  @GuardedBy("lock")
  private int lines;

  @GuardedBy("lock")
  private long leftOut;

  public Audit(InstantSource clock) {
    this.clock = clock;
  }

  /**
   * Writes a refusal down.
   *
   * @param caller null if there is no valid credential
   * @param path without the query
   */
  public void refused(
      @Nullable Caller caller, String address, String method, String path, ErrorCode code) {
    if (!mayWrite()) {
      return;
    }
    LOG.log(
        Level.INFO,
        "Refused {0} {1} to {2} from {3}: {4}.",
        shown(method),
        shown(path),
        caller == null ? "nobody known" : shown(caller.tenant() + "/" + caller.owner()),
        shown(address),
        code.wire());
  }

  /**
   * Writes down that a caller has changed who may read something.
   *
   * @param what ids and times, never a token
   */
  public void changed(Caller caller, String address, String what) {
    LOG.log(
        Level.INFO,
        "{0} from {1}: {2}.",
        shown(caller.tenant() + "/" + caller.owner()),
        shown(address),
        what);
  }

  private boolean mayWrite() {
    lock.lock();
    try {
      long now = clock.millis() / 1000;
      if (now != second) {
        if (leftOut > 0) {
          LOG.log(Level.WARNING, "Left out {0} more refusals of one second.", leftOut);
        }
        second = now;
        lines = 0;
        leftOut = 0;
      }
      if (lines < LINES_PER_SECOND) {
        lines++;
        return true;
      }
      leftOut++;
      return false;
    } finally {
      lock.unlock();
    }
  }

  /** What a stranger sent, short and without control characters. */
  private static String shown(String value) {
    String cut = value.length() > MAX_PATH_CHARS ? value.substring(0, MAX_PATH_CHARS) : value;
    return cut.replaceAll("[^\\x21-\\x7e]", "?");
  }
}

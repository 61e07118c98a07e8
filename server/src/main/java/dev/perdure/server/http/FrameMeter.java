package dev.perdure.server.http;

/**
 * Walks the frames of an HTTP/2 connection without understanding them, and says whether they get
 * anywhere. Used by one thread.
 *
 * <pre>
 *   frame = length (3 bytes) type (1) flags (1) stream (4) payload (length bytes)     RFC 9113, 4.1
 * </pre>
 */
final class FrameMeter {
  private static final int HEADER_BYTES = 9;
  private static final int DATA = 0;
  private static final int HEADERS = 1;
  private static final int RST_STREAM = 3;
  private static final int WINDOW_UPDATE = 8;
  private static final int CONTINUATION = 9;
  private static final int END_HEADERS = 4;

  /** Frames that the headers of one request may take; by size a few are enough. */
  private static final int MAX_HEADER_FRAMES = 16;

  /**
   * Frames in a row that carry neither a request nor data nor a reader's progress. A client that
   * only follows a stream and pings every second has a window update now and then.
   */
  private static final int MAX_CONTROL_FRAMES = 10_000;

  /** Bytes before the next frame begins: of the preface, then of payloads. */
  private int skip;

  private int headerBytes;
  private int length;
  private int type;
  private int flags;

  private int headerFrames;
  private int controlFrames;
  private boolean completed;
  private int requests;
  private int resets;

  /**
   * @param preface bytes before the first frame
   */
  FrameMeter(int preface) {
    this.skip = preface;
  }

  /** Takes what has come; false if the connection is to be ended. */
  boolean take(byte[] bytes) {
    completed = false;
    requests = 0;
    resets = 0;
    int at = 0;
    while (at < bytes.length) {
      if (skip > 0) {
        int skipped = Math.min(skip, bytes.length - at);
        skip -= skipped;
        at += skipped;
        completed |= skip == 0;
        continue;
      }
      int value = bytes[at++] & 0xff;
      switch (headerBytes++) {
        case 0 -> length = value << 16;
        case 1 -> length |= value << 8;
        case 2 -> length |= value;
        case 3 -> type = value;
        case 4 -> flags = value;
        default -> {}
      }
      if (headerBytes == HEADER_BYTES) {
        headerBytes = 0;
        skip = length;
        completed |= length == 0;
        if (!allowed()) {
          return false;
        }
      }
    }
    return true;
  }

  private boolean allowed() {
    switch (type) {
      case HEADERS, CONTINUATION -> {
        controlFrames = 0;
        requests += type == HEADERS ? 1 : 0;
        headerFrames = (flags & END_HEADERS) == 0 ? headerFrames + 1 : 0;
      }
      case DATA, WINDOW_UPDATE -> controlFrames = 0;
      case RST_STREAM -> {
        controlFrames++;
        resets++;
      }
      default -> controlFrames++;
    }
    return headerFrames <= MAX_HEADER_FRAMES && controlFrames <= MAX_CONTROL_FRAMES;
  }

  /** How many requests the last bytes have begun. */
  int requests() {
    return requests;
  }

  /** How many requests the last bytes have taken back. */
  int resets() {
    return resets;
  }

  /** Whether something has begun that must be completed: a frame, or the headers of a request. */
  boolean midway() {
    return skip > 0 || headerBytes > 0 || headerFrames > 0;
  }

  /** Whether the last bytes have completed a frame that is not one of a row of headers. */
  boolean completedSome() {
    return completed && headerFrames == 0;
  }
}

package dev.perdure.server.durablestreams;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.http.Text;

/** Offsets of a stream: the sequence number behind which to read, so written that they sort. */
final class Offset {
  /** Before the first event. */
  static final long START = -1;

  private static final int DIGITS = 16;

  private Offset() {}

  static String text(long seq) {
    return seq < 0 ? "-1" : String.format("%0" + DIGITS + "d", seq);
  }

  /**
   * @throws PerdureException INVALID_CURSOR
   */
  static long parse(String text) {
    if (text.equals("-1")) {
      return START;
    }
    if (!text.matches("[0-9]{" + DIGITS + "}")) {
      throw new PerdureException(
          ErrorCode.INVALID_CURSOR,
          "The offset '"
              + Text.shown(text)
              + "' is not one of this stream. Use 'Stream-Next-Offset' of an answer, -1 or now.");
    }
    return Long.parseLong(text);
  }
}

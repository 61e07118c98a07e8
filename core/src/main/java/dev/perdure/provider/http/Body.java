package dev.perdure.provider.http;

import java.io.EOFException;
import java.io.IOException;
import java.util.Locale;

/**
 * Takes the framing off an answer's body: chunked, by length, or until the connection ends. For one
 * thread.
 */
final class Body {
  private static final int MAX_CHUNK_LINE_BYTES = 1024;
  private static final int MAX_CHUNK_DIGITS = 15;
  private static final int MAX_TRAILERS = 100;

  private enum Framing {
    CHUNKED,
    LENGTH,
    CONNECTION
  }

  private final Connection connection;
  private final Framing framing;
  private long remaining;
  private boolean firstChunk = true;
  private boolean ended;

  Body(Connection connection, Head head) throws IOException {
    this.connection = connection;
    String coding = head.headers().getOrDefault("transfer-encoding", "").toLowerCase(Locale.ROOT);
    String length = head.header("content-length");
    if (head.status() == 204 || head.status() == 304) {
      framing = Framing.LENGTH;
    } else if (coding.equals("chunked")) {
      framing = Framing.CHUNKED;
    } else if (!coding.isEmpty() && !coding.equals("identity")) {
      throw new BadHttpException("its transfer coding is neither absent nor chunked");
    } else if (length != null) {
      framing = Framing.LENGTH;
      if (!length.matches("\\d{1," + MAX_CHUNK_DIGITS + "}")) {
        throw new BadHttpException("its Content-Length is not a number");
      }
      remaining = Long.parseLong(length);
    } else {
      framing = Framing.CONNECTION;
    }
    ended = framing == Framing.LENGTH && remaining == 0;
  }

  /**
   * How many bytes of the body are in the connection's buffer from its position on, at least one;
   * -1 at the end. The caller consumes all of them by {@link #consume}.
   *
   * @throws EOFException if the connection ends before the body
   */
  int available() throws IOException {
    if (ended) {
      return -1;
    }
    if (framing == Framing.CHUNKED && remaining == 0) {
      nextChunk();
      if (ended) {
        return -1;
      }
    }
    if (connection.from == connection.to && !connection.fill()) {
      if (framing == Framing.CONNECTION) {
        ended = true;
        return -1;
      }
      throw new EOFException("The connection ended inside the body");
    }
    int buffered = connection.to - connection.from;
    return framing == Framing.CONNECTION ? buffered : (int) Math.min(buffered, remaining);
  }

  void consume(int bytes) {
    connection.from += bytes;
    if (framing != Framing.CONNECTION) {
      remaining -= bytes;
      ended = framing == Framing.LENGTH && remaining == 0;
    }
  }

  /** Whether the end was reached, so that the connection can be used again. */
  boolean ended() {
    return ended && framing != Framing.CONNECTION;
  }

  /** Whether the rest of the body, if any, can be read without waiting for the peer. */
  boolean restIsBuffered() {
    if (ended || framing != Framing.CHUNKED || remaining > 0) {
      return ended;
    }
    // CR LF of the last chunk, then "0" CR LF CR LF.
    return connection.to - connection.from >= 7;
  }

  private void nextChunk() throws IOException {
    if (!firstChunk && !connection.line(MAX_CHUNK_LINE_BYTES).isEmpty()) {
      throw new BadHttpException("a chunk is longer than it said");
    }
    firstChunk = false;
    String line = connection.line(MAX_CHUNK_LINE_BYTES);
    remaining = size(line);
    if (remaining == 0) {
      for (int i = 0; !connection.line(MAX_CHUNK_LINE_BYTES).isEmpty(); i++) {
        if (i == MAX_TRAILERS) {
          throw new BadHttpException("it has too many trailers");
        }
      }
      ended = true;
    }
  }

  /** The hexadecimal number that a chunk's line begins with; extensions are ignored. */
  private static long size(String line) throws BadHttpException {
    long size = 0;
    int i = 0;
    for (; i < line.length(); i++) {
      int digit = Character.digit(line.charAt(i), 16);
      if (digit < 0) {
        break;
      }
      size = (size << 4) | digit;
      if (i >= MAX_CHUNK_DIGITS) {
        throw new BadHttpException("a chunk is absurdly long");
      }
    }
    if (i == 0 || (i < line.length() && ";\t ".indexOf(line.charAt(i)) < 0)) {
      throw new BadHttpException("a chunk has no size");
    }
    return size;
  }
}

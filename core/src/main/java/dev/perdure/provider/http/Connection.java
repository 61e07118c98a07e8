package dev.perdure.provider.http;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import javax.net.ssl.SSLSocket;

/**
 * A socket with a small read buffer. One exchange uses it at a time, from one thread; {@link
 * #abort()} may be called by any.
 */
final class Connection {
  /** Some hundred chunks; a stream keeps it as long as it lives. */
  private static final int BUFFER_BYTES = 8 * 1024;

  final Origin origin;
  private final Socket raw;
  private final boolean tls;
  private final InputStream in;
  private final OutputStream out;

  /** Read but not yet consumed are the bytes from {@link #from} to {@link #to}. */
  final byte[] buffer = new byte[BUFFER_BYTES];

  int from;
  int to;

  /** When it was put into the pool, by the nano clock. */
  long idleSince;

  /**
   * @param raw the TCP socket; closing it is what ends everything at once, where closing a TLS
   *     socket may wait for the peer
   * @param socket the same, or TLS over it
   */
  Connection(Origin origin, Socket raw, Socket socket) throws IOException {
    this.origin = origin;
    this.raw = raw;
    this.tls = socket instanceof SSLSocket;
    this.in = socket.getInputStream();
    this.out = socket.getOutputStream();
  }

  /** Whether nothing came that nobody asked for. Over TLS that can be its own business. */
  boolean quiet() {
    try {
      return tls || in.available() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  void write(byte[] bytes) throws IOException {
    out.write(bytes);
    out.flush();
  }

  /** Reads once into the empty buffer; false at the end of the stream. */
  boolean fill() throws IOException {
    int read = in.read(buffer, 0, buffer.length);
    from = 0;
    to = Math.max(read, 0);
    return read > 0;
  }

  /** The next line without its end, as Latin-1. */
  String line(int maxBytes) throws IOException {
    byte[] line = new byte[Math.min(128, maxBytes)];
    int length = 0;
    while (true) {
      if (from == to && !fill()) {
        throw new EOFException("The connection ended inside a line");
      }
      byte b = buffer[from++];
      if (b == '\n') {
        break;
      }
      if (length == maxBytes) {
        throw new BadHttpException("a line of the answer is longer than " + maxBytes + " bytes");
      }
      if (length == line.length) {
        line = Arrays.copyOf(line, Math.min(length * 2, maxBytes));
      }
      line[length++] = b;
    }
    if (length > 0 && line[length - 1] == '\r') {
      length--;
    }
    return new String(line, 0, length, StandardCharsets.ISO_8859_1);
  }

  /** Cuts it; whoever reads or writes fails at once. */
  void abort() {
    try {
      raw.close();
    } catch (IOException e) {
      // It is gone either way.
    }
  }
}

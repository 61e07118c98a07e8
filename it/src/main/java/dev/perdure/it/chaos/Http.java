package dev.perdure.it.chaos;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One request over a socket of its own: the client sees whether an answer was whole, broken off or
 * never came, which libraries like to hide. For one thread; others may {@link #cut} it.
 */
final class Http implements AutoCloseable {
  private static final int CONNECT_MILLIS = 2_000;

  private final Socket socket = new Socket();
  private final InputStream in;
  private int status;
  private final Map<String, String> headers = new HashMap<>();

  /**
   * Connects.
   *
   * @param receiveBytes of the socket's buffer; 0 for the system's choice
   */
  Http(int port, int timeoutMillis, int receiveBytes) throws IOException {
    try {
      if (receiveBytes > 0) {
        socket.setReceiveBufferSize(receiveBytes);
      }
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), CONNECT_MILLIS);
      socket.setTcpNoDelay(true);
      socket.setSoTimeout(timeoutMillis);
      in = new BufferedInputStream(socket.getInputStream(), receiveBytes > 0 ? 256 : 8192);
    } catch (IOException e) {
      socket.close();
      throw e;
    }
  }

  /** A whole answer. */
  record Answer(int status, String body) {}

  /** Sends a request and reads its whole answer. */
  static Answer call(
      int port,
      int timeoutMillis,
      String method,
      String path,
      @Nullable String body,
      String... head)
      throws IOException {
    try (Http http = new Http(port, timeoutMillis, 0)) {
      http.send(method, path, body, head);
      byte[] bytes = http.body().readAllBytes();
      return new Answer(http.status, new String(bytes, StandardCharsets.UTF_8));
    }
  }

  /** Sends the request and reads the head of the answer; returns its status. */
  int send(String method, String path, @Nullable String body, String... head) throws IOException {
    ask(method, path, body, head);
    return answered();
  }

  /** Begins a request that never ends. */
  void askHalf(String path) throws IOException {
    String start = "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: ";
    socket.getOutputStream().write(start.getBytes(StandardCharsets.ISO_8859_1));
  }

  /** Sends the request and reads nothing. */
  void ask(String method, String path, @Nullable String body, String... head) throws IOException {
    byte[] content = (body == null ? "" : body).getBytes(StandardCharsets.UTF_8);
    StringBuilder request = new StringBuilder();
    request.append(method).append(' ').append(path).append(" HTTP/1.1\r\nHost: 127.0.0.1\r\n");
    request.append("Connection: close\r\n");
    for (int i = 0; i < head.length; i += 2) {
      request.append(head[i]).append(": ").append(head[i + 1]).append("\r\n");
    }
    if (body != null) {
      request.append("Content-Type: application/json\r\n");
      request.append("Content-Length: ").append(content.length).append("\r\n");
    }
    byte[] start = request.append("\r\n").toString().getBytes(StandardCharsets.ISO_8859_1);
    byte[] all = new byte[start.length + content.length];
    System.arraycopy(start, 0, all, 0, start.length);
    System.arraycopy(content, 0, all, start.length, content.length);
    socket.getOutputStream().write(all);
  }

  private int answered() throws IOException {
    String[] words = line().split(" ", 3);
    status = Integer.parseInt(words[1]);
    for (String line = line(); !line.isEmpty(); line = line()) {
      int colon = line.indexOf(':');
      headers.put(
          line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).strip());
    }
    return status;
  }

  /** The body; its end is an end in order, anything else an exception. */
  InputStream body() {
    if (headers.getOrDefault("transfer-encoding", "").equalsIgnoreCase("chunked")) {
      return new Chunked();
    }
    if (status == 204) {
      return InputStream.nullInputStream();
    }
    return new Counted(Long.parseLong(headers.getOrDefault("content-length", "0")));
  }

  /** Ends it as a broken network does. */
  void cut() {
    try {
      socket.setSoLinger(true, 0);
      socket.close();
    } catch (IOException e) {
      // Gone already.
    }
  }

  @Override
  public void close() {
    try {
      socket.close();
    } catch (IOException e) {
      // Gone already.
    }
  }

  private String line() throws IOException {
    StringBuilder line = new StringBuilder();
    for (int b = in.read(); b != '\n'; b = in.read()) {
      if (b < 0) {
        throw new EOFException("The connection ended in the middle of an answer");
      }
      line.append((char) b);
    }
    int end = line.length();
    return line.substring(0, end > 0 && line.charAt(end - 1) == '\r' ? end - 1 : end);
  }

  /** A body of known length. */
  private final class Counted extends InputStream {
    private long left;

    Counted(long length) {
      left = length;
    }

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] into, int from, int length) throws IOException {
      if (left == 0) {
        return -1;
      }
      int n = in.read(into, from, (int) Math.min(length, left));
      if (n < 0) {
        throw new EOFException("The connection ended in the middle of a body");
      }
      left -= n;
      return n;
    }
  }

  /** A body in chunks. */
  private final class Chunked extends InputStream {
    private long left;
    private boolean ended;

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] into, int from, int length) throws IOException {
      if (left == 0 && !ended) {
        left = Long.parseLong(line().split(";", 2)[0].strip(), 16);
        if (left == 0) {
          ended = true;
          line();
        }
      }
      if (ended) {
        return -1;
      }
      int n = in.read(into, from, (int) Math.min(length, left));
      if (n < 0) {
        throw new EOFException("The connection ended in the middle of a chunk");
      }
      left -= n;
      if (left == 0) {
        line();
      }
      return n;
    }
  }
}

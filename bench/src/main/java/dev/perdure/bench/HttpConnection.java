package dev.perdure.bench;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * One kept-alive HTTP/1.1 connection, one request at a time: just what the servers under test send,
 * which is bodies with a length or in chunks. Belongs to the thread of its {@link ClientLoop}.
 */
final class HttpConnection {
  private static final int LINE_BYTES = 16 * 1024;

  /** Takes one response. */
  interface Response {
    /** A part of the body has come; the bytes are valid during the call only. */
    void body(int status, byte[] bytes, int from, int to, long nowMicros);

    /** The response is whole; the connection may be used again. */
    void end(int status);

    /** There will be no more of it. */
    void failed(String why);
  }

  /** What comes next on the wire. */
  private enum State {
    STATUS_LINE,
    HEADERS,
    SIZED_BODY,
    CHUNK_SIZE,
    CHUNK,
    CHUNK_END,
    TRAILERS
  }

  private final SocketChannel channel;
  private final InetSocketAddress address;
  private final byte[] line = new byte[LINE_BYTES];
  private int lineLength;
  private State state = State.STATUS_LINE;
  private int status;
  private long left;
  private boolean chunked;
  private boolean closing;
  private @Nullable SelectionKey key;
  private @Nullable ByteBuffer output;
  private @Nullable Response response;

  HttpConnection(SocketChannel channel, InetSocketAddress address) {
    this.channel = channel;
    this.address = address;
  }

  void register(Selector selector) throws ClosedChannelException {
    key = channel.register(selector, SelectionKey.OP_CONNECT, this);
  }

  boolean open() {
    return channel.isOpen();
  }

  void send(String method, String path, String headers, byte @Nullable [] body, Response response) {
    if (this.response != null) {
      throw new IllegalStateException("A request is under way on this connection");
    }
    this.response = response;
    ByteArrayOutputStream request = new ByteArrayOutputStream(512);
    String head =
        method
            + " "
            + path
            + " HTTP/1.1\r\nHost: "
            + address.getHostString()
            + ":"
            + address.getPort()
            + "\r\n"
            + headers
            + (body == null
                ? ""
                : "Content-Type: application/json\r\nContent-Length: " + body.length + "\r\n")
            + "\r\n";
    request.writeBytes(head.getBytes(StandardCharsets.US_ASCII));
    if (body != null) {
      request.writeBytes(body);
    }
    output = ByteBuffer.wrap(request.toByteArray());
    if (channel.isConnected()) {
      try {
        flush();
      } catch (IOException e) {
        fail(e.toString());
      }
    }
  }

  void finishConnect() throws IOException {
    channel.finishConnect();
    flush();
  }

  void flush() throws IOException {
    boolean more = false;
    if (output != null) {
      channel.write(output);
      more = output.hasRemaining();
      if (!more) {
        output = null;
      }
    }
    if (key != null) {
      key.interestOps(SelectionKey.OP_READ | (more ? SelectionKey.OP_WRITE : 0));
    }
  }

  int read(ByteBuffer into) throws IOException {
    return channel.read(into);
  }

  void endOfInput() {
    fail("the server closed the connection");
  }

  void fail(String why) {
    close();
    Response current = response;
    response = null;
    if (current != null) {
      current.failed(why);
    }
  }

  void close() {
    try {
      channel.close();
    } catch (IOException e) {
      // It is of no more use in any case.
    }
  }

  void take(byte[] bytes, int count, long nowMicros) throws IOException {
    int at = 0;
    while (at < count) {
      switch (state) {
        case SIZED_BODY, CHUNK -> {
          int part = (int) Math.min(left, count - at);
          if (response != null) {
            response.body(status, bytes, at, at + part, nowMicros);
          }
          at += part;
          left -= part;
          if (left == 0) {
            afterData();
          }
        }
        case STATUS_LINE, HEADERS, CHUNK_SIZE, CHUNK_END, TRAILERS -> {
          byte b = bytes[at++];
          if (b == '\n') {
            int length =
                lineLength > 0 && line[lineLength - 1] == '\r' ? lineLength - 1 : lineLength;
            lineLength = 0;
            line(length);
          } else if (lineLength == LINE_BYTES) {
            throw new IOException("A line of the response is longer than " + LINE_BYTES);
          } else {
            line[lineLength++] = b;
          }
        }
      }
    }
  }

  private void afterData() {
    if (state == State.CHUNK) {
      state = State.CHUNK_END;
    } else {
      finish();
    }
  }

  private void line(int length) throws IOException {
    switch (state) {
      case STATUS_LINE -> {
        String text = text(length);
        if (!text.startsWith("HTTP/1.1 ") || text.length() < 12) {
          throw new IOException("Not a status line: " + text);
        }
        status = Integer.parseInt(text.substring(9, 12));
        chunked = false;
        closing = false;
        left = 0;
        state = State.HEADERS;
      }
      case HEADERS -> header(text(length));
      case CHUNK_SIZE -> {
        String text = text(length);
        int extension = text.indexOf(';');
        left = Long.parseLong(extension < 0 ? text : text.substring(0, extension), 16);
        state = left == 0 ? State.TRAILERS : State.CHUNK;
      }
      case CHUNK_END -> state = State.CHUNK_SIZE;
      case TRAILERS -> {
        if (length == 0) {
          finish();
        }
      }
      case SIZED_BODY, CHUNK -> throw new IllegalStateException("No line is expected in a body");
    }
  }

  private void header(String text) {
    if (!text.isEmpty()) {
      String lower = text.toLowerCase(Locale.ROOT);
      if (lower.startsWith("content-length:")) {
        left = Long.parseLong(lower.substring(15).strip());
      } else if (lower.startsWith("transfer-encoding:")) {
        chunked = lower.endsWith("chunked");
      } else if (lower.startsWith("connection:")) {
        closing = lower.endsWith("close");
      }
    } else if (chunked) {
      state = State.CHUNK_SIZE;
    } else if (left > 0) {
      state = State.SIZED_BODY;
    } else {
      finish();
    }
  }

  private void finish() {
    state = State.STATUS_LINE;
    if (closing) {
      close();
    }
    Response current = response;
    response = null;
    if (current != null) {
      current.end(status);
    }
  }

  private String text(int length) {
    return new String(line, 0, length, StandardCharsets.US_ASCII);
  }
}

package dev.perdure.server.http;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Bytes of an event stream or a WebSocket that go out in one write. Used by one thread.
 *
 * <pre>
 *   frame    = [ "event: " NAME LF ] [ "id: " ID LF ] [ "data: " JSON LF ] LF
 *
 *   without an id: what is only true for the moment, and comes in no log
 * </pre>
 *
 * <p>JSON has no raw CR or LF, ids are numbers or cursors of {@code [0-9a-z~_.-]}, names are
 * constants: so nothing that a caller or a provider wrote can end a line or a frame.
 */
public final class FrameBuffer implements Projection.Out {
  private static final byte[] ID = ascii("id: ");
  private static final byte[] EVENT = ascii("event: ");
  private static final byte[] DATA = ascii("data: ");

  /** A buffer that had to grow beyond this, in bytes, is not kept. */
  private static final int KEPT_BYTES = 64 * 1024;

  private static final int INITIAL_BYTES = 1024;

  private byte[] bytes = new byte[INITIAL_BYTES];
  private int length;
  private int events;

  static byte[] ascii(String text) {
    return text.getBytes(StandardCharsets.US_ASCII);
  }

  /** A frame of the default type, whose id is the sequence number. */
  void event(long seq, byte[] payload, int from, int to) {
    put(ID);
    put(Long.toString(seq));
    put('\n');
    put(DATA);
    put(payload, from, to);
    put('\n');
    put('\n');
    events++;
  }

  /** A frame without name and id. */
  @Override
  public void data(byte[] data) {
    put(DATA);
    put(data);
    close();
  }

  /** A frame with a name, for those that are not events of a log. */
  void named(String name, String id, byte[] data) {
    put(EVENT);
    put(name);
    put('\n');
    open(id);
    put(data, 0, data.length);
    close();
  }

  /** A frame with a name and no id, so that clients keep the cursor that they have. */
  @Override
  public void passing(String name, byte[] data) {
    put(EVENT);
    put(name);
    put('\n');
    put(DATA);
    put(data, 0, data.length);
    put('\n');
    put('\n');
  }

  /** Begins a frame of the default type; the data follows, then {@link #close}. */
  void open(String id) {
    put(ID);
    put(id);
    put('\n');
    put(DATA);
  }

  /** Ends the frame. */
  void close() {
    put('\n');
    put('\n');
    events++;
  }

  /** A frame without data: clients take the id and dispatch nothing. */
  void idOnly(String id) {
    put(ID);
    put(id);
    put('\n');
    put('\n');
  }

  /** A comment, which clients ignore. */
  void comment() {
    put(':');
    put('\n');
    put('\n');
  }

  /** A frame of a WebSocket: a whole text message, as a server sends it. */
  void message(byte[] text) {
    int size = text.length;
    put((char) 0x81);
    if (size < 126) {
      put((char) size);
    } else {
      boolean wide = size > 0xffff;
      put((char) (wide ? 127 : 126));
      for (int shift = wide ? 56 : 8; shift >= 0; shift -= 8) {
        put((char) ((long) size >>> shift & 0xff));
      }
    }
    put(text);
    events++;
  }

  /** A frame of a WebSocket that asks for a sign of life. */
  void ping() {
    put((char) 0x89);
    put((char) 0);
  }

  /** Tells clients after how long to reconnect. */
  void retry(long millis) {
    put("retry: ");
    put(Long.toString(millis));
    put('\n');
    put('\n');
  }

  /** ASCII only. */
  void put(String text) {
    ensure(text.length());
    for (int i = 0; i < text.length(); i++) {
      bytes[length++] = (byte) text.charAt(i);
    }
  }

  void put(byte[] source, int from, int to) {
    ensure(to - from);
    System.arraycopy(source, from, bytes, length, to - from);
    length += to - from;
  }

  void put(char c) {
    ensure(1);
    bytes[length++] = (byte) c;
  }

  private void put(byte[] source) {
    put(source, 0, source.length);
  }

  private void ensure(int more) {
    if (bytes.length - length < more) {
      bytes = Arrays.copyOf(bytes, Math.max(Math.addExact(length, more), bytes.length * 2));
    }
  }

  public byte[] bytes() {
    return bytes;
  }

  public int length() {
    return length;
  }

  /** Frames with data since the last {@link #clear}. */
  int events() {
    return events;
  }

  boolean isEmpty() {
    return length == 0;
  }

  public void clear() {
    length = 0;
    events = 0;
    if (bytes.length > KEPT_BYTES) {
      bytes = new byte[INITIAL_BYTES];
    }
  }
}

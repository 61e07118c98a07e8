package dev.perdure.provider.http;

import dev.perdure.provider.ProviderException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Server-sent events, byte by byte: lines end with LF, CR or CR LF wherever the input is cut, a
 * leading byte order mark is dropped, a frame counts from its blank line on, and what is unfinished
 * at the end is never dispatched. {@code id} and {@code retry} are of no use here and are ignored.
 * For one thread.
 *
 * <p>The grammar is that of the HTML standard, section "Server-sent events".
 */
public final class SseParser {
  /** A whole reply may come in the last event of a stream. */
  public static final int MAX_EVENT_BYTES = 16 * 1024 * 1024;

  private static final int INITIAL_BYTES = 1024;

  /** A buffer that grew beyond this for one event is not kept. */
  private static final int KEEP_BYTES = 64 * 1024;

  private static final byte[] DATA = "data".getBytes(StandardCharsets.US_ASCII);
  private static final byte[] EVENT = "event".getBytes(StandardCharsets.US_ASCII);

  /** Receives the events. */
  @FunctionalInterface
  public interface Sink {
    /**
     * @param name null where the event has none
     * @param data valid during the call only
     */
    void event(@Nullable String name, byte[] data, int length)
        throws IOException, ProviderException;
  }

  private final Sink sink;
  private final int maxBytes;

  /** The beginning of a line whose end has not come. */
  private byte[] line = new byte[INITIAL_BYTES];

  private int lineLength;

  private byte[] data = new byte[INITIAL_BYTES];
  private int dataLength;
  private boolean hasData;

  private @Nullable String name;

  /** Events of a stream have few names, one after the other. */
  private String lastName = "";

  private boolean skipLineFeed;
  private boolean firstLine = true;

  public SseParser(Sink sink) {
    this(sink, MAX_EVENT_BYTES);
  }

  /**
   * @param maxBytes of a line and of an event's data
   */
  public SseParser(Sink sink, int maxBytes) {
    this.sink = sink;
    this.maxBytes = maxBytes;
  }

  /**
   * Takes the next bytes of the stream and tells the sink about each event that they complete.
   *
   * @throws ProviderException {@code MALFORMED} beyond the limits; whatever the sink throws
   */
  public void feed(byte[] bytes, int from, int to) throws IOException, ProviderException {
    int start = from;
    if (skipLineFeed && start < to) {
      skipLineFeed = false;
      if (bytes[start] == '\n') {
        start++;
      }
    }
    for (int i = start; i < to; i++) {
      byte b = bytes[i];
      if (b != '\n' && b != '\r') {
        continue;
      }
      endOfLine(bytes, start, i);
      if (b == '\r') {
        if (i + 1 == to) {
          skipLineFeed = true;
        } else if (bytes[i + 1] == '\n') {
          i++;
        }
      }
      start = i + 1;
    }
    keep(bytes, start, to);
  }

  private void endOfLine(byte[] bytes, int start, int end) throws IOException, ProviderException {
    if (lineLength == 0) {
      field(bytes, start, end);
    } else {
      keep(bytes, start, end);
      field(line, 0, lineLength);
      lineLength = 0;
      if (line.length > KEEP_BYTES) {
        line = new byte[INITIAL_BYTES];
      }
    }
  }

  private void keep(byte[] bytes, int start, int end) throws ProviderException {
    if (start < end) {
      line = append(line, lineLength, bytes, start, end);
      lineLength += end - start;
    }
  }

  private void field(byte[] bytes, int start, int end) throws IOException, ProviderException {
    int from = firstLine ? afterByteOrderMark(bytes, start, end) : start;
    firstLine = false;
    if (from == end) {
      dispatch();
      return;
    }
    int colon = from;
    while (colon < end && bytes[colon] != ':') {
      colon++;
    }
    int value = Math.min(colon + 1, end);
    if (value < end && bytes[value] == ' ') {
      value++;
    }
    if (Arrays.equals(bytes, from, colon, DATA, 0, DATA.length)) {
      addData(bytes, value, end);
    } else if (Arrays.equals(bytes, from, colon, EVENT, 0, EVENT.length)) {
      setName(bytes, value, end);
    }
  }

  private void addData(byte[] bytes, int start, int end) throws ProviderException {
    if (hasData) {
      data = append(data, dataLength, new byte[] {'\n'}, 0, 1);
      dataLength++;
    }
    hasData = true;
    data = append(data, dataLength, bytes, start, end);
    dataLength += end - start;
  }

  private void setName(byte[] bytes, int start, int end) {
    String given = lastName;
    boolean same = given.length() == end - start;
    for (int i = 0; same && i < given.length(); i++) {
      same = given.charAt(i) == (char) bytes[start + i];
    }
    if (!same) {
      given = new String(bytes, start, end - start, StandardCharsets.UTF_8);
      lastName = given;
    }
    name = given.isEmpty() ? null : given;
  }

  private void dispatch() throws IOException, ProviderException {
    String eventName = name;
    int length = dataLength;
    boolean wanted = hasData;
    name = null;
    dataLength = 0;
    hasData = false;
    if (wanted) {
      sink.event(eventName, data, length);
      if (data.length > KEEP_BYTES) {
        data = new byte[INITIAL_BYTES];
      }
    }
  }

  private byte[] append(byte[] to, int length, byte[] bytes, int start, int end)
      throws ProviderException {
    long needed = (long) length + end - start;
    if (needed > maxBytes) {
      throw new ProviderException(
          ProviderException.Kind.MALFORMED,
          "The provider sent an event of more than " + maxBytes + " bytes.");
    }
    byte[] room =
        needed <= to.length
            ? to
            : Arrays.copyOf(to, (int) Math.min(maxBytes, Math.max(needed, 2L * to.length)));
    System.arraycopy(bytes, start, room, length, end - start);
    return room;
  }

  private static int afterByteOrderMark(byte[] bytes, int start, int end) {
    boolean mark =
        end - start >= 3
            && bytes[start] == (byte) 0xEF
            && bytes[start + 1] == (byte) 0xBB
            && bytes[start + 2] == (byte) 0xBF;
    return mark ? start + 3 : start;
  }
}

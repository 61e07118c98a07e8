package dev.perdure.protocol;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.Arrays;

/**
 * A growing array of bytes to write JSON into, without a tree, a generator or a copy between: the
 * token path encodes every event with it. Strings are escaped as RFC 8259 asks and encoded as
 * UTF-8; half a surrogate pair is escaped, so that no text is lost. Not thread-safe.
 */
public final class LineBuffer {
  private static final int FIRST_BYTES = 1_024;

  /** A buffer that has grown beyond this is given up after a burst. */
  private static final int KEPT_BYTES = 16 * 1_024;

  /** Characters of a string for which room is made at a time. */
  private static final int SLICE = 256;

  /** An escape such as a backslash, u and four digits. */
  private static final long MOST_BYTES_PER_CHAR = 6;

  private static final byte[] HEX = "0123456789abcdef".getBytes(ISO_8859_1);

  private byte[] bytes = new byte[FIRST_BYTES];
  private int length;

  /** The number of bytes written. */
  public int length() {
    return length;
  }

  /** The array that is written to, valid until the next write; its length is its capacity. */
  public byte[] array() {
    return bytes;
  }

  /** A copy of what was written; the buffer is empty afterwards. */
  public byte[] take() {
    byte[] out = Arrays.copyOf(bytes, length);
    length = 0;
    if (bytes.length > KEPT_BYTES) {
      bytes = new byte[FIRST_BYTES];
    }
    return out;
  }

  /** One byte as it is. */
  public LineBuffer raw(char ascii) {
    room(1);
    bytes[length++] = (byte) ascii;
    return this;
  }

  /** Characters below 256 as they are, one byte each. */
  @SuppressWarnings("deprecation") // String.getBytes(int, int, byte[], int) is what is meant here.
  public LineBuffer raw(String ascii) {
    int count = ascii.length();
    room(count);
    ascii.getBytes(0, count, bytes, length);
    length += count;
    return this;
  }

  /** A JSON value as it is: compact, with whole characters only. */
  public LineBuffer json(String compact) {
    return json(compact.getBytes(UTF_8));
  }

  /** The same in UTF-8. */
  public LineBuffer json(byte[] utf8) {
    room(utf8.length);
    System.arraycopy(utf8, 0, bytes, length, utf8.length);
    length += utf8.length;
    return this;
  }

  /** A decimal number. */
  public LineBuffer number(long value) {
    if (value < 0) {
      return raw(Long.toString(value));
    }
    int digits = 1;
    for (long rest = value; rest >= 10; rest /= 10) {
      digits++;
    }
    room(digits);
    int at = length + digits;
    length = at;
    long rest = value;
    do {
      bytes[--at] = (byte) ('0' + rest % 10);
      rest /= 10;
    } while (rest > 0);
    return this;
  }

  /** A JSON string with its quotes. */
  public LineBuffer quoted(String text) {
    int count = text.length();
    int roomUntil = 0;
    raw('"');
    for (int i = 0; i < count; i++) {
      if (i >= roomUntil) {
        roomUntil = i + Math.min(SLICE, count - i);
        // One more, as a pair of surrogates may reach over the end of the slice.
        room(MOST_BYTES_PER_CHAR * (roomUntil - i + 1));
      }
      char c = text.charAt(i);
      if (c < 0x80) {
        ascii(c);
      } else if (c < 0x800) {
        bytes[length++] = (byte) (0xC0 | (c >> 6));
        bytes[length++] = (byte) (0x80 | (c & 0x3F));
      } else if (!Character.isSurrogate(c)) {
        bytes[length++] = (byte) (0xE0 | (c >> 12));
        bytes[length++] = (byte) (0x80 | ((c >> 6) & 0x3F));
        bytes[length++] = (byte) (0x80 | (c & 0x3F));
      } else if (Character.isHighSurrogate(c)
          && i + 1 < count
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        int point = Character.toCodePoint(c, text.charAt(++i));
        bytes[length++] = (byte) (0xF0 | (point >> 18));
        bytes[length++] = (byte) (0x80 | ((point >> 12) & 0x3F));
        bytes[length++] = (byte) (0x80 | ((point >> 6) & 0x3F));
        bytes[length++] = (byte) (0x80 | (point & 0x3F));
      } else {
        unicodeEscape(c);
      }
    }
    return raw('"');
  }

  private void ascii(char c) {
    switch (c) {
      case '"' -> escape('"');
      case '\\' -> escape('\\');
      case '\n' -> escape('n');
      case '\r' -> escape('r');
      case '\t' -> escape('t');
      default -> {
        if (c < 0x20) {
          unicodeEscape(c);
        } else {
          bytes[length++] = (byte) c;
        }
      }
    }
  }

  private void escape(char letter) {
    bytes[length++] = '\\';
    bytes[length++] = (byte) letter;
  }

  private void unicodeEscape(char c) {
    escape('u');
    for (int shift = 12; shift >= 0; shift -= 4) {
      bytes[length++] = HEX[(c >> shift) & 15];
    }
  }

  private void room(long more) {
    long needed = length + more;
    if (needed > bytes.length) {
      if (needed > Integer.MAX_VALUE - 16) {
        throw new IllegalStateException("An event is too large: " + needed + " bytes");
      }
      bytes = Arrays.copyOf(bytes, (int) Math.max(needed, Math.min(2L * bytes.length, 1 << 30)));
    }
  }
}

package dev.perdure.server.config;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A number of bytes, written {@code 512B}, {@code 64KiB}, {@code 1MiB} or {@code 2GiB}. */
public record ByteSize(long bytes) implements Comparable<ByteSize> {
  private static final Pattern FORM = Pattern.compile("(\\d{1,12})(B|KiB|MiB|GiB)");
  private static final int STEP = 1024;

  public ByteSize {
    if (bytes < 0) {
      throw new IllegalArgumentException("bytes is negative: " + bytes);
    }
  }

  /** Reads what {@link #toString} writes; throws IllegalArgumentException for anything else. */
  public static ByteSize parse(String text) {
    Matcher form = FORM.matcher(text);
    if (!form.matches()) {
      throw new IllegalArgumentException("not a size such as 64KiB");
    }
    long factor =
        switch (form.group(2)) {
          case "KiB" -> STEP;
          case "MiB" -> (long) STEP * STEP;
          case "GiB" -> (long) STEP * STEP * STEP;
          default -> 1;
        };
    return new ByteSize(Math.multiplyExact(Long.parseLong(form.group(1)), factor));
  }

  /** As an int, for buffers. */
  public int toInt() {
    return Math.toIntExact(bytes);
  }

  @Override
  public int compareTo(ByteSize other) {
    return Long.compare(bytes, other.bytes);
  }

  @Override
  public String toString() {
    String[] units = {"B", "KiB", "MiB", "GiB"};
    long value = bytes;
    int unit = 0;
    while (unit < units.length - 1 && value > 0 && value % STEP == 0) {
      value /= STEP;
      unit++;
    }
    return value + units[unit];
  }
}

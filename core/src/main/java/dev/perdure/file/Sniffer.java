package dev.perdure.file;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.util.Locale;
import java.util.Set;

/**
 * Tells what a file is by its content: an image or a PDF by its first bytes, a text by being UTF-8
 * without control characters to its end. What it is said to be counts only among the kinds of text,
 * which look alike. For one thread.
 *
 * <p>The signatures are those of the WHATWG MIME Sniffing Standard (mimesniff.spec.whatwg.org).
 */
final class Sniffer {
  private static final String TEXT = "text/plain";

  static final Set<String> TEXTS = Set.of(TEXT, "text/markdown", "text/csv", "application/json");

  private final String mediaType;
  private final CharsetDecoder decoder = UTF_8.newDecoder();

  /** The bytes of a character whose others are still to come. */
  private ByteBuffer rest = ByteBuffer.allocate(0);

  private Sniffer(String mediaType) {
    this.mediaType = mediaType;
  }

  /**
   * Begins with the first bytes, at least 16 unless the file is shorter.
   *
   * @param claimed the Content-Type that it came with
   */
  static Sniffer of(byte[] first, String claimed) {
    String head = new String(first, 0, Math.min(first.length, 16), ISO_8859_1);
    if (head.startsWith("\u0089PNG\r\n\u001a\n")) {
      return new Sniffer("image/png");
    }
    if (head.startsWith("\u00ff\u00d8\u00ff")) {
      return new Sniffer("image/jpeg");
    }
    if (head.startsWith("GIF87a") || head.startsWith("GIF89a")) {
      return new Sniffer("image/gif");
    }
    if (head.startsWith("RIFF") && head.startsWith("WEBP", 8)) {
      return new Sniffer("image/webp");
    }
    if (head.startsWith("%PDF-")) {
      return new Sniffer("application/pdf");
    }
    String essence = claimed.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
    return new Sniffer(TEXTS.contains(essence) ? essence : TEXT);
  }

  String mediaType() {
    return mediaType;
  }

  private boolean isText() {
    return TEXTS.contains(mediaType);
  }

  /**
   * Looks at the next bytes, the first ones included.
   *
   * @throws PerdureException UNSUPPORTED_MEDIA_TYPE if they are of no kind that is taken
   */
  void check(byte[] bytes) {
    if (!isText()) {
      return;
    }
    ByteBuffer in = ByteBuffer.allocate(rest.remaining() + bytes.length).put(rest).put(bytes);
    in.flip();
    CharBuffer out = CharBuffer.allocate(in.remaining() + 1);
    CoderResult result = decoder.decode(in, out, false);
    if (result.isError()) {
      throw unknown();
    }
    out.flip();
    for (int i = 0; i < out.length(); i++) {
      char c = out.charAt(i);
      if ((c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f') || c == 0x7f) {
        throw unknown();
      }
    }
    rest = in.slice();
  }

  /**
   * No more bytes come.
   *
   * @throws PerdureException UNSUPPORTED_MEDIA_TYPE if a character was cut
   */
  void end() {
    if (isText() && rest.hasRemaining()) {
      throw unknown();
    }
  }

  private static PerdureException unknown() {
    return new PerdureException(
        ErrorCode.UNSUPPORTED_MEDIA_TYPE,
        "The file is no PNG, JPEG, GIF, WebP or PDF, and no text in UTF-8. Send one of these; what"
            + " it is called does not matter.");
  }
}

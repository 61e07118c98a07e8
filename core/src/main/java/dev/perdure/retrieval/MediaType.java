package dev.perdure.retrieval;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** What a document may be. What it is said to be is checked against what it looks like. */
public enum MediaType {
  TEXT("text/plain"),
  MARKDOWN("text/markdown"),
  PDF("application/pdf");

  /** A PDF may have something in front; its readers look for the header this far, in bytes. */
  private static final int PDF_HEADER_WITHIN = 1_024;

  private static final byte[] PDF_HEADER = "%PDF-".getBytes(StandardCharsets.US_ASCII);

  private final String wire;

  MediaType(String wire) {
    this.wire = wire;
  }

  public String wire() {
    return wire;
  }

  /**
   * The type of a name as in a Content-Type header, parameters aside.
   *
   * @throws PerdureException UNSUPPORTED_MEDIA_TYPE
   */
  public static MediaType of(String contentType) {
    String essence = contentType.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
    for (MediaType type : values()) {
      if (type.wire.equals(essence)) {
        return type;
      }
    }
    throw new PerdureException(
        ErrorCode.UNSUPPORTED_MEDIA_TYPE,
        "A document is sent as text/plain, text/markdown or application/pdf, with its bytes as the"
            + " body. Set the Content-Type to one of them.");
  }

  /**
   * Refuses a content that is not of this type.
   *
   * @throws PerdureException UNSUPPORTED_MEDIA_TYPE
   */
  void check(byte[] content) {
    boolean pdf = isPdf(content);
    switch (this) {
      case PDF -> {
        if (!pdf) {
          throw mismatch("has no header of a PDF");
        }
      }
      case TEXT, MARKDOWN -> {
        if (pdf) {
          throw mismatch("is a PDF");
        }
        text(content);
      }
    }
  }

  private PerdureException mismatch(String what) {
    return new PerdureException(
        ErrorCode.UNSUPPORTED_MEDIA_TYPE,
        "The document is said to be " + wire + " but " + what + ". Send it with its own type.");
  }

  private static boolean isPdf(byte[] content) {
    int last = Math.min(content.length, PDF_HEADER_WITHIN) - PDF_HEADER.length;
    for (int at = 0; at <= last; at++) {
      boolean here = true;
      for (int i = 0; here && i < PDF_HEADER.length; i++) {
        here = content[at + i] == PDF_HEADER[i];
      }
      if (here) {
        return true;
      }
    }
    return false;
  }

  /** The characters of a text, which must be UTF-8 without control characters. */
  String text(byte[] content) {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(content)).toString();
      for (int i = 0; i < text.length(); i++) {
        char c = text.charAt(i);
        if ((c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f') || c == 0x7f) {
          throw mismatch("holds control characters, as no text does");
        }
      }
      return text.startsWith("\ufeff") ? text.substring(1) : text;
    } catch (CharacterCodingException e) {
      throw mismatch("is not in UTF-8");
    }
  }
}

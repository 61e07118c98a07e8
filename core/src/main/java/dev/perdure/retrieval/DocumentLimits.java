package dev.perdure.retrieval;

import java.time.Duration;

/**
 * What documents may cost.
 *
 * @param bytes of one document
 * @param perOwner documents of one owner
 * @param bytesPerOwner of all contents of one owner together
 * @param chars of the text of one document, in UTF-16 units; the rest is not drawn upon
 * @param extraction how long it may take to get the text out of a PDF
 */
public record DocumentLimits(
    int bytes, int perOwner, long bytesPerOwner, int chars, Duration extraction) {
  public static final DocumentLimits DEFAULT =
      new DocumentLimits(
          8 * 1024 * 1024, 500, 256L * 1024 * 1024, 2_000_000, Duration.ofSeconds(60));
}

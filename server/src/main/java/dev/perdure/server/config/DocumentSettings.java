package dev.perdure.server.config;

import java.time.Duration;

/** What documents may cost; section {@code documents}. */
public record DocumentSettings(
    @Key(byDefault = "8MiB", min = "1KiB", max = "64MiB", text = "The largest document.")
        ByteSize maxSize,
    @Key(
            byDefault = "500",
            min = "1",
            max = "100000",
            text = "The most documents of one owner, those of sessions included.")
        int maxPerOwner,
    @Key(
            byDefault = "256MiB",
            min = "1KiB",
            max = "64GiB",
            text = "The most that the documents of one owner may have together.")
        ByteSize maxSizePerOwner,
    @Key(
            byDefault = "2000000",
            min = "1000",
            max = "50000000",
            text =
                "How much text of a document is drawn upon, in UTF-16 code units; what comes after"
                    + " that is not.")
        int maxChars,
    @Key(
            byDefault = "60s",
            min = "1s",
            max = "30m",
            text = "The longest that reading a PDF may take; then the document fails.")
        Duration extractionTimeout) {
  public DocumentSettings {
    Keys.check(
        DocumentSettings.class, maxSize, maxPerOwner, maxSizePerOwner, maxChars, extractionTimeout);
  }
}

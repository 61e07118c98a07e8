package dev.perdure.retrieval;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * The text of a PDF, taken out of it by a process of its own ({@link PdfProcess}) with little
 * memory, little time and an empty environment: a PDF is a program of a stranger's for a large
 * interpreter, and one that loops or eats memory takes only that process with it. Thread-safe.
 */
final class PdfText {
  private static final String MEMORY = "-Xmx256m";

  /** Bytes of UTF-8 that a UTF-16 unit may need. */
  private static final int BYTES_PER_CHAR = 3;

  private PdfText() {}

  /** The document cannot be read; the text says why, to its owner. */
  static final class UnreadableException extends Exception {
    private static final long serialVersionUID = 1;

    UnreadableException(String why) {
      super(why);
    }
  }

  /**
   * The text of a PDF, page after page.
   *
   * @param maxChars of the text, in UTF-16 units; the rest is cut off
   */
  static String extract(byte[] pdf, int maxChars, Duration limit)
      throws UnreadableException, InterruptedException {
    Process process = start(maxChars);
    try {
      FutureTask<byte[]> reading =
          new FutureTask<>(() -> {
            try (InputStream in = process.getInputStream()) {
              return in.readNBytes(maxChars * BYTES_PER_CHAR);
            }
          });
      Thread.ofVirtual().name("perdure-pdf-out").start(reading);
      Thread.ofVirtual().name("perdure-pdf-in").start(() -> send(process, pdf));
      byte[] text = reading.get(limit.toMillis(), TimeUnit.MILLISECONDS);
      if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        throw tooSlow(limit);
      }
      return switch (process.exitValue()) {
        case PdfProcess.DONE -> new String(text, StandardCharsets.UTF_8);
        case PdfProcess.ENCRYPTED ->
            throw new UnreadableException("The PDF is protected by a password. Send it without.");
        default ->
            throw new UnreadableException(
                "The PDF is damaged, or needs more memory than it may have. Write it anew, or send"
                    + " its text.");
      };
    } catch (TimeoutException e) {
      throw tooSlow(limit);
    } catch (ExecutionException e) {
      throw new UnreadableException("The PDF could not be read to its end. Send it again.");
    } finally {
      process.destroyForcibly();
    }
  }

  private static UnreadableException tooSlow(Duration limit) {
    return new UnreadableException(
        "Reading the PDF took longer than " + limit.toSeconds() + " s. Send it in smaller parts.");
  }

  private static Process start(int maxChars) throws UnreadableException {
    ProcessBuilder builder =
        new ProcessBuilder(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                MEMORY,
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Djava.awt.headless=true",
                "-cp",
                System.getProperty("java.class.path"),
                PdfProcess.class.getName(),
                Integer.toString(maxChars)));
    builder.environment().clear();
    builder.redirectError(ProcessBuilder.Redirect.DISCARD);
    try {
      return builder.start();
    } catch (IOException e) {
      throw new UnreadableException("The server cannot read PDFs now. Delete it and try again.");
    }
  }

  private static void send(Process process, byte[] pdf) {
    try (OutputStream out = process.getOutputStream()) {
      out.write(pdf);
    } catch (IOException e) {
      // The process has ended early; its exit code says why.
    }
  }
}

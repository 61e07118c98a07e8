package dev.perdure.retrieval;

import java.io.BufferedWriter;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.pdfbox.Loader;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.encryption.InvalidPasswordException;
import org.apache.pdfbox.text.PDFTextStripper;

/**
 * A process that reads a PDF from its standard input and writes the text to its standard output, in
 * UTF-8; the argument is the most characters to write. The exit codes are the constants here.
 */
public final class PdfProcess {
  static final int DONE = 0;
  static final int ENCRYPTED = 3;
  static final int DAMAGED = 4;

  /** Held, because a logger that nobody holds forgets its level. */
  private static final Logger PDFBOX = Logger.getLogger("org.apache.pdfbox");

  private PdfProcess() {}

  public static void main(String[] args) {
    PDFBOX.setLevel(Level.OFF);
    Runtime.getRuntime().halt(run(Integer.parseInt(args[0])));
  }

  private static int run(int maxChars) {
    try (PDDocument document = Loader.loadPDF(System.in.readAllBytes());
        Writer out =
            new Bounded(
                new BufferedWriter(
                    new OutputStreamWriter(
                        new FileOutputStream(FileDescriptor.out), StandardCharsets.UTF_8)),
                maxChars)) {
      PDFTextStripper stripper = new PDFTextStripper();
      stripper.setSortByPosition(true);
      try {
        stripper.writeText(document, out);
      } catch (FullException e) {
        // As much as was asked for is written.
      }
      out.flush();
      return DONE;
    } catch (InvalidPasswordException e) {
      return ENCRYPTED;
    } catch (IOException | RuntimeException | OutOfMemoryError | StackOverflowError e) {
      return DAMAGED;
    }
  }

  /** Thrown when there is enough. */
  private static final class FullException extends IOException {
    private static final long serialVersionUID = 1;
  }

  private static final class Bounded extends Writer {
    private final Writer out;
    private int left;

    Bounded(Writer out, int chars) {
      this.out = out;
      this.left = chars;
    }

    @Override
    public void write(char[] buffer, int offset, int length) throws IOException {
      int now = Math.min(left, length);
      out.write(buffer, offset, now);
      left -= now;
      if (left == 0) {
        throw new FullException();
      }
    }

    @Override
    public void flush() throws IOException {
      out.flush();
    }

    @Override
    public void close() throws IOException {
      out.close();
    }
  }
}

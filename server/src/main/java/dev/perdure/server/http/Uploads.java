package dev.perdure.server.http;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.perdure.chat.Caller;
import dev.perdure.chat.NewTurn;
import dev.perdure.chat.NewTurn.FileAt;
import dev.perdure.file.Files;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.Providers;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * Files that come with the messages of other protocols, within a JSON body or by their ids. They
 * become files as those that are sent by themselves, so the same content is stored once, however
 * often a client repeats its history. Thread-safe.
 */
public final class Uploads {
  private static final int NAME_CHARS = 255;

  /** Bodies that are longer than usual, and read at once on this node: each is held in memory. */
  private static final int LARGE_AT_ONCE = 8;

  private final Files files;
  private final FileCheck check;
  private final Semaphore large = new Semaphore(LARGE_AT_ONCE);

  Uploads(Files files, Providers providers) {
    this.files = files;
    this.check = new FileCheck(files, providers);
  }

  /** A file as a request tells it. */
  public sealed interface Told {
    /** How many parts of the message come before it. */
    int after();

    /** One that was sent before. */
    record Stored(String id, int after) implements Told {}

    /**
     * One whose content is in the request.
     *
     * @param claimed its media type, which counts among the kinds of text only
     */
    record Inline(String name, String claimed, String base64, int after) implements Told {}
  }

  /**
   * Reads a data URL.
   *
   * @param name what the file is called; null if the request does not say
   * @throws PerdureException INVALID_REQUEST for every other URL: this server fetches nothing that
   *     a caller names
   */
  public static Told inline(String url, @Nullable String name, int after) {
    int comma = url.indexOf(',');
    String head = comma < 0 ? "" : url.substring(0, comma).toLowerCase(Locale.ROOT);
    if (!head.startsWith("data:") || !head.endsWith(";base64")) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "A file must be a data URL in Base64, as in 'data:image/png;base64,…', or the id of a file"
              + " that was sent before. This server fetches nothing from elsewhere.");
    }
    String claimed = head.substring("data:".length(), head.length() - ";base64".length());
    return new Told.Inline(
        name(name, claimed), claimed.split(";", 2)[0], url.substring(comma + 1), after);
  }

  private static String name(@Nullable String name, String claimed) {
    String given = name == null ? "" : name.strip();
    if (given.isEmpty()) {
      return claimed.startsWith("image/") ? "image" : "file";
    }
    if (given.length() > NAME_CHARS) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "The name of a file has more than " + NAME_CHARS + " characters. Shorten it.");
    }
    return Text.line("filename", given);
  }

  /**
   * Stores what is not stored yet, and says which files are meant.
   *
   * @throws PerdureException INVALID_REQUEST, NOT_FOUND, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE,
   *     CONFLICT
   */
  public List<FileAt> stored(Caller caller, List<Told> told) {
    if (told.size() > Parts.MAX_FILES) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "The message has "
              + told.size()
              + " files; at most "
              + Parts.MAX_FILES
              + " are accepted. Send several messages.");
    }
    List<FileAt> out = new ArrayList<>();
    for (Told each : told) {
      out.add(
          switch (each) {
            case Told.Stored(String id, int after) -> {
              if (!Parts.FILE_ID.matcher(id).matches()) {
                throw PerdureException.notFound("file", Text.shown(id));
              }
              yield new FileAt(files.get(caller, id).id(), after);
            }
            case Told.Inline inline -> new FileAt(add(caller, inline), inline.after());
          });
    }
    return out;
  }

  private String add(Caller caller, Told.Inline told) {
    try (InputStream in =
        Base64.getDecoder().wrap(new ByteArrayInputStream(told.base64().getBytes(ISO_8859_1)))) {
      return files.add(caller, told.name(), told.claimed(), in::readNBytes).file().id();
    } catch (IOException e) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST, "The content of a file is not valid Base64.", e);
    }
  }

  /**
   * Refuses files that are not for one of the models.
   *
   * @throws PerdureException INVALID_REQUEST, TOO_LARGE
   */
  public NewTurn checked(Caller caller, NewTurn message) {
    return check.checked(caller, message);
  }

  /** Makes something of a body. */
  @FunctionalInterface
  public interface Use<T> {
    T of(byte[] body) throws IOException, InterruptedException;
  }

  /**
   * Reads a body that may hold a file beside what is usual. A longer one than usual must say its
   * length, and is read if there is room for it in memory until it is used.
   *
   * @param usual in bytes
   * @throws PerdureException TOO_LARGE, SERVER_BUSY, UNSUPPORTED_MEDIA_TYPE
   */
  public <T> T body(Exchange exchange, int usual, Use<T> use)
      throws IOException, InterruptedException {
    long length = exchange.request().headers().contentLength().orElse(0);
    if (length <= usual) {
      return use.of(exchange.body(usual));
    }
    if (!large.tryAcquire()) {
      throw new PerdureException(
          ErrorCode.SERVER_BUSY,
          LARGE_AT_ONCE + " requests with files are being read. Try again in a moment.");
    }
    try {
      // Base64 makes four bytes of three.
      long most = usual + files.limits().bytes() * 4L / 3;
      return use.of(exchange.body((int) Math.min(most, Integer.MAX_VALUE / 2)));
    } finally {
      large.release();
    }
  }
}

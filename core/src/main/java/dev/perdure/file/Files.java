package dev.perdure.file;

import dev.perdure.chat.Caller;
import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PerdureException;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The files of callers: taking them in, reading them, forgetting those that no message holds. Each
 * read and write names tenant and owner in the SQL. Thread-safe.
 *
 * <p>A file comes in blocks, each in a transaction of its own, so that nobody holds more than one
 * of them. It is nobody's until the last one is there and its content is known not to be stored
 * already; what is cut short before is swept away.
 */
public final class Files {
  private static final Logger LOG = System.getLogger(Files.class.getName());

  /** Of one row, and what is held of a file while it comes in or goes out. */
  static final int BLOCK_BYTES = 256 * 1024;

  /** What one call of a model may carry of files, in bytes: less than any vendor's limit. */
  public static final long CALL_BYTES = 16L * 1024 * 1024;

  /** The types of files that are no texts: what of them a model takes goes by the model. */
  public static final List<String> MEDIA =
      List.of("image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf");

  /** A file that is not whole by then never will be. */
  private static final Duration RECEIVING = Duration.ofHours(1);

  private static final int SWEPT_AT_ONCE = 500;

  private static final String COLUMNS = "id, name, media_type, size, hash, created_at";

  private final Database database;
  private final Ids ids;
  private final FileLimits limits;

  public Files(Database database, Ids ids, FileLimits limits) {
    this.database = database;
    this.ids = ids;
    this.limits = limits;
  }

  /** Whether files of this type are texts, which every model can be given. */
  public static boolean isText(String mediaType) {
    return Sniffer.TEXTS.contains(mediaType);
  }

  /** Where the bytes of a file come from. */
  @FunctionalInterface
  public interface Source {
    /** The next bytes, as many as asked for unless they are the last ones; none at the end. */
    byte[] next(int bytes) throws IOException;
  }

  /** A file, and whether it is a new one. */
  public record Added(StoredFile file, boolean isNew) {}

  public FileLimits limits() {
    return limits;
  }

  /**
   * Takes a file in. The same content is the same file, with the name that it had.
   *
   * @param claimed the Content-Type that it came with
   * @throws PerdureException INVALID_REQUEST if it is empty, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE,
   *     CONFLICT if the caller has too many
   */
  public Added add(Caller caller, String name, String claimed, Source source) throws IOException {
    byte[] block = source.next(BLOCK_BYTES);
    if (block.length == 0) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST, "The file is empty. Send its bytes as the body.");
    }
    Sniffer sniffer = Sniffer.of(block, claimed);
    sniffer.check(block);
    MessageDigest digest = sha256();
    String id = ids.file();
    database.<Boolean>write(tx -> {
      checkRoom(tx, caller);
      tx.update(
          """
          INSERT INTO file (id, tenant, owner, name, media_type, size, hash, state, created_at,
                            used_at)
          VALUES (?, ?, ?, ?, ?, 0, '', 'receiving', {now}, {now})\
          """,
          id,
          caller.tenant(),
          caller.owner(),
          name,
          sniffer.mediaType());
      return true;
    });
    boolean kept = false;
    try {
      long size = 0;
      for (int part = 0; block.length > 0; part++) {
        size += block.length;
        if (size > limits.bytes()) {
          throw tooLarge();
        }
        if (part > 0) {
          sniffer.check(block);
        }
        digest.update(block);
        append(id, part, block);
        block = block.length < BLOCK_BYTES ? new byte[0] : source.next(BLOCK_BYTES);
      }
      sniffer.end();
      Added out = finish(caller, id, HexFormat.of().formatHex(digest.digest()));
      kept = out.isNew;
      return out;
    } finally {
      if (!kept) {
        discard(id);
      }
    }
  }

  private PerdureException tooLarge() {
    return new PerdureException(
        ErrorCode.TOO_LARGE, "The file has more than " + limits.bytes() + " bytes. Send less.");
  }

  private void append(String id, int part, byte[] block) {
    database.<Boolean>write(tx -> {
      tx.update("UPDATE file SET size = size + ? WHERE id = ?", block.length, id);
      tx.update(
          "INSERT INTO file_block (file_id, part, content) VALUES (?, ?, ?)", id, part, block);
      return true;
    });
  }

  /** Makes it the caller's file, unless the content is there already. */
  private Added finish(Caller caller, String id, String hash) {
    for (int tries = 1; ; tries++) {
      try {
        return database.write(tx -> {
          // The row that is there is locked against being swept away.
          int there =
              tx.update(
                  """
                  UPDATE file SET used_at = {now}
                   WHERE tenant = ? AND owner = ? AND hash = ? AND state = 'ready'\
                  """,
                  caller.tenant(),
                  caller.owner(),
                  hash);
          if (there > 0) {
            return new Added(byHash(tx, caller, hash).orElseThrow(), false);
          }
          checkRoom(tx, caller);
          tx.update("UPDATE file SET hash = ?, state = 'ready' WHERE id = ?", hash, id);
          return new Added(get(tx, caller, id), true);
        });
      } catch (PerdureException e) {
        // The same content was sent twice at once, and the other one was first.
        boolean there = database.read(tx -> byHash(tx, caller, hash)).isPresent();
        if (e.code() != ErrorCode.CONFLICT || !there || tries == 3) {
          throw e;
        }
      }
    }
  }

  private void discard(String id) {
    try {
      database.write(tx -> tx.update("DELETE FROM file WHERE id = ? AND state = 'receiving'", id));
    } catch (PerdureException e) {
      LOG.log(Level.WARNING, "What there is of {0} is swept away later: {1}", id, e.getMessage());
    }
  }

  private void checkRoom(Tx tx, Caller caller) throws SQLException {
    record Used(long count, long bytes) {}
    Used used =
        tx.one(
                "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM file WHERE tenant = ? AND owner = ?",
                row -> new Used(row.getLong(1), row.getLong(2)),
                caller.tenant(),
                caller.owner())
            .orElseThrow();
    if (used.count > limits.perOwner() || used.bytes > limits.bytesPerOwner()) {
      throw new PerdureException(
          ErrorCode.CONFLICT,
          "You have "
              + used.count
              + " files of "
              + used.bytes
              + " bytes; at most "
              + limits.perOwner()
              + " files of "
              + limits.bytesPerOwner()
              + " bytes are kept. Delete sessions that hold some.");
    }
  }

  /**
   * One file.
   *
   * @throws PerdureException NOT_FOUND
   */
  public StoredFile get(Caller caller, String id) {
    return database.read(tx -> get(tx, caller, id));
  }

  private static StoredFile get(Tx tx, Caller caller, String id) throws SQLException {
    return tx.one(
            "SELECT "
                + COLUMNS
                + " FROM file WHERE id = ? AND tenant = ? AND owner = ? AND state = 'ready'",
            Files::file,
            id,
            caller.tenant(),
            caller.owner())
        .orElseThrow(() -> PerdureException.notFound("file", id));
  }

  private static Optional<StoredFile> byHash(Tx tx, Caller caller, String hash)
      throws SQLException {
    return tx.one(
        "SELECT "
            + COLUMNS
            + " FROM file WHERE tenant = ? AND owner = ? AND hash = ? AND state = 'ready'",
        Files::file,
        caller.tenant(),
        caller.owner(),
        hash);
  }

  /** A block of the content, from 0; null behind the last one. */
  public byte @Nullable [] block(Caller caller, String id, int part) {
    return database.read(tx -> block(tx, caller, id, part)).orElse(null);
  }

  private static Optional<byte[]> block(Tx tx, Caller caller, String id, int part)
      throws SQLException {
    return tx.one(
        """
        SELECT b.content FROM file_block b JOIN file f ON f.id = b.file_id
         WHERE b.file_id = ? AND b.part = ? AND f.tenant = ? AND f.owner = ?
           AND f.state = 'ready'\
        """,
        row -> row.getBytes(1),
        id,
        part,
        caller.tenant(),
        caller.owner());
  }

  /** The whole content, for a model; empty if the file is gone. */
  public static byte[] content(Tx tx, Caller caller, String id) throws SQLException {
    List<byte[]> blocks =
        tx.list(
            """
            SELECT b.content FROM file_block b JOIN file f ON f.id = b.file_id
             WHERE b.file_id = ? AND f.tenant = ? AND f.owner = ? AND f.state = 'ready'
             ORDER BY b.part\
            """,
            row -> row.getBytes(1),
            id,
            caller.tenant(),
            caller.owner());
    byte[] out = new byte[blocks.stream().mapToInt(block -> block.length).sum()];
    int at = 0;
    for (byte[] block : blocks) {
      System.arraycopy(block, 0, out, at, block.length);
      at += block.length;
    }
    return out;
  }

  /** Forgets files that no message holds, and what is left of those that were cut short. */
  public int sweep() {
    return database.write(tx -> {
      long now = tx.now();
      List<String> old =
          tx.list(
              """
              SELECT id FROM file f
               WHERE ((state = 'ready' AND used_at < ?) OR (state = 'receiving' AND used_at < ?))
                 AND NOT EXISTS (SELECT 1 FROM message_file m WHERE m.file_id = f.id)
                 AND NOT EXISTS (SELECT 1 FROM later_file l WHERE l.file_id = f.id)
                 AND NOT EXISTS (SELECT 1 FROM schedule_file s WHERE s.file_id = f.id)
               ORDER BY used_at LIMIT ? {skip}\
              """,
              row -> row.getString(1),
              now - limits.retention().toMillis(),
              now - RECEIVING.toMillis(),
              SWEPT_AT_ONCE);
      int gone = 0;
      for (String id : old) {
        // Now that its row is locked nobody refers to it any more; somebody may have just before.
        gone +=
            tx.update(
                """
                DELETE FROM file WHERE id = ? AND (state = 'receiving' OR used_at < ?)
                   AND NOT EXISTS (SELECT 1 FROM message_file m WHERE m.file_id = file.id)
                   AND NOT EXISTS (SELECT 1 FROM later_file l WHERE l.file_id = file.id)
                   AND NOT EXISTS (SELECT 1 FROM schedule_file s WHERE s.file_id = file.id)\
                """,
                id,
                now - limits.retention().toMillis());
      }
      return gone;
    });
  }

  private static StoredFile file(ResultSet row) throws SQLException {
    return new StoredFile(
        row.getString(1),
        row.getString(2),
        row.getString(3),
        row.getLong(4),
        row.getString(5),
        row.getLong(6));
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }
}

package dev.perdure.retrieval;

import dev.perdure.chat.Caller;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.Conversations.Page;
import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PerdureException;
import dev.perdure.retrieval.Document.State;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The documents of callers: taking them in, listing and deleting them. Each read and write names
 * tenant and owner in the SQL. Thread-safe.
 *
 * <p>Taking in is one transaction, after which the content is safe; an {@link Indexer} prepares it
 * for retrieval in the background, and begins again if that is cut short.
 */
public final class Documents {
  static final String COLUMNS =
      "id, session_id, name, media_type, size, hash, state, reason, chunks, created_at, updated_at";

  private final Database database;
  private final Ids ids;
  private final DocumentLimits limits;
  private final Runnable added;

  /**
   * @param added is run after each document that was taken in, to wake an indexer
   */
  public Documents(Database database, Ids ids, DocumentLimits limits, Runnable added) {
    this.database = database;
    this.ids = ids;
    this.limits = limits;
    this.added = added;
  }

  /** A document, and whether it is a new one. */
  public record Added(Document document, boolean isNew) {}

  public DocumentLimits limits() {
    return limits;
  }

  /**
   * Takes a document in. The same content for the same session, or for all, is the same document.
   *
   * @param session the only one that may draw upon it; null for all
   * @throws PerdureException UNSUPPORTED_MEDIA_TYPE if the content is not of the type, TOO_LARGE,
   *     INVALID_REQUEST if it is empty, NOT_FOUND for the session, CONFLICT if there are too many
   */
  public Added add(
      Caller caller, @Nullable String session, String name, MediaType type, byte[] content) {
    if (content.length == 0) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST, "The document is empty. Send its bytes as the body.");
    }
    if (content.length > limits.bytes()) {
      throw new PerdureException(
          ErrorCode.TOO_LARGE,
          "The document has "
              + content.length
              + " bytes; at most "
              + limits.bytes()
              + " are accepted. Send it in parts.");
    }
    type.check(content);
    String hash = hash(content);
    String id = ids.document();
    Added out =
        database.write(tx -> {
          if (session != null) {
            Conversations.session(tx, caller, session);
          }
          Optional<Document> before = same(tx, caller, session, hash);
          if (before.isPresent()) {
            return new Added(before.get(), false);
          }
          checkRoom(tx, caller, content.length);
          tx.update(
              """
              INSERT INTO blob (tenant, owner, hash, size, content, created_at)
              VALUES (?, ?, ?, ?, ?, {now})
              ON CONFLICT (tenant, owner, hash) DO UPDATE SET size = excluded.size\
              """,
              // Where it is there already, the update locks it against being swept away.
              caller.tenant(),
              caller.owner(),
              hash,
              content.length,
              content);
          tx.update(
              """
              INSERT INTO document (id, tenant, owner, session_id, name, media_type, size, hash,
                                    state, created_at, updated_at)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending', {now}, {now})\
              """,
              id,
              caller.tenant(),
              caller.owner(),
              session,
              name,
              type.wire(),
              content.length,
              hash);
          return new Added(get(tx, caller, id), true);
        });
    if (out.isNew) {
      added.run();
    }
    return out;
  }

  private static Optional<Document> same(
      Tx tx, Caller caller, @Nullable String session, String hash) throws SQLException {
    return tx.one(
        "SELECT "
            + COLUMNS
            + " FROM document WHERE tenant = ? AND owner = ? AND hash = ?"
            + " AND COALESCE(session_id, '') = ? AND state <> 'failed'",
        Documents::document,
        caller.tenant(),
        caller.owner(),
        hash,
        session == null ? "" : session);
  }

  private void checkRoom(Tx tx, Caller caller, int more) throws SQLException {
    record Used(long count, long bytes) {}
    Used used =
        tx.one(
                """
                SELECT COUNT(*), COALESCE(SUM(size), 0) FROM document
                 WHERE tenant = ? AND owner = ?\
                """,
                row -> new Used(row.getLong(1), row.getLong(2)),
                caller.tenant(),
                caller.owner())
            .orElseThrow();
    if (used.count >= limits.perOwner() || used.bytes + more > limits.bytesPerOwner()) {
      throw new PerdureException(
          ErrorCode.CONFLICT,
          "You have "
              + used.count
              + " documents of "
              + used.bytes
              + " bytes; at most "
              + limits.perOwner()
              + " documents of "
              + limits.bytesPerOwner()
              + " bytes are kept. Delete some.");
    }
  }

  /**
   * One document.
   *
   * @throws PerdureException NOT_FOUND
   */
  public Document get(Caller caller, String id) {
    return database.read(tx -> get(tx, caller, id));
  }

  private static Document get(Tx tx, Caller caller, String id) throws SQLException {
    return tx.one(
            "SELECT " + COLUMNS + " FROM document WHERE id = ? AND tenant = ? AND owner = ?",
            Documents::document,
            id,
            caller.tenant(),
            caller.owner())
        .orElseThrow(() -> PerdureException.notFound("document", id));
  }

  /**
   * Documents, the newest first.
   *
   * @param session only those of this session; null for all that the caller has
   * @param before only those with a smaller id; null for the newest
   */
  public Page<Document> list(
      Caller caller, @Nullable String session, @Nullable String before, int limit) {
    // Ids are of small letters, digits and '_'; '~' is behind them all.
    String from = before == null ? "~" : before;
    String select =
        "SELECT " + COLUMNS + " FROM document WHERE tenant = ? AND owner = ? AND id < ?";
    String end = " ORDER BY id DESC LIMIT ?";
    List<Document> rows =
        database.read(tx ->
            session == null
                ? tx.list(
                    select + end,
                    Documents::document,
                    caller.tenant(),
                    caller.owner(),
                    from,
                    limit + 1)
                : tx.list(
                    select + " AND session_id = ?" + end,
                    Documents::document,
                    caller.tenant(),
                    caller.owner(),
                    from,
                    session,
                    limit + 1));
    return rows.size() <= limit
        ? new Page<>(rows, null)
        : new Page<>(rows.subList(0, limit), rows.get(limit - 1).id());
  }

  /**
   * The bytes of a document, as they were sent.
   *
   * @throws PerdureException NOT_FOUND
   */
  public byte[] content(Caller caller, String id) {
    return database.read(tx -> bytes(tx, caller, get(tx, caller, id).hash()));
  }

  static byte[] bytes(Tx tx, Caller caller, String hash) throws SQLException {
    return tx.one(
            "SELECT content FROM blob WHERE tenant = ? AND owner = ? AND hash = ?",
            row -> row.getBytes(1),
            caller.tenant(),
            caller.owner(),
            hash)
        .orElseThrow(() ->
            new PerdureException(ErrorCode.INTERNAL, "A content that is referred to is gone."));
  }

  /**
   * Deletes a document with all that was made of it.
   *
   * @throws PerdureException NOT_FOUND
   */
  public void delete(Caller caller, String id) {
    database.<Boolean>write(tx -> {
      Document document = get(tx, caller, id);
      tx.update("DELETE FROM document WHERE id = ?", id);
      sweep(tx, caller, document.hash());
      return true;
    });
  }

  /** Contents that no document refers to: what the deletion of a session leaves. */
  static int sweepOrphans(Tx tx, int limit) throws SQLException {
    record Orphan(Caller owner, String hash) {}
    List<Orphan> orphans =
        tx.list(
            """
            SELECT b.tenant, b.owner, b.hash FROM blob b
             WHERE NOT EXISTS (SELECT 1 FROM document d
                                WHERE d.tenant = b.tenant AND d.owner = b.owner
                                  AND d.hash = b.hash)
             LIMIT ?\
            """,
            row -> new Orphan(new Caller(row.getString(1), row.getString(2)), row.getString(3)),
            limit);
    for (Orphan orphan : orphans) {
      sweep(tx, orphan.owner, orphan.hash);
    }
    return orphans.size();
  }

  /**
   * Deletes a content that no document refers to any more. It is locked first: whoever refers to it
   * at this moment has it locked too, and a statement sees what was committed before it began.
   */
  private static void sweep(Tx tx, Caller caller, String hash) throws SQLException {
    tx.one(
        "SELECT hash FROM blob WHERE tenant = ? AND owner = ? AND hash = ? {lock}",
        row -> true,
        caller.tenant(),
        caller.owner(),
        hash);
    tx.update(
        """
        DELETE FROM blob WHERE tenant = ? AND owner = ? AND hash = ?
           AND NOT EXISTS (SELECT 1 FROM document d
                            WHERE d.tenant = blob.tenant AND d.owner = blob.owner
                              AND d.hash = blob.hash)\
        """,
        caller.tenant(),
        caller.owner(),
        hash);
  }

  static Document document(ResultSet row) throws SQLException {
    return new Document(
        row.getString(1),
        row.getString(2),
        row.getString(3),
        MediaType.of(row.getString(4)),
        row.getLong(5),
        row.getString(6),
        State.valueOf(row.getString(7).toUpperCase(Locale.ROOT)),
        row.getString(8),
        row.getLong(9),
        row.getLong(10),
        row.getLong(11));
  }

  static String hash(byte[] content) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }
}

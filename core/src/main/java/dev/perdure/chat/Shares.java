package dev.perdure.chat;

import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PerdureException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * Links by which anybody may read one session, and do nothing else, until they expire or are
 * revoked. A link is a token of 256 random bits, of which only the SHA-256 is stored: who reads the
 * database cannot use the links. Thread-safe, without state of its own.
 */
public final class Shares {
  /** So that a token is known for what it is wherever it turns up. */
  public static final String TOKEN_PREFIX = "share_";

  public static final Duration SHORTEST_LIFE = Duration.ofMinutes(1);
  public static final Duration LONGEST_LIFE = Duration.ofDays(90);
  public static final Duration DEFAULT_LIFE = Duration.ofDays(7);

  /** Links of one session at a time. */
  private static final int MAX_PER_SESSION = 20;

  private static final int TOKEN_BYTES = 32;
  private static final int TOKEN_CHARS = TOKEN_PREFIX.length() + 43;
  private static final String COLUMNS = "id, session_id, created_at, expires_at";

  private final Database database;
  private final Ids ids;
  private final RandomGenerator random;

  /**
   * @param random a strong source: whoever foresees it can read what is shared
   */
  public Shares(Database database, Ids ids, RandomGenerator random) {
    this.database = database;
    this.ids = ids;
    this.random = random;
  }

  /** A link, without its token. Times are milliseconds since 1970. */
  public record Share(String id, String session, long createdAtMillis, long expiresAtMillis) {}

  /** A new link; the token is known only now. */
  public record Created(Share share, String token) {
    /** Without the token, which is a credential. */
    @Override
    public String toString() {
      return "Created[share=" + share + "]";
    }
  }

  /** What a token opens: a session, read as its owner sees it. */
  public record Opened(Share share, Caller owner) {}

  /**
   * Makes a link.
   *
   * @throws PerdureException NOT_FOUND, or CONFLICT if the session has too many
   */
  public Created create(Caller caller, String session, Duration life) {
    byte[] secret = new byte[TOKEN_BYTES];
    random.nextBytes(secret);
    String token = TOKEN_PREFIX + Base64.getUrlEncoder().withoutPadding().encodeToString(secret);
    String id = ids.share();
    Share share =
        database.write(tx -> {
          Locks.lockSession(tx, caller, session);
          long now = tx.now();
          tx.update("DELETE FROM share WHERE session_id = ? AND expires_at <= ?", session, now);
          if (ofSession(tx, session).size() >= MAX_PER_SESSION) {
            throw new PerdureException(
                ErrorCode.CONFLICT,
                "The session has "
                    + MAX_PER_SESSION
                    + " links already, which is the limit. Revoke one.");
          }
          tx.update(
              """
              INSERT INTO share (id, token_hash, tenant, owner, session_id, created_at, expires_at)
              VALUES (?, ?, ?, ?, ?, ?, ?)\
              """,
              id,
              hash(token),
              caller.tenant(),
              caller.owner(),
              session,
              now,
              now + life.toMillis());
          return new Share(id, session, now, now + life.toMillis());
        });
    return new Created(share, token);
  }

  /**
   * The links of a session that still open it, the newest first.
   *
   * @throws PerdureException NOT_FOUND
   */
  public List<Share> list(Caller caller, String session) {
    return database.read(tx -> {
      Conversations.session(tx, caller, session);
      long now = tx.now();
      return ofSession(tx, session).stream().filter(share -> share.expiresAtMillis > now).toList();
    });
  }

  private static List<Share> ofSession(Tx tx, String session) throws SQLException {
    return tx.list(
        "SELECT " + COLUMNS + " FROM share WHERE session_id = ? ORDER BY id DESC",
        Shares::share,
        session);
  }

  /**
   * Takes a link back.
   *
   * @throws PerdureException NOT_FOUND
   */
  public void revoke(Caller caller, String id) {
    database.write(tx -> {
      int gone =
          tx.update(
              "DELETE FROM share WHERE id = ? AND tenant = ? AND owner = ?",
              id,
              caller.tenant(),
              caller.owner());
      if (gone == 0) {
        throw PerdureException.notFound("share", id);
      }
      return gone;
    });
  }

  /** What a token opens; empty if it is none, has expired or was revoked. */
  public Optional<Opened> open(String token) {
    if (token.length() != TOKEN_CHARS || !token.startsWith(TOKEN_PREFIX)) {
      return Optional.empty();
    }
    return database.read(tx ->
        tx.one(
            "SELECT "
                + COLUMNS
                + ", tenant, owner FROM share WHERE token_hash = ? AND expires_at > ?",
            row -> new Opened(share(row), new Caller(row.getString(5), row.getString(6))),
            hash(token),
            tx.now()));
  }

  private static Share share(ResultSet row) throws SQLException {
    return new Share(row.getString(1), row.getString(2), row.getLong(3), row.getLong(4));
  }

  private static String hash(String token) {
    try {
      return HexFormat.of()
          .formatHex(
              MessageDigest.getInstance("SHA-256")
                  .digest(token.getBytes(StandardCharsets.US_ASCII)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every JDK has SHA-256", e);
    }
  }
}

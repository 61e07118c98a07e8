package dev.perdure.retrieval;

import dev.perdure.chat.Caller;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/**
 * Whose chunks may be found: those of the owner for all sessions, and those of one session.
 *
 * <p>Each chunk carries one term that says whose it is, so that the index meets only chunks of the
 * scope; tenant and owner are compared in the SQL nevertheless.
 *
 * @param session null where only what is for all sessions may be found
 */
record Scope(Caller owner, @Nullable String session) {
  private static final int TERM_BYTES = 10;

  /** The term of what is for all of the owner's sessions. */
  String ownerTerm() {
    return "o" + digest(owner.tenant() + "\n" + owner.owner());
  }

  /** The term of what is for the session; that of the owner without one. */
  String sessionTerm() {
    return session == null ? ownerTerm() : "s" + digest(session);
  }

  private static String digest(String text) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest, 0, TERM_BYTES);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("Every Java has SHA-256", e);
    }
  }
}

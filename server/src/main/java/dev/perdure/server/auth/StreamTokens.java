package dev.perdure.server.auth;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.chat.Caller;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import java.nio.charset.StandardCharsets;
import java.security.InvalidKeyException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Base64;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * Short-lived signed tokens with which a browser's EventSource, which cannot send headers, opens a
 * stream. Immutable and thread-safe.
 *
 * <pre>
 *   token   = base64url(claims) "." base64url(HMAC-SHA256(secret, LABEL + base64url(claims)))
 *   claims  = {"t": tenant, "o": owner, "x": expiry in seconds since 1970, "p": path or absent}
 * </pre>
 *
 * <p>A token only reads, and only until it expires: it is accepted on streams and buys no other
 * token. One that was issued for the path of a WebSocket opens that, and nothing else. Whoever sees
 * the URL has the token, hence the short life and the optional path.
 */
public final class StreamTokens {
  /** Shortest secret, in characters. */
  public static final int MIN_SECRET_CHARS = 32;

  private static final String MAC = "HmacSHA256";

  /** Keeps a signature made here from being of use anywhere else that has the secret. */
  private static final String LABEL = "perdure-stream-token-v1.";

  /** Longest path that a token may be bound to, in characters. */
  private static final int MAX_PATH_CHARS = 512;

  private static final int MAX_TOKEN_CHARS = 4096;

  /** The only path that is none of a stream: a WebSocket. */
  private static final String SOCKET = "/api/chat";

  private final SecretKeySpec key;
  private final Duration life;
  private final InstantSource clock;

  /**
   * @param secret at least {@link #MIN_SECRET_CHARS} bytes; the same on every node
   * @param life from issue to expiry
   */
  public StreamTokens(byte[] secret, Duration life, InstantSource clock) {
    if (secret.length < MIN_SECRET_CHARS) {
      throw new IllegalArgumentException("secret is shorter than " + MIN_SECRET_CHARS + " bytes");
    }
    this.key = new SecretKeySpec(secret, MAC);
    this.life = life;
    this.clock = clock;
  }

  /** A token and the moment from which it is refused. */
  public record Issued(String token, Instant expiresAt) {
    /** Without the token, which is a credential. */
    @Override
    public String toString() {
      return "Issued[expiresAt=" + expiresAt + "]";
    }
  }

  /**
   * Issues a token.
   *
   * @param path the only path, with all below it, that the token opens; null for every stream of
   *     the caller
   * @throws PerdureException INVALID_REQUEST if the path is not one of this API
   */
  public Issued issue(Caller caller, @Nullable String path) {
    ObjectNode claims = Json.MAPPER.createObjectNode();
    claims.put("t", caller.tenant());
    claims.put("o", caller.owner());
    long expiry = clock.instant().plus(life).getEpochSecond();
    claims.put("x", expiry);
    if (path != null) {
      claims.put("p", checkedPath(path));
    }
    String body = encode(Json.text(claims).getBytes(StandardCharsets.UTF_8));
    return new Issued(body + "." + encode(sign(body)), Instant.ofEpochSecond(expiry));
  }

  /**
   * The caller to whom a token was issued.
   *
   * @param path of the request
   * @throws PerdureException UNAUTHENTICATED
   */
  public Caller verify(String token, String path) {
    return verify(token, path, false);
  }

  /**
   * The same for a path that lets its caller do more than read: the token must have been issued for
   * it and nothing else.
   *
   * @throws PerdureException UNAUTHENTICATED
   */
  Caller verifyBound(String token, String path) {
    return verify(token, path, true);
  }

  private Caller verify(String token, String path, boolean onlyBound) {
    int dot = token.indexOf('.');
    if (dot <= 0 || token.length() > MAX_TOKEN_CHARS) {
      throw refused("is not a stream token");
    }
    String body = token.substring(0, dot);
    if (!MessageDigest.isEqual(sign(body), decode(token.substring(dot + 1)))) {
      throw refused("was not signed by this server, or with an older secret");
    }
    JsonNode claims = claims(decode(body));
    if (clock.instant().getEpochSecond() >= claims.path("x").asLong(0)) {
      throw refused("has expired");
    }
    JsonNode bound = claims.get("p");
    if (bound == null ? onlyBound : !within(bound.asText(), path)) {
      throw refused("was issued for another path");
    }
    return new Caller(claims.path("t").asText(), claims.path("o").asText());
  }

  private static String checkedPath(String path) {
    boolean known = path.startsWith("/v1/") || path.startsWith("/streams/") || path.equals(SOCKET);
    if (!known
        || path.length() > MAX_PATH_CHARS
        || path.contains("..")
        || path.chars().anyMatch(c -> c <= ' ' || c >= 0x7f || c == '?' || c == '#')) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "The path of a stream token must be that of a stream or '/api/chat', have no query and at"
              + " most "
              + MAX_PATH_CHARS
              + " characters. Send the path of the stream, such as '/v1/inbox/events'.");
    }
    return path.endsWith("/") ? path.substring(0, path.length() - 1) : path;
  }

  private static boolean within(String bound, String path) {
    return path.equals(bound) || (path.startsWith(bound + "/") && !path.contains(".."));
  }

  private byte[] sign(String body) {
    try {
      Mac mac = Mac.getInstance(MAC);
      mac.init(key);
      return mac.doFinal((LABEL + body).getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException | InvalidKeyException e) {
      throw new IllegalStateException("Every Java has " + MAC, e);
    }
  }

  private static JsonNode claims(byte[] json) {
    try {
      return Json.MAPPER.readTree(new String(json, StandardCharsets.UTF_8));
    } catch (JsonProcessingException e) {
      throw refused("cannot be read");
    }
  }

  private static String encode(byte[] bytes) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }

  private static byte[] decode(String text) {
    try {
      return Base64.getUrlDecoder().decode(text);
    } catch (IllegalArgumentException e) {
      throw refused("is not a stream token");
    }
  }

  private static PerdureException refused(String why) {
    return Authenticator.refused(
        "The stream token " + why + ". Get a new one by POST /v1/stream-tokens.");
  }
}

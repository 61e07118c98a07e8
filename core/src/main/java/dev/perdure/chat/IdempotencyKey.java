package dev.perdure.chat;

/**
 * Says that two requests are one. Scoped to the caller.
 *
 * @param key as the client chose it; 1 to 255 visible ASCII characters
 * @param bodyHash lower-case hex SHA-256 over the request's target and body; the same key with
 *     another hash is a conflict
 */
public record IdempotencyKey(String key, String bodyHash) {}

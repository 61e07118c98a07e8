package dev.perdure.file;

/**
 * A file that is whole. Times are milliseconds since 1970.
 *
 * @param mediaType as its content shows
 * @param size in bytes
 * @param hash SHA-256 of the content, lower-case hex
 */
public record StoredFile(
    String id, String name, String mediaType, long size, String hash, long createdAtMillis) {}

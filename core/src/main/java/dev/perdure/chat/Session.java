package dev.perdure.chat;

import org.jspecify.annotations.Nullable;

/** A conversation, owned by one caller. Times are milliseconds since 1970. */
public record Session(
    String id, @Nullable String title, long createdAtMillis, long updatedAtMillis) {}

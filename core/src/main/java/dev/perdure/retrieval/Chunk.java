package dev.perdure.retrieval;

import org.jspecify.annotations.Nullable;

/**
 * A piece of a document or of a message.
 *
 * @param document null for a piece of a message
 * @param name of the document; null for a piece of a message
 * @param message null for a piece of a document
 * @param role who wrote the message; null for a piece of a document
 * @param part order within the document or message, from 0
 */
public record Chunk(
    long id,
    @Nullable String document,
    @Nullable String name,
    @Nullable String message,
    @Nullable String role,
    int part,
    String text) {}

/**
 * Texts as vectors whose closeness is that of their meanings: who makes them, and over what wire.
 */
@NullMarked
package dev.perdure.embedding;

import org.jspecify.annotations.NullMarked;

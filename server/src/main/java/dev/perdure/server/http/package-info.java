/**
 * The native door: HTTP becomes one call of the desk, a read or a stream of a turn's log. It never
 * knows the engine; a running generation is reached only through the turn's row.
 */
@NullMarked
package dev.perdure.server.http;

import org.jspecify.annotations.NullMarked;

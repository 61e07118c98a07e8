/** Claims turns, runs them, retries, takes over, and brings each to exactly one end. */
@NullMarked
package dev.perdure.engine;

import org.jspecify.annotations.NullMarked;

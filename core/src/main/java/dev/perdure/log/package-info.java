/** The durable, ordered log of each turn: append, read, follow, retention. */
@NullMarked
package dev.perdure.log;

import org.jspecify.annotations.NullMarked;

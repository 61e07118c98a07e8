/** The terminal client: speaks HTTP to a running server and knows nothing of how it works. */
@NullMarked
package dev.perdure.terminal;

import org.jspecify.annotations.NullMarked;

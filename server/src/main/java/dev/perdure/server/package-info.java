/** The process: {@code Main} wires everything by hand. */
@NullMarked
package dev.perdure.server;

import org.jspecify.annotations.NullMarked;

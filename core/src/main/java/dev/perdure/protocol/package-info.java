/** The words of the wire: events of a turn, their codec and fold, states, ids and error codes. */
@NullMarked
package dev.perdure.protocol;

import org.jspecify.annotations.NullMarked;

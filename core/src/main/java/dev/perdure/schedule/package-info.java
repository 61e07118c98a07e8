/** Turns that come by a schedule: rules, and the rows that say when the next one is due. */
@NullMarked
package dev.perdure.schedule;

import org.jspecify.annotations.NullMarked;

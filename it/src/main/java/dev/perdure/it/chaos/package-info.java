/**
 * Chaos: real nodes on a real PostgreSQL under faults picked from a seed, with clients that come
 * and go; afterwards the checker judges what happened.
 */
@NullMarked
package dev.perdure.it.chaos;

import org.jspecify.annotations.NullMarked;

/** Limits and quota that are kept in the database. */
@NullMarked
package dev.perdure.limit;

import org.jspecify.annotations.NullMarked;

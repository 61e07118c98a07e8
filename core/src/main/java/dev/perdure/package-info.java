/** Perdure: replies that outlive their connection. */
@NullMarked
package dev.perdure;

import org.jspecify.annotations.NullMarked;

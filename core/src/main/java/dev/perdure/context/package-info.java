/** From a session's history to a model request. */
@NullMarked
package dev.perdure.context;

import org.jspecify.annotations.NullMarked;

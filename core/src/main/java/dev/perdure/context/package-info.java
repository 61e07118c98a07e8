/** From what is stored to a model request, and the record of what a model was shown. */
@NullMarked
package dev.perdure.context;

import org.jspecify.annotations.NullMarked;

/** A server that speaks the vendors' wires without a model, for tests and measurements. */
@NullMarked
package dev.perdure.provider.fake;

import org.jspecify.annotations.NullMarked;

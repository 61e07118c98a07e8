/** What tests of Perdure and of its users need: a settable clock, fault points, harness. */
@NullMarked
package dev.perdure.testing;

import org.jspecify.annotations.NullMarked;

/** The built-in provider without a model: a script that plays at a chosen pace, with faults. */
@NullMarked
package dev.perdure.provider.demo;

import org.jspecify.annotations.NullMarked;

/** The wire of Anthropic: Messages. */
@NullMarked
package dev.perdure.provider.anthropic;

import org.jspecify.annotations.NullMarked;

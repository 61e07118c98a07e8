/** What a tool is, which there are, and how one call is made. */
@NullMarked
package dev.perdure.tool;

import org.jspecify.annotations.NullMarked;

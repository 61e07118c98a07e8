/** What models have noted in a session: the tool for it, and where it is kept. */
@NullMarked
package dev.perdure.note;

import org.jspecify.annotations.NullMarked;

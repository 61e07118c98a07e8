/** Files that callers send to be parts of messages. */
@NullMarked
package dev.perdure.file;

import org.jspecify.annotations.NullMarked;

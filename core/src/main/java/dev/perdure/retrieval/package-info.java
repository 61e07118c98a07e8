/** Documents of owners, and finding what of them and of earlier messages matters to a question. */
@NullMarked
package dev.perdure.retrieval;

import org.jspecify.annotations.NullMarked;

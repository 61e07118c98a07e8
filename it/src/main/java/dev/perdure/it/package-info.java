/** Black-box tests: real processes, real kills, several nodes. They speak HTTP and nothing else. */
@NullMarked
package dev.perdure.it;

import org.jspecify.annotations.NullMarked;

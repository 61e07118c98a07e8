/**
 * Benchmarks: JMH for the hot paths, a load driver and a profiler for the whole road of a token.
 */
@NullMarked
package dev.perdure.bench;

import org.jspecify.annotations.NullMarked;

/**
 * The door of Durable Streams, for reading: the log of a turn as a stream of JSON that is read from
 * any offset on. It knows nothing of the engine.
 */
@NullMarked
package dev.perdure.server.durablestreams;

import org.jspecify.annotations.NullMarked;

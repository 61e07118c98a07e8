/** Every setting: one tree of records, read from file, environment and command line. */
@NullMarked
package dev.perdure.server.config;

import org.jspecify.annotations.NullMarked;

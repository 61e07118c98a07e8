/** Tools that are somebody's HTTP API, described in the configuration, and where they may lead. */
@NullMarked
package dev.perdure.tool.http;

import org.jspecify.annotations.NullMarked;

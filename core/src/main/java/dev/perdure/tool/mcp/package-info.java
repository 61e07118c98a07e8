/** Tools of servers of the Model Context Protocol: one client for two transports. */
@NullMarked
package dev.perdure.tool.mcp;

import org.jspecify.annotations.NullMarked;

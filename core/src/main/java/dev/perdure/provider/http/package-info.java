/** What the vendors' wires share: HTTP/1.1 on plain sockets, server-sent events, error bodies. */
@NullMarked
package dev.perdure.provider.http;

import org.jspecify.annotations.NullMarked;

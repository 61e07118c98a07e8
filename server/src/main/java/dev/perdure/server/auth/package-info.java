/** Who is calling: API keys, JWTs, stream tokens, and which web pages may call at all. */
@NullMarked
package dev.perdure.server.auth;

import org.jspecify.annotations.NullMarked;

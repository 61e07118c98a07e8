/**
 * The door of the OpenAI clients: the Responses API over sessions and turns, and chat completions
 * for clients that know nothing else. It reads logs and writes rows as the native door does, and
 * knows nothing of the engine.
 */
@NullMarked
package dev.perdure.server.openai;

import org.jspecify.annotations.NullMarked;

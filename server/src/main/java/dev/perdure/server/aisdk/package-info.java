/**
 * The door of the AI SDK: chats of {@code useChat} as sessions, turns as UI message streams. It
 * reads logs and writes rows as the native door does, and knows nothing of the engine.
 */
@NullMarked
package dev.perdure.server.aisdk;

import org.jspecify.annotations.NullMarked;

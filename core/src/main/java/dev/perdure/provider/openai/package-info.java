/** The wires of OpenAI, which many other servers speak too: chat completions and Responses. */
@NullMarked
package dev.perdure.provider.openai;

import org.jspecify.annotations.NullMarked;

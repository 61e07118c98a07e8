/** The wire of Google Gemini: generateContent. */
@NullMarked
package dev.perdure.provider.gemini;

import org.jspecify.annotations.NullMarked;

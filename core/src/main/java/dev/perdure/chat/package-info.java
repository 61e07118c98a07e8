/**
 * Sessions, messages and turns as rows, and the desk where every request to change them is
 * accepted.
 */
@NullMarked
package dev.perdure.chat;

import org.jspecify.annotations.NullMarked;

package dev.perdure.provider;

import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.Source;
import dev.perdure.protocol.TokenUsage;
import org.jspecify.annotations.Nullable;

/** What a provider says, in words common to all vendors: the second of three shapes of data. */
public sealed interface ModelEvent {

  /**
   * Some text of one part. Parts are numbered from 0 in the order in which they begin; a new number
   * begins a part, and ends the one before it. The text holds no half of a surrogate pair and no
   * U+0000, whatever the vendor has sent.
   */
  record Delta(int part, PartKind kind, String text) implements ModelEvent {}

  /**
   * The model asks for a tool; told when it is whole, after all text.
   *
   * @param ref the provider's own id of the call; null if it has none that can be relied on
   * @param input the arguments as compact JSON: an object, or a string with what the model has
   *     written if that is not one
   */
  record ToolCall(@Nullable String ref, String tool, String input) implements ModelEvent {}

  /**
   * What the provider wants back with the next call of this reply, because the other events cannot
   * carry it: its own form of the reply, signatures of its reasoning included. Compact JSON.
   */
  record Carried(String json) implements ModelEvent {}

  /** The provider says that the reply rests on this. It may say so of one source many times. */
  record Cited(Source source) implements ModelEvent {}

  /** Tokens used by this call so far; replaces what was reported before. */
  record Usage(TokenUsage usage) implements ModelEvent {}

  /** The terminator and a finish reason were both seen: the reply is complete. */
  record Finished(FinishReason reason) implements ModelEvent {}
}

package dev.perdure.context;

import dev.perdure.chat.Turn;
import dev.perdure.provider.ModelRequest;
import java.time.Duration;

/**
 * A summary that should be made before a model replies: who is asked for it, and what it will
 * cover. Immutable.
 */
public final class Compaction {
  private final String model;
  private final ModelRequest request;
  private final Duration within;
  private final Cover cover;
  private final Length length;

  Compaction(String model, ModelRequest request, Duration within, Cover cover, Length length) {
    this.model = model;
    this.request = request;
    this.within = within;
    this.cover = cover;
    this.length = length;
  }

  /**
   * What will be covered.
   *
   * @param upTo the newest message of it
   * @param position of that message
   * @param messages how many, those of the summary before included
   */
  record Cover(String upTo, long position, int messages) {}

  /**
   * How long a summary may be: beyond, it would take the place of messages that it should stand
   * beside.
   *
   * @param family whose tokens count
   */
  record Length(TokenCounter counter, ModelFamily family, int maxTokens) {

    /** As much of a text as may be kept: its beginning. */
    String cut(String text) {
      String kept = text;
      for (int tokens = counter.count(family, kept);
          tokens > maxTokens && !kept.isEmpty();
          tokens = counter.count(family, kept)) {
        int end = (int) Math.min(kept.length() - 1L, (long) kept.length() * maxTokens / tokens);
        end -= end > 0 && Character.isHighSurrogate(kept.charAt(end - 1)) ? 1 : 0;
        kept = kept.substring(0, end);
      }
      return kept;
    }
  }

  /** {@code provider/model} that is to write it. */
  public String model() {
    return model;
  }

  /** What that model is asked. */
  public ModelRequest request() {
    return request;
  }

  /** How long it may take. */
  public Duration within() {
    return within;
  }

  /** The summary, once it is written. */
  public Summary summary(String id, Turn turn, int lane, String text) {
    return new Summary(
        id,
        turn.id(),
        lane,
        cover.upTo,
        cover.position,
        cover.messages,
        model,
        length.cut(text.strip()));
  }
}

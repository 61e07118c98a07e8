package dev.perdure.provider.http;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.Source;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.provider.ModelEvent;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/** Collects what a wire understood and numbers the parts. For one thread. */
public final class Reply {
  private static final char REPLACEMENT = '\uFFFD';

  private final ArrayDeque<ModelEvent> events = new ArrayDeque<>();
  private @Nullable PartKind kind;
  private long block;
  private int part = -1;
  private boolean touched;
  private boolean moved;
  private boolean finished;
  private @Nullable TokenUsage latest;
  private @Nullable TokenUsage told;

  /** The first half of a character whose second half has not come; 0 for none. */
  private char half;

  /**
   * More text; nothing happens for an empty one. Another kind or block than before begins a part.
   *
   * @param inBlock the vendor's own number of the part, any number where it has none
   */
  public void delta(long inBlock, PartKind ofKind, String text) {
    if (text.isEmpty()) {
      return;
    }
    moved = true;
    if (ofKind != kind || inBlock != block) {
      endHalf();
      kind = ofKind;
      block = inBlock;
      part++;
    }
    String clean = clean(text);
    if (!clean.isEmpty()) {
      events.add(new ModelEvent.Delta(part, ofKind, clean));
    }
  }

  /** There is something that is no text and not whole yet: the answer has begun. */
  public void touch() {
    touched = true;
    moved = true;
  }

  void call(ModelEvent.ToolCall call) {
    endHalf();
    moved = true;
    events.add(call);
  }

  /** A page that the vendor says it has cited; what is no address of the web is passed over. */
  public void cite(@Nullable String url, @Nullable String title) {
    Source.page(url, title).ifPresent(page -> events.add(new ModelEvent.Cited(page)));
  }

  /** What the vendor wants back, in its own form; see {@link ModelEvent.Carried}. */
  public void carry(JsonNode ownForm) {
    try {
      events.add(new ModelEvent.Carried(Json.text(Json.clean(ownForm))));
    } catch (IllegalArgumentException e) {
      // Arguments nested too deeply; the model is told of its calls in another form.
      touch();
    }
  }

  private void endHalf() {
    if (half != 0 && kind != null) {
      half = 0;
      events.add(new ModelEvent.Delta(part, kind, String.valueOf(REPLACEMENT)));
    }
  }

  /**
   * Text that can be stored everywhere. Some servers cut a character outside the basic plane in
   * two: the first half waits for the next chunk. A half that stays alone and U+0000, which
   * PostgreSQL refuses, become U+FFFD.
   */
  private String clean(String text) {
    boolean plain = half == 0;
    for (int i = 0; plain && i < text.length(); i++) {
      char c = text.charAt(i);
      plain = c != 0 && !Character.isSurrogate(c);
    }
    if (plain) {
      return text;
    }
    StringBuilder clean = new StringBuilder(text.length() + 1);
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (half != 0 && Character.isLowSurrogate(c)) {
        clean.append(half).append(c);
        half = 0;
        continue;
      }
      if (half != 0) {
        clean.append(REPLACEMENT);
        half = 0;
      }
      if (Character.isHighSurrogate(c)) {
        half = c;
      } else {
        clean.append(c == 0 || Character.isLowSurrogate(c) ? REPLACEMENT : c);
      }
    }
    return clean.toString();
  }

  /**
   * Tokens so far. The first report is passed on at once, for a call that is cancelled later; of
   * the others, which some vendors send with every chunk, the last one is told before the end.
   */
  public void usage(TokenUsage usage) {
    if (latest == null) {
      told = usage;
      events.add(new ModelEvent.Usage(usage));
    }
    latest = usage;
  }

  /** Says what is known of the usage; nothing more will come. */
  void settleUsage() {
    if (latest != null && !latest.equals(told)) {
      told = latest;
      events.add(new ModelEvent.Usage(latest));
    }
  }

  /** The terminator and a reason were seen. */
  public void finish(FinishReason reason) {
    if (!finished) {
      finished = true;
      endHalf();
      settleUsage();
      events.add(new ModelEvent.Finished(reason));
    }
  }

  /** Whether the answer has begun. */
  public boolean begun() {
    return part >= 0 || touched;
  }

  /** Whether the answer has grown since this was asked last. */
  boolean takeMoved() {
    boolean was = moved;
    moved = false;
    return was;
  }

  boolean finished() {
    return finished;
  }

  @Nullable ModelEvent poll() {
    return events.poll();
  }
}

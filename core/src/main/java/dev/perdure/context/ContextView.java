package dev.perdure.context;

import dev.perdure.retrieval.Chunk.Hit;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one attempt of a model call was shown, for its owner to see.
 *
 * @param window of the model, in tokens
 * @param reserved tokens of the window that were kept free for the reply
 * @param exact whether the tokens were counted by the model's own encoding, or estimated
 * @param tokens of all sources together
 * @param summary what stood for the messages before the first that was shown; null if there was
 *     none, or it is gone
 * @param leftOut earlier messages of the session that were not shown, those of all lanes
 * @param why they were left out: {@code window}, {@code settings}, or {@code none}
 * @param semantic what came of the search by vectors, in small letters as in {@link
 *     dev.perdure.retrieval.Retriever.Semantic}
 * @param toolsLeftOut tools that the model might use as well, and was not told of
 */
public record ContextView(
    int lane,
    int step,
    int attempt,
    String model,
    long atMillis,
    int window,
    int reserved,
    boolean exact,
    int tokens,
    List<Source> sources,
    @Nullable Summary summary,
    long leftOut,
    String why,
    String semantic,
    int toolsLeftOut) {

  public ContextView {
    sources = List.copyOf(sources);
  }

  /**
   * @param kind {@code instructions}, {@code summary}, {@code message}, {@code file}, {@code tool},
   *     or an excerpt: {@code document} or {@code recalled} for one of a message
   * @param id the id of the summary, message, file or document, or the name of the tool; for
   *     instructions, whose they are
   * @param part which piece of it, from 0; null if it is shown whole
   * @param hits by which searches an excerpt was found
   */
  public record Source(String kind, String id, @Nullable Integer part, int tokens, List<Hit> hits) {
    public Source {
      hits = List.copyOf(hits);
    }

    Source(String kind, String id, int tokens) {
      this(kind, id, null, tokens, List.of());
    }
  }
}

package dev.perdure.context;

import dev.perdure.provider.ModelRequest.ToolSpec;
import java.util.List;

/**
 * The tools that a model is told of in one call. Immutable.
 *
 * @param leftOut how many it might use as well, and is not told of
 */
public record Offered(List<Told> tools, int leftOut) {
  public static final Offered NONE = new Offered(List.of(), 0);

  public Offered {
    tools = List.copyOf(tools);
  }

  /**
   * A tool, and about how many tokens it costs to tell a model of it.
   *
   * @param spec as the model is told
   */
  public record Told(ToolSpec spec, int tokens) {
    public static Told of(ToolSpec spec) {
      return new Told(spec, ToolChoice.tokens(spec));
    }
  }

  public List<ToolSpec> specs() {
    return tools.stream().map(Told::spec).toList();
  }

  int tokens() {
    return tools.stream().mapToInt(Told::tokens).sum();
  }
}

package dev.perdure.tool;

import com.fasterxml.jackson.databind.JsonNode;
import com.networknt.schema.Schema;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The tools that there are, by name, and how much of them a reply may use. Immutable. */
public final class Tools {
  /** No tools. */
  public static final Tools NONE = new Tools(List.of(), Limits.DEFAULT);

  private final Map<String, Entry> byName = new LinkedHashMap<>();
  private final Limits limits;

  private record Entry(Tool tool, Schema schema) {}

  /**
   * @param maxSteps model calls of one reply
   * @param maxCalls of tools that one step makes; the others are refused
   * @param maxTokens input and output of one reply beyond which no further step begins
   * @param maxResultChars of one result, as compact JSON in UTF-16 units
   * @param answerWithin how long an approval or a client's result is waited for
   */
  public record Limits(
      int maxSteps, int maxCalls, long maxTokens, int maxResultChars, Duration answerWithin) {
    private static final int DEFAULT_CALLS = 32;
    public static final Limits DEFAULT = new Limits(20, 2_000_000, 64 * 1024, Duration.ofHours(24));

    public Limits(int maxSteps, long maxTokens, int maxResultChars, Duration answerWithin) {
      this(maxSteps, DEFAULT_CALLS, maxTokens, maxResultChars, answerWithin);
    }
  }

  /**
   * @throws IllegalArgumentException if two have one name, or a schema is none
   */
  public Tools(Collection<? extends Tool> tools, Limits limits) {
    this.limits = limits;
    for (Tool tool : tools) {
      String name = tool.spec().name();
      Entry entry = new Entry(tool, Schemas.compile(name, tool.spec().schema()));
      tool.spec()
          .approval()
          .fault(tool.spec().schema())
          .ifPresent(fault -> {
            throw new IllegalArgumentException("The approval of '" + name + "': " + fault + ".");
          });
      if (byName.put(name, entry) != null) {
        throw new IllegalArgumentException(
            "There are two tools with the name '" + name + "'. Rename one of them.");
      }
    }
  }

  public Limits limits() {
    return limits;
  }

  public Collection<String> names() {
    return byName.keySet();
  }

  /** The tools that a turn may use. */
  public List<Tool> allowed(@Nullable List<String> names) {
    return byName.values().stream()
        .map(Entry::tool)
        .filter(tool -> names == null || names.contains(tool.spec().name()))
        .toList();
  }

  public Optional<Tool> find(String name) {
    return Optional.ofNullable(byName.get(name)).map(Entry::tool);
  }

  /** What is wrong with the arguments for a tool that there is; empty if nothing is. */
  public Optional<String> fault(String name, JsonNode arguments) {
    Entry entry = byName.get(name);
    return entry == null
        ? Optional.empty()
        : Optional.ofNullable(Schemas.fault(entry.schema, arguments));
  }
}

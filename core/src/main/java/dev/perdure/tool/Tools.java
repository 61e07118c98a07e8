package dev.perdure.tool;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import com.networknt.schema.Schema;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The tools that there are, by name, and how much of them a reply may use. Those of the program
 * stay; those of others come and go. Thread-safe.
 */
public final class Tools {
  /** No tools. */
  public static final Tools NONE = new Tools(List.of(), Limits.DEFAULT);

  private final Map<String, Entry> own = new LinkedHashMap<>();
  private final Limits limits;
  private final ReentrantLock lock = new ReentrantLock();

  @GuardedBy("lock")
  private final Map<String, Map<String, Entry>> others = new LinkedHashMap<>();

  private volatile Supplier<List<Source>> sources = List::of;

  private final Set<String> expected = ConcurrentHashMap.newKeySet();

  /** All of them, replaced as a whole. */
  private volatile Map<String, Entry> byName;

  /**
   * @param schema null if arguments are not checked against it here
   */
  private record Entry(Tool tool, @Nullable Schema schema, boolean foreign) {}

  /**
   * @param maxSteps model calls of one reply
   * @param maxCalls of tools that one step makes; the others are refused
   * @param maxTokens input and output of one reply beyond which no further step begins
   * @param maxResultChars of one result, as compact JSON in UTF-16 units
   * @param answerWithin how long an approval or a client's result is waited for
   * @param told what a model is told of at the most
   */
  public record Limits(
      int maxSteps,
      int maxCalls,
      long maxTokens,
      int maxResultChars,
      Duration answerWithin,
      Told told) {
    private static final int DEFAULT_CALLS = 32;
    public static final Limits DEFAULT = new Limits(20, 2_000_000, 64 * 1024, Duration.ofHours(24));

    public Limits(
        int maxSteps, int maxCalls, long maxTokens, int maxResultChars, Duration answerWithin) {
      this(maxSteps, maxCalls, maxTokens, maxResultChars, answerWithin, Told.DEFAULT);
    }

    public Limits(int maxSteps, long maxTokens, int maxResultChars, Duration answerWithin) {
      this(maxSteps, DEFAULT_CALLS, maxTokens, maxResultChars, answerWithin);
    }

    public Limits telling(Told of) {
      return new Limits(maxSteps, maxCalls, maxTokens, maxResultChars, answerWithin, of);
    }
  }

  /**
   * @param maxTools that a model is told of
   * @param maxTokens that telling it may cost, as they are estimated
   * @param modelsWithout models that are told of none: {@code provider/model}, which may end in
   *     {@code *}
   */
  public record Told(int maxTools, int maxTokens, List<String> modelsWithout) {
    public static final Told DEFAULT = new Told(32, 8_000, List.of());

    public Told {
      modelsWithout = List.copyOf(modelsWithout);
    }

    /** Whether this model is told of none. */
    public boolean without(String model) {
      String name = model.toLowerCase(Locale.ROOT);
      return modelsWithout.stream()
          .map(one -> one.toLowerCase(Locale.ROOT))
          .anyMatch(one ->
              one.endsWith("*")
                  ? name.startsWith(one.substring(0, one.length() - 1))
                  : name.equals(one));
    }
  }

  /**
   * @throws IllegalArgumentException if two have one name, or a schema is none
   */
  public Tools(Collection<? extends Tool> tools, Limits limits) {
    this.limits = limits;
    for (Tool tool : tools) {
      String name = tool.spec().name();
      Entry entry = new Entry(tool, Schemas.compile(name, tool.spec().schema()), false);
      checkApproval(tool.spec());
      if (own.put(name, entry) != null) {
        throw new IllegalArgumentException(
            "There are two tools with the name '" + name + "'. Rename one of them.");
      }
    }
    this.byName = Collections.unmodifiableMap(own);
  }

  private static void checkApproval(Tool.Spec spec) {
    spec.approval()
        .fault(spec.schema())
        .ifPresent(fault -> {
          throw new IllegalArgumentException(
              "The approval of '" + spec.name() + "': " + fault + ".");
        });
  }

  /**
   * Takes tools of others in the place of those that they had before. Their schemas are not
   * trusted: one that could cost too much to check is told to models, and not checked here.
   *
   * @param source whose they are
   * @return why some are left out
   */
  public List<String> publish(String source, List<? extends Tool> tools) {
    List<String> faults = new ArrayList<>();
    lock.lock();
    try {
      Map<String, Entry> all = new LinkedHashMap<>(own);
      others.forEach((name, entries) -> {
        if (!name.equals(source)) {
          all.putAll(entries);
        }
      });
      Map<String, Entry> fresh = new LinkedHashMap<>();
      for (Tool tool : tools) {
        String name = tool.spec().name();
        try {
          checkApproval(tool.spec());
          Entry entry = new Entry(tool, ForeignSchemas.compile(name, tool.spec().schema()), true);
          if (all.containsKey(name) || fresh.putIfAbsent(name, entry) != null) {
            faults.add("'" + name + "': there is another tool with this name");
          }
        } catch (IllegalArgumentException e) {
          faults.add(String.valueOf(e.getMessage()));
        }
      }
      others.put(source, fresh);
      all.putAll(fresh);
      byName = Collections.unmodifiableMap(all);
    } finally {
      lock.unlock();
    }
    return faults;
  }

  /**
   * How somebody is whose tools come and go.
   *
   * @param up whether the tools can be called
   * @param tools how many there are, as far as is known
   * @param reason why they cannot be called; null if they can
   */
  public record Source(String name, boolean up, int tools, @Nullable String reason) {}

  /** Says whom to ask how the sources are. */
  public void watch(Supplier<List<Source>> how) {
    sources = how;
  }

  /** How those are whose tools come and go. */
  public List<Source> sources() {
    return sources.get();
  }

  /** Tools whose names begin so may come later: whoever names one is not wrong. */
  public void expect(String prefix) {
    expected.add(prefix);
  }

  /** Whether there is such a tool, or may be. */
  public boolean knows(String name) {
    return byName.containsKey(name) || expected.stream().anyMatch(name::startsWith);
  }

  public Limits limits() {
    return limits;
  }

  public Collection<String> names() {
    return byName.keySet();
  }

  /**
   * The tools that a turn may use.
   *
   * @param names null for all that need not be named
   */
  public List<Tool> allowed(@Nullable List<String> names) {
    return byName.values().stream().map(Entry::tool).filter(tool -> allows(names, tool)).toList();
  }

  /** Whether a turn may use a tool: one that makes it wait only if it is named. */
  public static boolean allows(@Nullable List<String> names, Tool tool) {
    return names == null ? !(tool instanceof WaitingTool) : names.contains(tool.spec().name());
  }

  public Optional<Tool> find(String name) {
    return Optional.ofNullable(byName.get(name)).map(Entry::tool);
  }

  /** What is wrong with the arguments for a tool that there is; empty if nothing is. */
  public Optional<String> fault(String name, JsonNode arguments) {
    Entry entry = byName.get(name);
    if (entry == null || entry.schema == null) {
      return Optional.empty();
    }
    return Optional.ofNullable(
        entry.foreign
            ? ForeignSchemas.fault(entry.schema, arguments)
            : Schemas.fault(entry.schema, arguments));
  }
}

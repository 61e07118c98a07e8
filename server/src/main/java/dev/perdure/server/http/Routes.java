package dev.perdure.server.http;

import io.helidon.http.Method;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The table of all operations. Immutable, thread-safe. It takes the place of Helidon's routing so
 * that one table answers what exists, which methods it has and what the metrics call it.
 */
final class Routes {
  private final List<Entry> entries = new ArrayList<>();

  Routes(List<Route> routes) {
    Map<String, Map<Method, Route>> byTemplate = new LinkedHashMap<>();
    for (Route route : routes) {
      Map<Method, Route> methods =
          byTemplate.computeIfAbsent(route.template(), t -> new LinkedHashMap<>());
      if (methods.put(route.method(), route) != null) {
        throw new IllegalArgumentException("Twice: " + route.method() + " " + route.template());
      }
    }
    byTemplate.forEach((template, methods) ->
        entries.add(new Entry(methods.values().iterator().next().segments(), Map.copyOf(methods))));
  }

  /** What a path leads to. */
  record Match(Map<Method, Route> methods, Map<String, String> variables) {
    /** The route for a method; HEAD is answered like GET, without the body. */
    Optional<Route> route(Method method) {
      return Optional.ofNullable(methods.get(method.equals(Method.HEAD) ? Method.GET : method));
    }

    /** The value of an Allow header. */
    String allow() {
      List<String> names = new ArrayList<>();
      methods.keySet().forEach(method -> names.add(method.text()));
      if (methods.containsKey(Method.GET)) {
        names.add(Method.HEAD.text());
      }
      names.add(Method.OPTIONS.text());
      names.sort(null);
      return String.join(", ", names);
    }
  }

  /**
   * @param path as in the request line, still encoded; no segment of the API needs encoding
   */
  Optional<Match> match(String path) {
    if (!path.startsWith("/")) {
      return Optional.empty();
    }
    String[] segments = path.substring(1).split("/", -1);
    for (Entry entry : entries) {
      Optional<Map<String, String>> variables = entry.match(segments);
      if (variables.isPresent()) {
        return Optional.of(new Match(entry.methods, variables.get()));
      }
    }
    return Optional.empty();
  }

  private record Entry(List<String> template, Map<Method, Route> methods) {
    Entry(String[] template, Map<Method, Route> methods) {
      this(List.of(template), methods);
    }

    Optional<Map<String, String>> match(String[] segments) {
      if (segments.length != template.size()) {
        return Optional.empty();
      }
      Map<String, String> variables = new LinkedHashMap<>();
      for (int i = 0; i < segments.length; i++) {
        String expected = template.get(i);
        if (expected.startsWith("{")) {
          variables.put(expected.substring(1, expected.length() - 1), segments[i]);
        } else if (!expected.equals(segments[i])) {
          return Optional.empty();
        }
      }
      return Optional.of(variables);
    }
  }
}

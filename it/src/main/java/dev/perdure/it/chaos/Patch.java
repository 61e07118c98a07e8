package dev.perdure.it.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A planted bug: a change of sources in unified diff form (as {@code diff -u} writes it), behind
 * some lines of {@code Name: value} that say what it is about. Immutable.
 *
 * <p>Line numbers are only a hint, as for patch(1), but without its fuzz: all lines of a hunk, the
 * unchanged ones too, must be found next to each other.
 */
final class Patch {
  private static final Pattern HEAD = Pattern.compile("([A-Z][a-z]+): ?(.*)");
  private static final Pattern HUNK =
      Pattern.compile("@@ -(\\d+)(?:,\\d+)? \\+\\d+(?:,\\d+)? @@.*");
  private static final String NOWHERE = "/dev/null";

  private final String name;
  private final Map<String, String> head = new HashMap<>();
  private final List<Change> changes = new ArrayList<>();

  /** What becomes of one file. */
  private record Change(String file, boolean creates, List<Hunk> hunks) {}

  /**
   * Some lines and what to put in their place.
   *
   * @param line where they stood when the patch was made, from 0
   */
  private record Hunk(int line, List<String> before, List<String> after) {}

  private Patch(String name, List<String> lines) {
    this.name = name;
    boolean creates = false;
    for (String line : lines) {
      Matcher header = HEAD.matcher(line);
      Matcher hunk = HUNK.matcher(line);
      if (changes.isEmpty() && header.matches()) {
        head.put(header.group(1), header.group(2).strip());
      } else if (line.startsWith("--- ")) {
        creates = line.substring(4).equals(NOWHERE);
      } else if (line.startsWith("+++ b/")) {
        changes.add(new Change(line.substring(6), creates, new ArrayList<>()));
      } else if (hunk.matches()) {
        int at = Math.max(0, Integer.parseInt(hunk.group(1)) - 1);
        changes.getLast().hunks.add(new Hunk(at, new ArrayList<>(), new ArrayList<>()));
      } else if (!changes.isEmpty() && !line.isEmpty()) {
        line(changes.getLast().hunks.getLast(), line);
      }
    }
    if (changes.isEmpty()) {
      throw new IllegalArgumentException(name + " changes nothing");
    }
  }

  private void line(Hunk hunk, String line) {
    String text = line.substring(1);
    switch (line.charAt(0)) {
      case ' ' -> {
        hunk.before.add(text);
        hunk.after.add(text);
      }
      case '-' -> hunk.before.add(text);
      case '+' -> hunk.after.add(text);
      default -> throw new IllegalArgumentException(name + ": not a line of a diff: " + line);
    }
  }

  static Patch read(Path file) {
    try {
      String name = file.getFileName().toString().replace(".patch", "");
      return new Patch(name, Files.readAllLines(file));
    } catch (IOException e) {
      throw new UncheckedIOException("The patch " + file + " cannot be read", e);
    }
  }

  @Override
  public String toString() {
    return name;
  }

  String name() {
    return name;
  }

  /** One of the lines in front of the diff; empty if it is not there. */
  String head(String key) {
    return head.getOrDefault(key, "");
  }

  List<String> files() {
    return changes.stream().map(Change::file).toList();
  }

  /**
   * Writes the changed files under another root.
   *
   * @throws IllegalArgumentException if a hunk is not found in its file
   */
  void apply(Path from, Path to) {
    for (Change change : changes) {
      try {
        List<String> lines =
            change.creates
                ? new ArrayList<>()
                : new ArrayList<>(Files.readAllLines(from.resolve(change.file)));
        int grown = 0;
        for (Hunk hunk : change.hunks) {
          int at = find(lines, hunk, change, hunk.line + grown);
          lines.subList(at, at + hunk.before.size()).clear();
          lines.addAll(at, hunk.after);
          grown += hunk.after.size() - hunk.before.size();
        }
        Path target = to.resolve(change.file);
        Files.createDirectories(target.getParent());
        Files.write(target, lines);
      } catch (IOException e) {
        throw new UncheckedIOException("The patch " + name + " cannot be applied", e);
      }
    }
  }

  private int find(List<String> lines, Hunk hunk, Change change, int hint) {
    int best = -1;
    for (int at = 0; at + hunk.before.size() <= lines.size(); at++) {
      boolean here = lines.subList(at, at + hunk.before.size()).equals(hunk.before);
      if (here && (best < 0 || Math.abs(at - hint) < Math.abs(best - hint))) {
        best = at;
      }
    }
    if (best < 0) {
      throw new IllegalArgumentException(
          "The patch "
              + name
              + " does not apply: "
              + change.file
              + " has nowhere\n"
              + String.join("\n", hunk.before)
              + "\nMake the patch anew against the present sources.");
    }
    return best;
  }
}

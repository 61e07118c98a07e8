package dev.perdure.it.chaos;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.perdure.it.check.Observation;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The history of one session, on disk: a line of JSON for each observation. Thread-safe. */
final class Recorder {
  static final ObjectMapper JSON = new ObjectMapper();

  private final Path file;

  Recorder(Path file) {
    this.file = file;
  }

  synchronized void record(Observation seen) {
    try {
      String line = JSON.writerFor(Observation.class).writeValueAsString(seen);
      // Opened for each line: there may be more sessions than a process may have files open.
      Files.writeString(file, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new UncheckedIOException("The history cannot be written to " + file, e);
    }
  }

  /** All of it, in the order in which it was recorded. */
  synchronized List<Observation> read() {
    try {
      List<Observation> seen = new ArrayList<>();
      if (!Files.exists(file)) {
        return seen;
      }
      try (Stream<String> lines = Files.lines(file)) {
        for (String line : (Iterable<String>) lines::iterator) {
          seen.add(JSON.readValue(line, Observation.class));
        }
      }
      return seen;
    } catch (IOException e) {
      throw new UncheckedIOException("The history cannot be read from " + file, e);
    }
  }
}

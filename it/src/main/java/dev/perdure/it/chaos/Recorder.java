package dev.perdure.it.chaos;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.perdure.it.check.Observation;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** The history of one session, on disk: a line of JSON for each observation. Thread-safe. */
final class Recorder implements AutoCloseable {
  static final ObjectMapper JSON = new ObjectMapper();

  private final Path file;
  private final BufferedWriter writer;

  Recorder(Path file) {
    this.file = file;
    try {
      writer = Files.newBufferedWriter(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  synchronized void record(Observation seen) {
    try {
      writer.write(JSON.writerFor(Observation.class).writeValueAsString(seen));
      writer.newLine();
    } catch (IOException e) {
      throw new UncheckedIOException("The history cannot be written to " + file, e);
    }
  }

  /** All of it, in the order in which it was recorded. */
  List<Observation> read() {
    try {
      synchronized (this) {
        writer.flush();
      }
      List<Observation> seen = new ArrayList<>();
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

  @Override
  public synchronized void close() {
    try {
      writer.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

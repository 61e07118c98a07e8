package dev.perdure.server.http;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEventCodec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * The logs of {@code protocol/transcripts} through projections. What comes out is compared with
 * {@code src/test/golden/DOOR/NAME.txt}; with {@code -Dperdure.golden=write} those files are
 * written instead, to be read before they are committed.
 */
public final class Transcripts {
  private static final Path GOLDEN = directory("server/src/test/golden", "src/test/golden");
  private static final Path LOGS = directory("protocol/transcripts", "../protocol/transcripts");

  private Transcripts() {}

  private static Path directory(String fromRoot, String fromModule) {
    Path here = Path.of("").toAbsolutePath();
    Path path = here.resolve(fromModule).normalize();
    return Files.isDirectory(path) ? path : here.resolve(fromRoot);
  }

  public static Stream<String> names() throws IOException {
    try (Stream<Path> files = Files.list(LOGS)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(".jsonl"))
          .map(name -> name.substring(0, name.length() - ".jsonl".length()))
          .sorted()
          .toList()
          .stream();
    }
  }

  /** The events of a transcript; all times are 1,700,000,000,000. */
  public static List<TurnEvent> events(String name) throws IOException {
    List<String> lines = Files.readAllLines(LOGS.resolve(name + ".jsonl"), UTF_8);
    List<TurnEvent> events = new ArrayList<>();
    for (String line : lines.subList(1, lines.size() - 1)) {
      byte[] bytes = line.replace("\"at\":\"AT\"", "\"at\":1700000000000").getBytes(UTF_8);
      events.add(TurnEventCodec.decode(bytes, 0, bytes.length).event());
    }
    return events;
  }

  /** The sequence numbers of the waits for somebody. */
  public static List<Long> waits(List<TurnEvent> log) {
    List<Long> waits = new ArrayList<>();
    for (int seq = 0; seq < log.size(); seq++) {
      if (log.get(seq) instanceof TurnEvent.TurnWaiting e && KnownLog.forSomebody(e.waitsFor())) {
        waits.add((long) seq);
      }
    }
    return waits;
  }

  /** All that a projection writes. */
  public static String project(List<TurnEvent> events, Projection projection) {
    FrameBuffer out = new FrameBuffer();
    for (int seq = 0; seq < events.size(); seq++) {
      if (projection.apply(seq, events.get(seq), out) != Projection.Then.GO_ON) {
        break;
      }
    }
    return new String(out.bytes(), 0, out.length(), UTF_8);
  }

  public static void assertGolden(String door, String name, String actual) throws IOException {
    Path file = GOLDEN.resolve(door).resolve(name + ".txt");
    if ("write".equals(System.getProperty("perdure.golden"))) {
      Files.createDirectories(file.getParent());
      Files.writeString(file, actual);
    }
    assertThat(file)
        .as("Write it with -Dperdure.golden=write, and read it before it is committed")
        .exists();
    assertThat(actual).isEqualTo(Files.readString(file));
  }
}

package dev.perdure.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordedFrame;
import jdk.jfr.consumer.RecordedStackTrace;
import jdk.jfr.consumer.RecordingFile;
import org.jspecify.annotations.Nullable;

/**
 * Where the server's CPU time goes: a load run with the JDK's Flight Recorder in the measured
 * phase, its samples added up by package. Uses CPU-time samples where the JDK has them (Linux, from
 * 25 on; JEP 509), which count native code such as socket writes and SQLite too, else samples of
 * Java code only.
 */
final class Profile implements LoadDriver.Watcher {
  private static final String OWN = "dev.perdure.";
  private static final int SHOWN_METHODS = 25;
  private static final String CPU_SAMPLE = "jdk.CPUTimeSample";
  private static final String JAVA_SAMPLE = "jdk.ExecutionSample";
  private static final String SETTINGS =
      """
      <?xml version="1.0" encoding="UTF-8"?>
      <configuration version="2.0" label="Perdure bench">
        <event name="jdk.CPUTimeSample">
          <setting name="enabled">true</setting>
          <setting name="throttle">10 ms</setting>
          <setting name="stackTrace">true</setting>
        </event>
        <event name="jdk.ExecutionSample">
          <setting name="enabled">true</setting>
          <setting name="period">10 ms</setting>
          <setting name="stackTrace">true</setting>
        </event>
      </configuration>
      """;

  private final Path directory;
  private Map<String, Double> threadsBefore = Map.of();
  private final Map<String, Double> threads = new TreeMap<>();

  private Profile(Path directory) {
    this.directory = directory;
  }

  static int run(List<String> args) throws IOException, InterruptedException {
    LoadOptions given =
        LoadOptions.parse(
            args,
            LoadOptions.parse(
                List.of(
                    "--no-memory",
                    "--turns",
                    "500",
                    "--target",
                    "sqlite,postgres",
                    "--server-jvm",
                    "-XX:FlightRecorderOptions=stackdepth=128"),
                LoadOptions.DEFAULT));
    for (String target : given.targets()) {
      for (int turns : given.turns()) {
        Path directory = Files.createTempDirectory("perdure-profile-");
        Profile profile = new Profile(directory);
        System.err.printf("perdure bench: profiling %d turns on %s …%n", turns, target);
        LoadResult result = new LoadDriver(given, profile).run(target, turns);
        System.out.printf("%n### %s, %d turns%n%n", target, turns);
        System.out.print(Table.of(List.of(result.json())));
        profile.print(result);
      }
    }
    return 0;
  }

  private static ProcessHandle jvm(Scene scene) {
    return scene
        .jvm()
        .orElseThrow(() -> new IllegalArgumentException("Only a JVM can be profiled."));
  }

  private Path recording() {
    return directory.resolve("server.jfr");
  }

  @Override
  public void measuring(Scene scene) throws IOException, InterruptedException {
    Path settings = directory.resolve("settings.jfc");
    Files.writeString(settings, SETTINGS, StandardCharsets.UTF_8);
    Jcmd.run(jvm(scene).pid(), "JFR.start", "name=bench", "settings=" + settings);
    threadsBefore = ProcessMeter.cpuByThreadKind(jvm(scene));
  }

  @Override
  public void measured(Scene scene) throws IOException, InterruptedException {
    ProcessMeter.cpuByThreadKind(jvm(scene))
        .forEach((kind, after) -> threads.put(kind, after - threadsBefore.getOrDefault(kind, 0.0)));
    Jcmd.run(jvm(scene).pid(), "JFR.stop", "name=bench", "filename=" + recording());
  }

  private void print(LoadResult result) throws IOException {
    print("threads of the server", threads, "CPU-s per million", 1e6 / result.tally().chunks);
    Samples samples = samples();
    System.out.printf("%n%d samples of %s.%n", samples.total, samples.kind);
    double share = 100.0 / Math.max(1, samples.total);
    print("in code of", samples.self, "%", share);
    print("on behalf of", samples.behalf, "%", share);
    print("on behalf of the method", samples.methods, "%", share);
    print("in the method", samples.tops, "%", share);
  }

  private static void print(String title, Map<String, Double> values, String unit, double factor) {
    System.out.printf("%n| %s | %s |%n|---|---|%n", title, unit);
    values.entrySet().stream()
        .sorted(Map.Entry.<String, Double>comparingByValue(Comparator.reverseOrder()))
        .limit(SHOWN_METHODS)
        .forEach(entry ->
            System.out.printf(
                Locale.ROOT, "| %s | %.1f |%n", entry.getKey(), entry.getValue() * factor));
  }

  /** Samples, added up in four ways. */
  private static final class Samples {
    private final String kind;
    private int total;
    private final Map<String, Double> self = new HashMap<>();
    private final Map<String, Double> behalf = new HashMap<>();
    private final Map<String, Double> methods = new HashMap<>();
    private final Map<String, Double> tops = new HashMap<>();

    Samples(String kind) {
      this.kind = kind;
    }

    void add(@Nullable RecordedStackTrace trace) {
      total++;
      List<RecordedFrame> frames = trace == null ? List.of() : trace.getFrames();
      if (frames.isEmpty()) {
        count(self, "(no stack)");
        count(behalf, "(no stack)");
        return;
      }
      RecordedFrame top = frames.getFirst();
      count(self, group(type(top)));
      count(tops, type(top) + "." + top.getMethod().getName());
      for (RecordedFrame frame : frames) {
        String type = type(frame);
        if (type.startsWith(OWN)) {
          count(behalf, type.substring(0, type.lastIndexOf('.')));
          count(methods, type + "." + frame.getMethod().getName() + ":" + frame.getLineNumber());
          return;
        }
      }
      count(behalf, "(" + outermost(frames) + ")");
    }

    private static void count(Map<String, Double> counts, String key) {
      counts.merge(key, 1.0, Double::sum);
    }
  }

  private static String type(RecordedFrame frame) {
    return frame.getMethod().getType().getName();
  }

  /** The library that runs without any code of ours above it. */
  private static String outermost(List<RecordedFrame> frames) {
    for (RecordedFrame frame : frames.reversed()) {
      String group = group(type(frame));
      if (!group.startsWith("java.") && !group.startsWith("jdk.")) {
        return group;
      }
    }
    return "scheduling of virtual threads and other code of the JDK";
  }

  /** The first three parts of a package, or all of ours. */
  private static String group(String type) {
    String owner = type.contains(".") ? type.substring(0, type.lastIndexOf('.')) : "(none)";
    if (owner.startsWith(OWN)) {
      return owner;
    }
    List<String> parts = new ArrayList<>(List.of(owner.split("\\.")));
    return String.join(".", parts.subList(0, Math.min(3, parts.size())));
  }

  private Samples samples() throws IOException {
    Samples cpu = new Samples("CPU time (each 10 ms of a thread's CPU time)");
    Samples java = new Samples("running Java code (20 ms)");
    try (RecordingFile file = new RecordingFile(recording())) {
      while (file.hasMoreEvents()) {
        RecordedEvent event = file.readEvent();
        switch (event.getEventType().getName()) {
          case CPU_SAMPLE -> cpu.add(event.getStackTrace());
          case JAVA_SAMPLE -> java.add(event.getStackTrace());
          default -> {}
        }
      }
    }
    return cpu.total > 0 ? cpu : java;
  }
}

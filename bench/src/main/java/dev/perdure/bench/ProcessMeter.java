package dev.perdure.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * What processes have used. Linux tells it in {@code /proc} (see proc(5)); elsewhere only the CPU
 * time is known. Stateless.
 */
final class ProcessMeter {
  /** The unit of CPU times in /proc: USER_HZ, 100 on every Linux that Java runs on. */
  private static final double TICKS_PER_SECOND = 100;

  private static final String COMPILER = "JIT compiler";
  private static final Path PROC = Path.of("/proc");

  private ProcessMeter() {}

  /** CPU seconds of the process, its children, and their children, dead or alive. */
  static double treeCpuSeconds(ProcessHandle root) {
    try (Stream<ProcessHandle> below = root.descendants()) {
      return Stream.concat(Stream.of(root), below)
          .mapToDouble(process -> cpuSeconds(process, true))
          .sum();
    }
  }

  /** CPU seconds of the process alone. */
  static double cpuSeconds(ProcessHandle process) {
    return cpuSeconds(process, false);
  }

  private static double cpuSeconds(ProcessHandle process, boolean withDeadChildren) {
    try {
      String[] fields = stat(PROC.resolve(Long.toString(process.pid())));
      long ticks = Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
      if (withDeadChildren) {
        ticks += Long.parseLong(fields[13]) + Long.parseLong(fields[14]);
      }
      return ticks / TICKS_PER_SECOND;
    } catch (IOException e) {
      return process.info().totalCpuDuration().map(Duration::toMillis).orElse(0L) / 1000.0;
    }
  }

  /** The fields of {@code stat} from the third on: the second is a name and may hold anything. */
  private static String[] stat(Path directory) throws IOException {
    String line = Files.readString(directory.resolve("stat"));
    return line.substring(line.lastIndexOf(')') + 2).split(" ", -1);
  }

  /** Resident memory in KiB of the process and all below it, shared pages counted each time. */
  static long treeResidentKib(ProcessHandle root) {
    try (Stream<ProcessHandle> below = root.descendants()) {
      return Stream.concat(Stream.of(root), below)
          .mapToLong(process -> residentKib(process).orElse(0L))
          .sum();
    }
  }

  /** Resident memory of the process in KiB; empty where it is not known. */
  static Optional<Long> residentKib(ProcessHandle process) {
    Path status = PROC.resolve(Long.toString(process.pid())).resolve("status");
    try (Stream<String> lines = Files.lines(status)) {
      return lines
          .filter(line -> line.startsWith("VmRSS:"))
          .map(line -> Long.parseLong(line.replaceAll("\\D", "")))
          .findFirst();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** CPU seconds of a JVM's JIT compiler. */
  static double compilerSeconds(ProcessHandle jvm) {
    return cpuByThreadKind(jvm).getOrDefault(COMPILER, 0.0);
  }

  /** CPU seconds of each kind of a JVM's threads; empty where they are not known. */
  static Map<String, Double> cpuByThreadKind(ProcessHandle jvm) {
    Map<String, Double> out = new TreeMap<>();
    Path tasks = PROC.resolve(Long.toString(jvm.pid())).resolve("task");
    try (Stream<Path> threads = Files.list(tasks)) {
      for (Path thread : threads.toList()) {
        String name = Files.readString(thread.resolve("comm")).strip();
        String[] fields = stat(thread);
        long ticks = Long.parseLong(fields[11]) + Long.parseLong(fields[12]);
        out.merge(kind(name), ticks / TICKS_PER_SECOND, Double::sum);
      }
    } catch (IOException e) {
      // A thread has ended meanwhile, or this is no Linux: what is known so far.
    }
    return out;
  }

  private static String kind(String thread) {
    if (thread.startsWith("C1 ") || thread.startsWith("C2 ")) {
      return COMPILER;
    }
    if (thread.startsWith("G1 ") || thread.startsWith("GC ") || thread.equals("VM Thread")) {
      return "garbage collector";
    }
    if (thread.startsWith("ForkJoinPool-1")) {
      return "virtual threads";
    }
    if (thread.startsWith("VM ") || thread.startsWith("JFR ")) {
      return "JVM's own";
    }
    return "platform thread " + thread.replaceAll("[-# ]*\\d+$", "");
  }

  /** CPU seconds of everything on this machine since it started; NaN where it is not known. */
  static double machineCpuSeconds() {
    try (Stream<String> lines = Files.lines(PROC.resolve("stat"))) {
      String[] fields = lines.findFirst().orElse("").split(" +", -1);
      long ticks = 0;
      for (int i = 1; i <= 8; i++) {
        boolean idle = i == 4 || i == 5;
        ticks += idle ? 0 : Long.parseLong(fields[i]);
      }
      return ticks / TICKS_PER_SECOND;
    } catch (IOException | NumberFormatException | ArrayIndexOutOfBoundsException e) {
      return Double.NaN;
    }
  }

  /** How many processes want to run, over the last minute; empty where it is not known. */
  static Optional<Double> loadAverage() {
    double load =
        java.lang.management.ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage();
    return load < 0 ? Optional.empty() : Optional.of(load);
  }
}

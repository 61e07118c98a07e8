package dev.perdure.bench;

import dev.perdure.protocol.TurnEvent;
import dev.perdure.protocol.TurnEvent.PartDelta;
import dev.perdure.protocol.TurnEventCodec;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** One event to its line and back: paid for every token. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class CodecBenchmark {
  /** A token; a token that needs escapes and more than ASCII; a paragraph. */
  @Param({"token", "escapes", "paragraph"})
  public String text = "";

  private TurnEvent event = new PartDelta(0, 1, 0, "");
  private byte[] line = {};

  @Setup
  public void prepare() {
    String content =
        switch (text) {
          case "token" -> " answer";
          case "escapes" -> "\"naïve\"\n→ 漢";
          default -> "The quick brown fox jumps over the lazy dog. ".repeat(12);
        };
    event = new PartDelta(0, 1, 0, content);
    line = TurnEventCodec.encode(1234, event);
  }

  @Benchmark
  public byte[] encode() {
    return TurnEventCodec.encode(1234, event);
  }

  @Benchmark
  public TurnEventCodec.Line decode() {
    return TurnEventCodec.decode(line, 0, line.length);
  }
}

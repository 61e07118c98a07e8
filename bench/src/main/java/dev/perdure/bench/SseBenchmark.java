package dev.perdure.bench;

import dev.perdure.provider.ProviderException;
import dev.perdure.provider.http.SseParser;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** A provider's event stream to events, one chunk of OpenAI's wire being one operation. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class SseBenchmark {
  private static final int CHUNKS = 100;
  private static final String CHUNK =
      """
      data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,\
      "model":"fake","choices":[{"index":0,"delta":{"content":" answer"},"finish_reason":null}]}

      """;

  /** Bytes of one read: an event at a time, as they come live, or a burst. */
  @Param({"193", "8192"})
  public int readBytes;

  private byte[] stream = {};
  private long seen;

  @Setup
  public void prepare() {
    stream = CHUNK.repeat(CHUNKS).getBytes(StandardCharsets.UTF_8);
  }

  @Benchmark
  @OperationsPerInvocation(CHUNKS)
  public long parse() throws IOException, ProviderException {
    SseParser parser = new SseParser((name, data, length) -> seen += length);
    for (int from = 0; from < stream.length; from += readBytes) {
      parser.feed(stream, from, Math.min(stream.length, from + readBytes));
    }
    return seen;
  }
}

package dev.perdure.server.http;

import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.Source;
import dev.perdure.protocol.TokenUsage;
import dev.perdure.provider.ModelEvent;
import dev.perdure.provider.ModelEvent.Delta;
import dev.perdure.provider.ModelEvent.Finished;
import dev.perdure.provider.ModelEvent.Usage;
import dev.perdure.provider.ModelProvider;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelStream;
import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderException.Kind;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A provider that says what a test tells it to say, when it tells it. */
final class HandProvider implements ModelProvider {
  private static final long PATIENCE_SECONDS = 20;

  private final LinkedBlockingQueue<Call> calls = new LinkedBlockingQueue<>();

  @Override
  public String name() {
    return "hand";
  }

  @Override
  public ModelStream open(ModelRequest request) {
    Call call = new Call(request);
    calls.add(call);
    return call;
  }

  /** The next call that the engine makes. */
  Call call() throws InterruptedException {
    Call call = calls.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
    if (call == null) {
      throw new AssertionError("No call within " + PATIENCE_SECONDS + " s");
    }
    return call;
  }

  /** One call, steered by the test. */
  static final class Call implements ModelStream {
    private static final Object CLOSED = new Object();

    final ModelRequest request;
    private final LinkedBlockingQueue<Object> script = new LinkedBlockingQueue<>();

    private boolean finished;
    private int textPart;

    private Call(ModelRequest request) {
      this.request = request;
    }

    Call say(String text) {
      script.add(new Delta(textPart, PartKind.TEXT, text));
      return this;
    }

    /** Only before anything is said. */
    Call think(String text) {
      textPart = 1;
      script.add(new Delta(0, PartKind.REASONING, text));
      return this;
    }

    Call cite(String url, String title) {
      Source.page(url, title).ifPresent(page -> script.add(new ModelEvent.Cited(page)));
      return this;
    }

    /** Asks for a tool. */
    Call ask(String tool, String input) {
      script.add(new ModelEvent.ToolCall(null, tool, input));
      return this;
    }

    void finish() {
      script.add(new Usage(new TokenUsage(3, 2, 0, 0)));
      script.add(new Finished(FinishReason.STOP));
    }

    void fail() {
      script.add(new ProviderException(Kind.INVALID, "told to fail"));
    }

    @Override
    public @Nullable ModelEvent next() throws ProviderException {
      try {
        if (finished) {
          return null;
        }
        Object next = script.take();
        finished = next instanceof Finished;
        if (next instanceof ProviderException e) {
          throw e;
        }
        if (next instanceof ModelEvent event) {
          return event;
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      throw new ProviderException(Kind.CANCELLED, "closed");
    }

    @Override
    public void close() {
      script.add(CLOSED);
    }
  }
}

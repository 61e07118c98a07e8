package dev.perdure.engine;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.Json;
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
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;

/**
 * A provider that plays scripts: for each model a list of calls, each a list of steps such as
 * {@code {"text":"Hel"}}, {@code {"reasoning":"hm"}}, {@code {"cite":"https://…"}}, {@code
 * {"usage":[1,2]}}, {@code {"finish":"stop"}}, {@code {"fail":"server"}}, {@code {"hold":true}}
 * (until the call is closed or {@link #letGo}). Thread-safe.
 */
final class ScriptedProvider implements ModelProvider {
  private final Map<String, Deque<JsonNode>> calls = new HashMap<>();
  private final List<ModelRequest> requests = new ArrayList<>();
  private final List<Play> open = new ArrayList<>();

  @Override
  public String name() {
    return "script";
  }

  /** Adds a call of a model to the script. */
  synchronized void script(String model, JsonNode steps) {
    calls.computeIfAbsent(model, m -> new ArrayDeque<>()).add(steps);
  }

  /** The requests of the calls that were really made, in order. */
  synchronized List<ModelRequest> requests() {
    return List.copyOf(requests);
  }

  /** Ends the hold that every open call is in, or comes to next. */
  synchronized void letGo() {
    open.forEach(play -> play.held.release());
  }

  @Override
  public ModelStream open(ModelRequest request) {
    return new Play(request);
  }

  private synchronized JsonNode begin(Play play) throws ProviderException {
    Deque<JsonNode> script = calls.getOrDefault(play.request.model(), new ArrayDeque<>());
    if (script.isEmpty()) {
      throw new ProviderException(Kind.INVALID, "Nothing is scripted for " + play.request.model());
    }
    requests.add(play.request);
    open.add(play);
    return script.remove();
  }

  private final class Play implements ModelStream {
    private final ModelRequest request;
    private final Semaphore held = new Semaphore(0);
    private volatile boolean closed;
    private @Nullable JsonNode steps;
    private int at;
    private int part = -1;
    private @Nullable PartKind kind;

    Play(ModelRequest request) {
      this.request = request;
    }

    @Override
    public @Nullable ModelEvent next() throws ProviderException {
      if (closed) {
        throw new ProviderException(Kind.CANCELLED, "closed");
      }
      JsonNode script = steps;
      if (script == null) {
        script = begin(this);
        steps = script;
      }
      if (at == script.size()) {
        return null;
      }
      JsonNode step = script.get(at++);
      String what = step.fieldNames().next();
      return switch (what) {
        case "text" -> delta(PartKind.TEXT, step.get(what).textValue());
        case "reasoning" -> delta(PartKind.REASONING, step.get(what).textValue());
        case "call" ->
            new ModelEvent.ToolCall(
                step.path("ref").textValue(),
                step.get(what).textValue(),
                Json.text(step.path("input")));
        case "cite" -> {
          Optional<Source> page =
              Source.page(step.get(what).textValue(), step.path("title").textValue());
          yield page.isPresent() ? new ModelEvent.Cited(page.get()) : next();
        }
        case "carried" -> new ModelEvent.Carried(Json.text(step.get(what)));
        case "usage" ->
            new Usage(
                new TokenUsage(
                    step.get(what).get(0).asLong(), step.get(what).get(1).asLong(), 0, 0));
        case "finish" -> new Finished(FinishReason.of(step.get(what).textValue()));
        case "fail" ->
            throw new ProviderException(
                Kind.valueOf(step.get(what).textValue().toUpperCase(Locale.ROOT)),
                step.path("says").asText("Scripted failure."),
                0,
                step.has("retryAfterMs")
                    ? Duration.ofMillis(step.get("retryAfterMs").asLong())
                    : null,
                null);
        case "hold" -> {
          hold();
          yield next();
        }
        default -> throw new IllegalArgumentException("Unknown step " + step);
      };
    }

    private Delta delta(PartKind of, String text) {
      if (kind != of) {
        kind = of;
        part++;
      }
      return new Delta(part, of, text);
    }

    private void hold() {
      try {
        held.acquire();
      } catch (InterruptedException e) {
        throw new IllegalStateException("Nobody interrupts a lane", e);
      }
    }

    @Override
    public void close() {
      closed = true;
      held.release(1_000);
    }
  }
}

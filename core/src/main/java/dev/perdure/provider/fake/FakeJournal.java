package dev.perdure.provider.fake;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the fake provider was asked and how it ended, for tests that must know. Thread-safe; keeps
 * the latest calls and prompts up to a bound, the counters go on.
 *
 * <pre>
 * {"received":3,"open":1,"completed":1,"faulted":0,"aborted":1,
 *  "connections":{"accepted":2,"open":1},
 *  "prompts":{"Hi":3},
 *  "calls":[{"id":1,"wire":"openai","model":"m","prompt":"Hi","tail":"Hi","received":"2026-…Z",
 *            "state":"open|completed|faulted|aborted","chunks":40,"ended":"2026-…Z"}]}
 * </pre>
 */
public final class FakeJournal {
  private static final int MAX_CALLS = 20_000;
  private static final int MAX_PROMPT_CHARS = 500;
  private static final int MAX_TAIL_CHARS = 100;

  /** How a call stands. */
  public enum State {
    OPEN,
    COMPLETED,
    FAULTED,
    ABORTED
  }

  /** One call; its fields are guarded by the journal. */
  static final class Call {
    final long id;
    final String wire;
    final String model;
    final String prompt;
    final String tail;
    final Instant received;
    private State state = State.OPEN;
    private @Nullable Instant ended;

    /** Written by the call's own thread, read when somebody asks. */
    volatile int chunks;

    Call(long id, FakeWire wire, Instant received) {
      this.id = id;
      this.wire = wire.name();
      this.model = wire.model();
      String whole = wire.prompt();
      this.prompt = shortened(whole);
      this.tail = whole.substring(Math.max(0, whole.length() - MAX_TAIL_CHARS));
      this.received = received;
    }
  }

  private final InstantSource clock;

  @GuardedBy("this")
  private final ArrayDeque<Call> calls = new ArrayDeque<>();

  @GuardedBy("this")
  private final Map<String, Integer> prompts = new HashMap<>();

  @GuardedBy("this")
  private final Map<State, Integer> states = new HashMap<>();

  @GuardedBy("this")
  private int connectionsAccepted;

  @GuardedBy("this")
  private int connectionsOpen;

  FakeJournal(InstantSource clock) {
    this.clock = clock;
  }

  synchronized Call begun(long id, FakeWire wire) {
    Call call = new Call(id, wire, clock.instant());
    if (calls.size() == MAX_CALLS) {
      calls.removeFirst();
    }
    calls.addLast(call);
    if (prompts.size() < MAX_CALLS || prompts.containsKey(call.prompt)) {
      prompts.merge(call.prompt, 1, Integer::sum);
    }
    states.merge(State.OPEN, 1, Integer::sum);
    return call;
  }

  /** Only the first end counts. */
  synchronized void ended(Call call, State state) {
    if (call.state == State.OPEN) {
      call.state = state;
      call.ended = clock.instant();
      states.merge(State.OPEN, -1, Integer::sum);
      states.merge(state, 1, Integer::sum);
    }
  }

  synchronized void connected() {
    connectionsAccepted++;
    connectionsOpen++;
  }

  synchronized void disconnected() {
    connectionsOpen--;
  }

  /** Forgets everything but what is still open. */
  synchronized void reset() {
    calls.removeIf(call -> call.state != State.OPEN);
    prompts.clear();
    calls.forEach(call -> prompts.merge(call.prompt, 1, Integer::sum));
    states.keySet().retainAll(java.util.Set.of(State.OPEN));
    connectionsAccepted = connectionsOpen;
  }

  /** How many calls stand so. */
  public synchronized int count(State state) {
    return states.getOrDefault(state, 0);
  }

  /** How many calls came, whatever became of them. */
  public synchronized int received() {
    return states.values().stream().mapToInt(Integer::intValue).sum();
  }

  public synchronized int connectionsAccepted() {
    return connectionsAccepted;
  }

  public synchronized int connectionsOpen() {
    return connectionsOpen;
  }

  /** All of it, as above. */
  public ObjectNode json() {
    return json(0);
  }

  /** The same, with only those calls whose id is greater: for a reader that collects them. */
  public synchronized ObjectNode json(long after) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("received", received());
    for (State state : State.values()) {
      json.put(wire(state), count(state));
    }
    json.putObject("connections").put("accepted", connectionsAccepted).put("open", connectionsOpen);
    ObjectNode byPrompt = json.putObject("prompts");
    prompts.forEach(byPrompt::put);
    ArrayNode list = json.putArray("calls");
    for (Call call : calls) {
      if (call.id <= after) {
        continue;
      }
      ObjectNode one = list.addObject();
      one.put("id", call.id).put("wire", call.wire).put("model", call.model);
      one.put("prompt", call.prompt)
          .put("tail", call.tail)
          .put("received", call.received.toString());
      one.put("state", wire(call.state)).put("chunks", call.chunks);
      if (call.ended != null) {
        one.put("ended", call.ended.toString());
      }
    }
    return json;
  }

  private static String wire(State state) {
    return state.name().toLowerCase(Locale.ROOT);
  }

  private static String shortened(String prompt) {
    return prompt.length() <= MAX_PROMPT_CHARS ? prompt : prompt.substring(0, MAX_PROMPT_CHARS);
  }
}

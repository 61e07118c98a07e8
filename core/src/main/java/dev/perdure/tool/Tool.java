package dev.perdure.tool;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Something that a model may ask for. Implementations are thread-safe; a call runs on a virtual
 * thread of its own, which is interrupted when its time is over or nobody waits for it any more.
 */
public interface Tool {

  Spec spec();

  /**
   * Makes one call. The arguments fit the schema.
   *
   * @return any JSON; a text node for text
   * @throws ToolException if it failed, and is known to have
   * @throws InterruptedException if it was stopped; as with any other exception, what came of it
   *     then counts as unknown
   */
  JsonNode run(Input input) throws ToolException, InterruptedException;

  /** How a call of it is undone when its reply fails or is cancelled; empty if it is not. */
  default Optional<Compensation> compensation() {
    return Optional.empty();
  }

  /**
   * Undoes a call. It is made again, with the same key, after a crash and after a failure, so it
   * must be idempotent by that key.
   */
  @FunctionalInterface
  interface Compensation {
    /** Returns what the ledger is to keep of it. */
    JsonNode run(Undo undo) throws ToolException, InterruptedException;
  }

  /**
   * A call to undo.
   *
   * @param call as it was made, with its key
   * @param output what it returned; null if it is not known what came of the call, so that there
   *     may be nothing to undo
   * @param key of the compensation
   */
  record Undo(Input call, @Nullable JsonNode output, String key) {}

  /**
   * What is said of a tool.
   *
   * @param name 1 to 64 letters, digits, {@code _} and {@code -}, as the vendors want it
   * @param description for the model
   * @param schema JSON Schema of the arguments, which are an object; not to be changed
   * @param limit how long one try of a call may take
   * @param retry of calls of which nobody knows whether they had their effect
   */
  record Spec(
      String name,
      String description,
      JsonNode schema,
      Effect effect,
      Approval approval,
      Duration limit,
      Retry retry) {
    public static final Duration DEFAULT_LIMIT = Duration.ofSeconds(30);

    /** A tool that is tried twice. */
    public Spec(
        String name,
        String description,
        JsonNode schema,
        Effect effect,
        Approval approval,
        Duration limit) {
      this(name, description, schema, effect, approval, limit, Retry.DEFAULT);
    }

    public Spec {
      if (!name.matches("[A-Za-z0-9_-]{1,64}")) {
        throw new IllegalArgumentException(
            "'" + name + "' is no name of a tool. Use 1 to 64 letters, digits, '_' and '-'.");
      }
    }
  }

  /**
   * How often a call is tried by one holder of its turn, if its tool may be repeated at all.
   *
   * @param tries at least 1
   * @param pause before the second try; twice as long before each further one, up to a minute
   */
  record Retry(int tries, Duration pause) {
    public static final Retry DEFAULT = new Retry(2, Duration.ZERO);
    private static final Duration LONGEST = Duration.ofMinutes(1);
    private static final int MAX_DOUBLINGS = 16;

    /** How long to wait behind a try, the first of which is 1. */
    public Duration behind(int run) {
      Duration wait = pause.multipliedBy(1L << Math.min(run - 1, MAX_DOUBLINGS));
      return wait.compareTo(LONGEST) < 0 ? wait : LONGEST;
    }
  }

  /** Whether somebody must agree to a call before it runs; see {@link ApprovalRule}. */
  @FunctionalInterface
  interface Approval {
    Approval NEVER = arguments -> false;
    Approval ALWAYS = arguments -> true;

    boolean needed(JsonNode arguments);

    /** Why it cannot be meant for arguments of this schema; empty if it can. */
    default Optional<String> fault(JsonNode schema) {
      return Optional.empty();
    }
  }

  /**
   * One call.
   *
   * @param arguments an object; not to be changed
   * @param key the same each time this call is made, and never that of another
   * @param tenant of the caller who owns the turn
   * @param owner of the turn
   */
  record Input(JsonNode arguments, String key, String tenant, String owner, String turn) {}
}

package dev.perdure.tool;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;

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

  /**
   * What is said of a tool.
   *
   * @param name 1 to 64 letters, digits, {@code _} and {@code -}, as the vendors want it
   * @param description for the model
   * @param schema JSON Schema of the arguments, which are an object; not to be changed
   * @param limit how long a call may take
   */
  record Spec(
      String name,
      String description,
      JsonNode schema,
      Effect effect,
      Approval approval,
      Duration limit) {
    public static final Duration DEFAULT_LIMIT = Duration.ofSeconds(30);

    public Spec {
      if (!name.matches("[A-Za-z0-9_-]{1,64}")) {
        throw new IllegalArgumentException(
            "'" + name + "' is no name of a tool. Use 1 to 64 letters, digits, '_' and '-'.");
      }
    }
  }

  /** Whether somebody must agree to a call before it runs. */
  @FunctionalInterface
  interface Approval {
    Approval NEVER = arguments -> false;
    Approval ALWAYS = arguments -> true;

    boolean needed(JsonNode arguments);
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

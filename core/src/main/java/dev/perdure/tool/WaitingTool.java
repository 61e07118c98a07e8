package dev.perdure.tool;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.protocol.WaitFor;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A tool whose call nobody makes: the turn waits, without a thread, for a time or for the user. It
 * asks for no approval, having no effect of its own, and is offered only where it is named.
 */
public interface WaitingTool extends Tool {

  /**
   * What a call waits for.
   *
   * @param kind TIME or INPUT
   * @param until when it is over; never null
   * @param accepts JSON Schema of an answer; null for any
   */
  record Wait(WaitFor kind, Instant until, @Nullable JsonNode accepts) {}

  /**
   * Reads the arguments, which fit the schema.
   *
   * @param now by the database's clock
   * @throws ToolException if they make no sense; the model is told
   */
  Wait begin(JsonNode arguments, Instant now) throws ToolException;

  @Override
  default JsonNode run(Input input) {
    throw new IllegalStateException("'" + spec().name() + "' is waited for, not run");
  }
}

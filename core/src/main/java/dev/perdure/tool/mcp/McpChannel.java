package dev.perdure.tool.mcp;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** A way to speak to one MCP server, from its beginning to its end. Thread-safe. */
interface McpChannel extends AutoCloseable {
  /** The largest message of a server, in bytes. */
  int MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

  String TOOLS_CHANGED = "notifications/tools/list_changed";

  /** What a server tells of itself unasked. */
  interface Listener {
    /** Its tools have changed. */
    void toolsChanged();

    /** The channel is of no more use. */
    void lost();
  }

  /**
   * Asks and waits for the answer.
   *
   * @return the member {@code result}
   */
  JsonNode request(String method, ObjectNode params, Duration limit)
      throws McpException, InterruptedException;

  /** Says something that is not answered. */
  void notify(String method, ObjectNode params, Duration limit)
      throws McpException, InterruptedException;

  /** From now on this version of the protocol is spoken. */
  default void speaks(String version) {}

  /** Why it ended, as far as the server has said; null if it has not. */
  default @Nullable String lastWords() {
    return null;
  }

  @Override
  void close();
}

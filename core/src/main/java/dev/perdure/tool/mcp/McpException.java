package dev.perdure.tool.mcp;

/** A request to an MCP server that was not answered as it should be. */
final class McpException extends Exception {
  private static final long serialVersionUID = 1L;

  /** How it failed. */
  enum Kind {
    /** The server cannot be reached; it has not seen the request. */
    UNREACHABLE,
    /** It has said no. */
    REFUSED,
    /** It may have done what it was asked for. */
    UNKNOWN,
    /** It has forgotten this client. */
    SESSION_LOST
  }

  private final Kind kind;

  McpException(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  Kind kind() {
    return kind;
  }

  /** Whether the connection is of no more use. */
  boolean lost() {
    return kind == Kind.UNREACHABLE || kind == Kind.SESSION_LOST;
  }
}

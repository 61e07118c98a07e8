package dev.perdure.engine;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.Structured;
import dev.perdure.chat.TurnRequest;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.FinishReason;
import dev.perdure.protocol.TurnError;
import dev.perdure.protocol.TurnEvent.Notice;
import dev.perdure.provider.ModelRequest.ModelMessage;
import dev.perdure.provider.ModelRequest.Role;
import dev.perdure.tool.OutputSchema;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The form that a reply must have: its check, and the one wish for a better reply. For one step's
 * thread.
 */
final class ReplyForm {
  /** What of a reply that does not fit goes back to the model, in UTF-16 units. */
  private static final int SAID_CHARS = 50_000;

  private static final String UNFIT = "The reply does not have the form that was asked for: ";

  private final OutputSchema schema;
  private List<ModelMessage> wish = List.of();

  private ReplyForm(OutputSchema schema) {
    this.schema = schema;
  }

  /** The form that a turn asks for; null if it asks for none. */
  static @Nullable ReplyForm of(TurnRequest request) {
    return request.output() == null
        ? null
        : new ReplyForm(OutputSchema.of(request.output().schema()));
  }

  /** What is wrong with a reply; null if nothing is. */
  @Nullable String fault(String text, FinishReason finish) {
    @Nullable JsonNode value = Structured.value(text);
    if (value != null) {
      return schema.fault(value);
    }
    return finish == FinishReason.LENGTH
        ? "it was cut off at the limit of its length"
        : "it is not one JSON object";
  }

  /** Wishes for a better reply; false if that was done before. */
  boolean wish(String said, String fault) {
    if (!wish.isEmpty()) {
      return false;
    }
    String shown = said.isBlank() ? "(nothing)" : said;
    wish =
        List.of(
            new ModelMessage(
                Role.ASSISTANT,
                shown.length() <= SAID_CHARS ? shown : shown.substring(0, SAID_CHARS) + "…"),
            new ModelMessage(
                Role.USER,
                "This reply cannot be used: "
                    + fault
                    + ". Reply again with the JSON object alone, and make it fit the schema."));
    return true;
  }

  static Notice notice(int lane, String fault) {
    return new Notice("retrying", UNFIT + fault + ". Asking once more.", lane);
  }

  static TurnError error(String fault) {
    return new TurnError(
        ErrorCode.INVALID_OUTPUT.wire(),
        UNFIT + fault + ". Simplify the schema, or try another model.",
        true);
  }

  /** What is said to the model after everything else. */
  List<ModelMessage> after() {
    return wish;
  }
}

package dev.perdure.context;

import dev.perdure.chat.Conversations;
import dev.perdure.chat.Message;
import dev.perdure.chat.Turn;
import dev.perdure.context.SystemPrompt.Section;
import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.ModelRequest;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * From what is stored to a model request: the system prompt of four authors, and as much of the
 * session's history as the model's window has room for, the newest first. Says to the {@link
 * ContextJournal} what it has used. Thread-safe.
 *
 * <p>Everything is read anew for each call, in one transaction, so there is nothing that could be
 * out of date; what is kept is only how many tokens a message has, which does not change.
 */
public final class ContextBuilder {
  /** How much more is read than is shown: lanes multiply the rows of a turn. */
  private static final int READ_MORE = 4;

  /** Kept free for the reply where the request does not say how long it may be, in tokens. */
  private static final int USUAL_REPLY = 8_192;

  private final Database database;
  private final ContextSettings settings;
  private final ContextJournal journal;
  private final ModelWindows windows;
  private final TokenCounter counter = new TokenCounter();

  /**
   * @throws PerdureException CONFIG if the settings name a window that is none
   */
  public ContextBuilder(Database database, ContextSettings settings, ContextJournal journal) {
    this.database = database;
    this.settings = settings;
    this.journal = journal;
    this.windows = new ModelWindows(settings.windows());
  }

  private record Stored(
      long position,
      @Nullable String session,
      Map<String, String> metadata,
      @Nullable String owner,
      Map<String, String> facts) {}

  private record Read(Stored stored, List<Message> history) {}

  /** Builds the request of one model call. */
  public ModelRequest build(Turn turn, ModelCall call) {
    Read read = database.read(tx -> read(tx, turn));
    ModelFamily family = windows.of(call.model());
    SystemPrompt prompt = prompt(turn, read.stored);
    List<ContextUse.Section> sections =
        prompt.pieces().stream()
            .map(piece ->
                new ContextUse.Section(piece.section().wire(), counter.count(family, piece.text())))
            .toList();
    int system = sections.stream().mapToInt(ContextUse.Section::tokens).sum();
    int reserved = reserved(turn, family);
    History.Chosen chosen =
        new History(counter, family, settings)
            .choose(read.history, turn.userMessage(), family.window() - reserved - system);
    journal.add(
        turn.id(),
        call,
        new ContextUse(
            family.window(),
            reserved,
            chosen.exact(),
            sections,
            chosen.shown(),
            chosen.leftOut(),
            chosen.why()));
    return new ModelRequest(
        call.vendorModel(),
        prompt.text(turn.session()),
        chosen.messages(),
        turn.request().params(),
        call.limits());
  }

  private Read read(Tx tx, Turn turn) throws SQLException {
    Stored stored =
        tx.one(
                """
                SELECT m.position, s.instructions, s.metadata, p.instructions, p.facts
                  FROM turn t
                  JOIN message m ON m.id = t.user_message
                  JOIN session s ON s.id = t.session_id
                  LEFT JOIN preference p ON p.tenant = t.tenant AND p.owner = t.owner
                 WHERE t.id = ?\
                """,
                row ->
                    new Stored(
                        row.getLong(1),
                        row.getString(2),
                        texts(row.getString(3)),
                        row.getString(4),
                        texts(row.getString(5))),
                turn.id())
            .orElseThrow(
                () -> new PerdureException(ErrorCode.NOT_FOUND, "The turn's session was deleted."));
    return new Read(
        stored,
        Conversations.history(
            tx,
            turn.session(),
            stored.position,
            READ_MORE * settings.messages(),
            (long) READ_MORE * settings.chars()));
  }

  private static Map<String, String> texts(@Nullable String json) {
    Map<String, String> out = new TreeMap<>();
    if (json != null) {
      Json.trusted(json)
          .properties()
          .forEach(entry -> out.put(entry.getKey(), entry.getValue().asText()));
    }
    return out;
  }

  private SystemPrompt prompt(Turn turn, Stored stored) {
    return new SystemPrompt()
        .add(Section.SERVER, settings.instructions())
        .add(Section.MESSAGE, turn.request().instructions())
        .add(Section.SESSION, stored.session)
        .add(Section.OWNER, stored.owner)
        .add(Section.FACTS, stored.facts)
        .add(Section.METADATA, stored.metadata);
  }

  /** What a reply may need, but never so much that there is hardly room for a question. */
  private static int reserved(Turn turn, ModelFamily family) {
    @Nullable Integer asked = turn.request().params().maxOutputTokens();
    return asked == null
        ? Math.min(USUAL_REPLY, family.window() / 4)
        : Math.min(asked, family.window() / 2);
  }
}

package dev.perdure.context;

import dev.perdure.chat.Caller;
import dev.perdure.chat.Conversations;
import dev.perdure.chat.Message;
import dev.perdure.chat.Turn;
import dev.perdure.context.SystemPrompt.Section;
import dev.perdure.db.Database;
import dev.perdure.db.Tx;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.protocol.Source;
import dev.perdure.provider.ModelRequest;
import dev.perdure.provider.ModelRequest.ModelMessage;
import dev.perdure.provider.ModelRequest.OutputSpec;
import dev.perdure.retrieval.Retriever;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * From what is stored to a model request: the system prompt of four authors, as much of the
 * session's history as the model's window has room for, the newest first, and what is found of
 * documents and of the messages that do not fit. Says to the {@link ContextJournal} what it has
 * used. Thread-safe.
 *
 * <p>Everything is read anew for each call, in one transaction, so there is nothing that could be
 * out of date; what is kept is only how many tokens a message has, which does not change.
 */
public final class ContextBuilder {
  private static final Logger LOG = System.getLogger(ContextBuilder.class.getName());

  /** How much more is read than is shown: lanes multiply the rows of a turn. */
  private static final int READ_MORE = 4;

  /** Kept free for the reply where the request does not say how long it may be, in tokens. */
  private static final int USUAL_REPLY = 8_192;

  /** What is found may take this part of the room: a quarter. */
  private static final int SHARE = 4;

  /** With less room than this, in tokens, all else would only take the place of messages. */
  private static final int MIN_ROOM = 1_024;

  /** And no more than this, however large the window: the rest would only be paid for. */
  private static final int MAX_EXCERPT_TOKENS = 6_000;

  /** A question that is not longer than this, in UTF-16 units, may need the one before it. */
  private static final int SHORT_QUESTION = 40;

  private final Database database;
  private final ContextSettings settings;
  private final ContextJournal journal;
  private final Retriever retriever;
  private final ModelWindows windows;
  private final TokenCounter counter = new TokenCounter();
  private final Setbacks setbacks = new Setbacks();

  /**
   * @throws PerdureException CONFIG if the settings name a window that is none
   */
  public ContextBuilder(
      Database database, ContextSettings settings, ContextJournal journal, Retriever retriever) {
    this.database = database;
    this.retriever = retriever;
    this.settings = settings;
    this.journal = journal;
    this.windows = new ModelWindows(settings.windows());
  }

  private record Stored(
      Caller caller,
      long position,
      boolean documents,
      boolean summaries,
      @Nullable String session,
      Map<String, String> metadata,
      @Nullable String owner,
      Map<String, String> facts) {}

  private record Read(Stored stored, List<Message> history, List<Summary> summaries) {}

  /**
   * A request, and what should be done to make a better one.
   *
   * @param sources the documents of which it shows pieces
   * @param compaction the summary that is wanting; null if none is, or this lane has made one
   */
  public record Built(
      ModelRequest request, List<Source> sources, @Nullable Compaction compaction) {}

  /** Builds the request of one model call. */
  public Built build(Turn turn, ModelCall call) {
    return gather(turn, call).build();
  }

  /** Reads what a request is made of, and begins to search. */
  public Gathered gather(Turn turn, ModelCall call) {
    return new Gathered(turn, call);
  }

  /**
   * What was read for a request; what is still searched can be waited for without holding anything
   * that others need. Used by one thread.
   */
  public final class Gathered {
    private final Turn turn;
    private final ModelCall call;
    private final Read read;
    private final ModelFamily family;
    private final @Nullable OutputSpec output;
    private final boolean told;
    private final SystemPrompt prompt;
    private final List<ContextUse.Section> sections;
    private final int reserved;
    private final int room;
    private final int share;
    private final History history;
    private final Past past;
    private final Retriever.@Nullable Search search;

    private Gathered(Turn turn, ModelCall call) {
      this.turn = turn;
      this.call = call;
      this.read = database.read(tx -> read(tx, turn));
      this.family = windows.of(call.model());
      this.output = OutputForm.of(turn.request().output());
      this.told = output != null && !call.forms(output);
      this.prompt = prompt(turn, read.stored, told ? output : null);
      this.sections =
          prompt.pieces().stream()
              .map(piece ->
                  new ContextUse.Section(
                      piece.section().wire(), counter.count(family, piece.text())))
              .toList();
      int system = sections.stream().mapToInt(ContextUse.Section::tokens).sum();
      this.reserved = reserved(turn, family);
      this.room = family.window() - reserved - system - call.offered().tokens();
      this.history = new History(counter, family, settings, read.history, turn.userMessage());
      this.share = Math.min(room / SHARE, MAX_EXCERPT_TOKENS);
      // What excerpts may need is kept free of history that a summary could stand for.
      this.past = past(history, read.summaries, room - share);
      boolean sought =
          read.stored.documents
              || past.since != null
              || history.choose(room, null).why() != ContextUse.Why.NONE;
      // Searched is what might be pushed out; what is found then takes only the room it needs.
      this.search =
          sought && room >= MIN_ROOM
              ? search(turn, read, history.choose(room - share, past.since).leftOut())
              : null;
    }

    /** Waits for the search, but not for long. */
    public void await() {
      if (search != null) {
        search.await();
      }
    }

    /** Reads the rest, and makes the request; waits if that was not done before. */
    public Built build() {
      @Nullable Summary since = past.since;
      Excerpts found = search == null ? Excerpts.NONE : excerpts(turn, search, family, share);
      History.Chosen chosen = history.choose(room - found.tokens(), since);
      Excerpts excerpts = found.without(chosen.ids());
      Messages shown = messages(turn, read.stored.caller, chosen, call);
      journal.add(
          turn.id(),
          call,
          new ContextUse(
              family.window(),
              reserved,
              chosen.exact(),
              sections,
              chosen.shown(),
              excerpts.used(),
              shown.files,
              since == null ? null : new ContextUse.Given(since.id(), history.cost(since)),
              ContextUse.Tools.of(call.offered()),
              chosen.leftOut(),
              chosen.why() == ContextUse.Why.NONE && since != null ? past.why : chosen.why(),
              excerpts.semantic()));
      List<ModelMessage> messages = excerpts.before(turn.session(), shown.messages);
      ModelRequest request =
          new ModelRequest(
                  call.vendorModel(),
                  prompt.text(turn.session()),
                  since == null ? messages : since.before(turn.session(), messages),
                  turn.request().params(),
                  call.limits())
              .inForm(told ? null : output);
      return new Built(
          request,
          excerpts.sources(),
          past.fits ? null : compaction(turn, call, history, room, read));
    }
  }

  /**
   * What stands for the older messages.
   *
   * @param since the summary; null for none
   * @param fits whether nothing is left out that no summary covers
   * @param why not everything is shown word for word
   */
  private record Past(@Nullable Summary since, boolean fits, ContextUse.Why why) {}

  /**
   * Everything word for word if it fits; else the summary that covers least of those with which the
   * rest fits; else the one that covers most.
   */
  private static Past past(History history, List<Summary> summaries, int budget) {
    ContextUse.Why why = history.choose(budget, null).why();
    if (why == ContextUse.Why.NONE) {
      return new Past(null, true, why);
    }
    List<Summary> onBranch =
        summaries.stream()
            .filter(history::holds)
            .filter(each -> history.cost(each) <= budget / 2)
            .toList();
    for (Summary each : onBranch.reversed()) {
      if (history.choose(budget, each).why() == ContextUse.Why.NONE) {
        return new Past(each, true, why);
      }
    }
    return new Past(onBranch.isEmpty() ? null : onBranch.getFirst(), false, why);
  }

  /** That a summary could not be made: for some turns of the session none will be asked for. */
  public void compactionFailed(Turn turn) {
    setbacks.add(turn);
  }

  private @Nullable Compaction compaction(
      Turn turn, ModelCall call, History history, int room, Read read) {
    boolean made =
        read.summaries.stream()
            .anyMatch(each -> each.turn().equals(turn.id()) && each.lane() == call.lane());
    if (!settings.summaries().on() || made || room < MIN_ROOM || setbacks.of(turn)) {
      return null;
    }
    @Nullable Summary last =
        read.summaries.stream().filter(history::holds).findFirst().orElse(null);
    return new CompactionPlan(history, counter, windows, settings)
        .of(turn.session(), call, room, last);
  }

  /** How many tokens a model's window has. */
  public int window(String model) {
    return windows.of(model).window();
  }

  private record Messages(List<ModelMessage> messages, List<ContextUse.Given> files) {}

  /** The messages with their files, whose contents are read only now that they are chosen. */
  private Messages messages(Turn turn, Caller owner, History.Chosen chosen, ModelCall call) {
    return database.read(tx -> {
      Attachments attachments = new Attachments(tx, owner, turn.session(), call);
      List<ModelMessage> messages = History.messages(chosen, attachments::of);
      return new Messages(messages, attachments.given());
    });
  }

  /** Begins to look for what of documents, and of messages that do not fit, matters. */
  private Retriever.@Nullable Search search(Turn turn, Read read, long leftOut) {
    try {
      return retriever.begin(
          new Retriever.Query(
              read.stored.caller,
              turn.session(),
              question(read.history, turn),
              leftOut,
              turn.userMessage()));
    } catch (PerdureException e) {
      goOnWithout(turn, e);
      return null;
    }
  }

  private Excerpts excerpts(Turn turn, Retriever.Search search, ModelFamily family, int budget) {
    try {
      return Excerpts.choose(search.found(), counter, family, budget);
    } catch (PerdureException e) {
      goOnWithout(turn, e);
      return Excerpts.NONE;
    }
  }

  /** A reply without excerpts is better than none; who is away for now is asked again. */
  private static void goOnWithout(Turn turn, PerdureException cause) {
    if (cause.code() != ErrorCode.INTERNAL) {
      throw cause;
    }
    LOG.log(
        Level.WARNING, "Turn " + turn.id() + " goes on without what could not be searched.", cause);
  }

  /** The user's message; if that says little, as "and why?" does, the one before it as well. */
  private static List<String> question(List<Message> history, Turn turn) {
    List<String> out = new ArrayList<>();
    for (Message message : history.reversed()) {
      boolean asked = message.id().equals(turn.userMessage());
      if (asked || (!out.isEmpty() && message.role() == Message.Role.USER)) {
        out.add(message.text());
      }
      if (out.size() == 2 || (!out.isEmpty() && out.getFirst().length() > SHORT_QUESTION)) {
        break;
      }
    }
    return out;
  }

  private Read read(Tx tx, Turn turn) throws SQLException {
    Stored stored =
        tx.one(
                """
                SELECT t.tenant, t.owner, m.position, s.instructions, s.metadata, p.instructions,
                       p.facts,\
                """
                    + " CASE WHEN "
                    + Retriever.HAS_DOCUMENTS
                    + " THEN 1 ELSE 0 END,"
                    + """
                       CASE WHEN EXISTS (SELECT 1 FROM summary y WHERE y.session_id = t.session_id)
                            THEN 1 ELSE 0 END
                      FROM turn t
                      JOIN message m ON m.id = t.user_message
                      JOIN session s ON s.id = t.session_id
                      LEFT JOIN preference p ON p.tenant = t.tenant AND p.owner = t.owner
                     WHERE t.id = ?\
                    """,
                row ->
                    new Stored(
                        new Caller(row.getString(1), row.getString(2)),
                        row.getLong(3),
                        row.getLong(8) != 0,
                        row.getLong(9) != 0,
                        row.getString(4),
                        texts(row.getString(5)),
                        row.getString(6),
                        texts(row.getString(7))),
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
            (long) READ_MORE * settings.chars()),
        stored.summaries ? Summary.of(tx, turn.session()) : List.of());
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

  private SystemPrompt prompt(Turn turn, Stored stored, @Nullable OutputSpec output) {
    return new SystemPrompt()
        .add(Section.SERVER, settings.instructions())
        .add(Section.OUTPUT, output == null ? null : OutputForm.words(output))
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

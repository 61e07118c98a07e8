package dev.perdure.engine;

import static dev.perdure.engine.EngineHarness.CALLER;
import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.Branches;
import dev.perdure.chat.Caller;
import dev.perdure.chat.Message;
import dev.perdure.chat.Message.Part;
import dev.perdure.chat.Message.Role;
import dev.perdure.chat.NewTurn;
import dev.perdure.chat.NewTurn.WhenBusy;
import dev.perdure.chat.Origin;
import dev.perdure.chat.Origin.Earlier;
import dev.perdure.chat.Origin.Spot;
import dev.perdure.chat.Session;
import dev.perdure.chat.Turn;
import dev.perdure.chat.TurnRequest;
import dev.perdure.chat.TurnRequest.Recovery;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.GenerationParams;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PartKind;
import dev.perdure.provider.ModelRequest.ModelMessage;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Branches of a session and names that clients give, on whatever database. */
abstract class BranchContract extends EngineFixture {
  private static final Caller OTHER = new Caller("acme", "bob");

  private Branches branches;
  private String session;

  @BeforeEach
  void start() {
    branches = new Branches(database, Ids.system());
    session = branches.openSession(CALLER, "chat");
    node.engine.start();
  }

  private Turn say(String text, Origin origin) throws Exception {
    script("a", "[{'text': 'to " + text + "'}, {'finish': 'stop'}]");
    List<Part> parts =
        origin.spot() instanceof Spot.Again ? List.of() : List.of(new Part(PartKind.TEXT, text));
    Turn turn =
        node.desk.submit(
            CALLER,
            session,
            new NewTurn(
                parts,
                new TurnRequest(
                    List.of("script/a"), List.of(), null, GenerationParams.NONE, Recovery.RESTART),
                WhenBusy.ENQUEUE,
                origin),
            null);
    node.awaitEnd(turn.id());
    return turn;
  }

  private static Origin under(@Nullable String parent, @Nullable String name) {
    return new Origin(new Spot.Under(parent), name, List.of(), null);
  }

  private static String reply(Turn turn) {
    return turn.lanes().getFirst().message();
  }

  /** What the model was shown in the last call. */
  private List<String> shown() {
    return provider.requests().getLast().messages().stream().map(ModelMessage::text).toList();
  }

  @Test
  void the_model_sees_the_branch_of_the_message_and_nothing_else() throws Exception {
    Turn one = say("one", Origin.PLAIN);
    Turn wrong = say("wrong", Origin.PLAIN);
    say("behind wrong", Origin.PLAIN);
    Turn right = say("right", under(reply(one), null));
    assertThat(shown()).containsExactly("one", "to one", "right");

    say("behind right", Origin.PLAIN);
    assertThat(shown()).containsExactly("one", "to one", "right", "to right", "behind right");

    say("again wrong", under(reply(wrong), null));
    assertThat(shown()).containsExactly("one", "to one", "wrong", "to wrong", "again wrong");
    assertThat(branches.branch(CALLER, session, reply(right), 100))
        .extracting(Message::text)
        .containsExactly("one", "to one", "right", "to right");
    assertThat(branches.branch(CALLER, session, reply(right), 8))
        .extracting(Message::text)
        .containsExactly("right", "to right");
  }

  @Test
  void another_beginning_is_a_branch_too() throws Exception {
    say("one", Origin.PLAIN);
    say("two", under(null, null));
    assertThat(shown()).containsExactly("two");
  }

  @Test
  void another_reply_answers_the_same_message() throws Exception {
    Turn one = say("one", Origin.PLAIN);
    say("two", Origin.PLAIN);
    Turn again = say("one", new Origin(new Spot.Again(one.userMessage()), null, List.of(), null));
    assertThat(again.userMessage()).isEqualTo(one.userMessage());
    assertThat(shown()).containsExactly("one");
    assertThat(branches.newestTurn(CALLER, session, one.userMessage()).orElseThrow().id())
        .isEqualTo(again.id());
    assertThat(node.conversations.messages(CALLER, session, null, 100).items()).hasSize(5);
  }

  @Test
  void messages_that_come_along_stand_before_the_new_one() throws Exception {
    Origin origin =
        new Origin(
            new Spot.Under(null),
            null,
            List.of(
                new Earlier(Role.USER, List.of(new Part(PartKind.TEXT, "before"))),
                new Earlier(Role.ASSISTANT, List.of(new Part(PartKind.TEXT, "said")))),
            null);
    say("now", origin);
    assertThat(shown()).containsExactly("before", "said", "now");
  }

  @Test
  void a_place_that_is_not_in_the_session_is_refused() throws Exception {
    Turn one = say("one", Origin.PLAIN);
    session = node.session();
    assertCode(() -> say("two", under(reply(one), null)), ErrorCode.NOT_FOUND);
    Origin again = new Origin(new Spot.Again(one.userMessage()), null, List.of(), null);
    assertCode(() -> say("two", again), ErrorCode.NOT_FOUND);
    assertThat(node.conversations.messages(CALLER, session, null, 100).items()).isEmpty();
  }

  @Test
  void the_newest_message_of_a_name_is_the_one() throws Exception {
    Turn one = say("one", under(null, "m1"));
    Turn edited = say("edited", under(null, "m1"));
    assertThat(branches.message(CALLER, session, "m1").orElseThrow().id())
        .isEqualTo(edited.userMessage());
    assertThat(branches.message(CALLER, session, one.userMessage())).isPresent();
    assertThat(branches.names(CALLER, session)).containsEntry(one.userMessage(), "m1");
    assertThat(branches.message(CALLER, session, "m2")).isEmpty();
  }

  @Test
  void a_name_means_nothing_to_another_caller() throws Exception {
    Turn one = say("one", new Origin(new Spot.Newest(), "m1", List.of(), "{\"a\":1}"));
    assertThat(branches.session(OTHER, "chat")).isEmpty();
    assertThat(branches.openSession(OTHER, "chat")).isNotEqualTo(session);
    assertThat(branches.message(OTHER, session, "m1")).isEmpty();
    assertThat(branches.newestTurn(OTHER, session, null)).isEmpty();
    assertThat(branches.branch(OTHER, session, reply(one), 100)).isEmpty();
    assertThat(branches.names(OTHER, session)).isEmpty();
    assertThat(branches.note(OTHER, one.id())).isEmpty();
    assertThat(branches.note(CALLER, one.id())).contains("{\"a\":1}");
  }

  @Test
  void of_two_that_open_a_name_at_once_one_makes_the_session() throws Exception {
    List<Callable<String>> opening = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      opening.add(() -> branches.openSession(CALLER, "new"));
    }
    HashSet<String> sessions = new HashSet<>();
    try (ExecutorService pool = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<String> one : pool.invokeAll(opening)) {
        sessions.add(one.get());
      }
    }
    assertThat(sessions).hasSize(1);
    assertThat(node.conversations.sessions(CALLER, null, 10).items()).hasSize(2);
  }

  @Test
  void a_session_that_is_deleted_takes_its_names_along() throws Exception {
    say("one", new Origin(new Spot.Newest(), "m1", List.of(), "{}"));
    node.desk.deleteSession(CALLER, session);
    assertThat(branches.session(CALLER, "chat")).isEmpty();
    for (String table : List.of("session_name", "message_name", "turn_note")) {
      long rows =
          database.read(
              tx -> tx.one("SELECT COUNT(*) FROM " + table, row -> row.getLong(1)).orElseThrow());
      assertThat(rows).as(table).isZero();
    }
  }

  @Test
  void the_session_of_a_turn_is_deleted_only_if_nothing_else_is_there() throws Exception {
    Turn alone = say("alone", under(null, "mine"));
    assertCode(() -> node.desk.deleteIfAlone(OTHER, alone.id()), ErrorCode.NOT_FOUND);
    assertThat(node.desk.deleteIfAlone(CALLER, alone.id())).isTrue();
    assertThat(branches.session(CALLER, "chat")).isEmpty();
    assertCode(() -> node.desk.deleteIfAlone(CALLER, alone.id()), ErrorCode.NOT_FOUND);

    session = branches.openSession(CALLER, "with an item");
    Turn first = say("one", Origin.PLAIN);
    List<String> _ =
        branches.append(
            CALLER,
            session,
            List.of(new Earlier(Role.USER, List.of(new Part(PartKind.TEXT, "x")))));
    assertThat(node.desk.deleteIfAlone(CALLER, first.id())).isFalse();

    session = branches.openSession(CALLER, "with another turn");
    Turn second = say("one", Origin.PLAIN);
    Turn _ = say("two", Origin.PLAIN);
    assertThat(node.desk.deleteIfAlone(CALLER, second.id())).isFalse();

    session =
        node.desk.createSession(CALLER, new Session.Settings("Titled", null, Map.of(), null)).id();
    Turn titled = say("one", Origin.PLAIN);
    assertThat(node.desk.deleteIfAlone(CALLER, titled.id())).isFalse();
    assertThat(branches.newestTurn(CALLER, session, null)).isPresent();
  }
}

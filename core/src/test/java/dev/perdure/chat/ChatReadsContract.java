package dev.perdure.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.chat.Conversations.Page;
import dev.perdure.chat.FleetView.Reading;
import dev.perdure.chat.FleetView.Spread;
import dev.perdure.chat.Shares.Created;
import dev.perdure.db.Database;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PerdureException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Searching sessions, links to them, and what operators see, on both databases. */
abstract class ChatReadsContract {
  private static final Caller ANN = new Caller("acme", "ann");
  private static final Caller BOB = new Caller("acme", "bob");

  private Database database;
  private Conversations conversations;
  private Shares shares;
  private int rows;

  abstract Database open();

  @BeforeEach
  void begin() {
    database = open();
    conversations = new Conversations(database);
    shares = new Shares(database, Ids.system(), new SecureRandom());
  }

  @AfterEach
  void end() {
    database.close();
  }

  private String session(Caller owner, @Nullable String title) {
    String id = "sess_%026d".formatted(++rows);
    database.write(tx ->
        tx.update(
            """
            INSERT INTO session (id, tenant, owner, title, created_at, updated_at)
            VALUES (?, ?, ?, ?, ?, ?)\
            """,
            id,
            owner.tenant(),
            owner.owner(),
            title,
            rows,
            rows));
    return id;
  }

  private void message(String session, String role, String text) {
    int position = ++rows;
    database.write(tx ->
        tx.update(
            """
            INSERT INTO message (id, session_id, turn_id, role, position, status, parts,
                                 created_at, updated_at)
            VALUES (?, ?, 't', ?, ?, 'complete', ?, 0, 0)\
            """,
            "msg_" + position,
            session,
            role,
            position,
            "[{\"type\":\"text\",\"text\":" + Rows.json(text) + "}]"));
  }

  private void turn(
      String session, String state, long created, @Nullable Long started, @Nullable Long ended) {
    int position = ++rows;
    database.write(tx ->
        tx.update(
            """
            INSERT INTO turn (id, session_id, tenant, owner, user_message, state, position, epoch,
                              node_id, request, created_at, started_at, ended_at)
            VALUES (?, ?, 'acme', 'ann', 'm', ?, ?, 1, ?, '{}', ?, CAST(? AS BIGINT),
                    CAST(? AS BIGINT))\
            """,
            "turn_%05d".formatted(position),
            session,
            state,
            position,
            state.equals("running") ? "node_b" : null,
            created,
            started,
            ended));
  }

  private List<String> found(Caller caller, String words) {
    return conversations.search(caller, words, null, 50).items().stream().map(Session::id).toList();
  }

  private static void refused(ErrorCode code, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(PerdureException.class, e -> assertThat(e.code()).isEqualTo(code));
  }

  @ParameterizedTest
  @CsvSource({
    "Über Streifen, über streifen",
    "Über Streifen, ÜBER",
    "ärger, ÄRG",
    "Привет Москва, МОСКВА",
    "ПРИВЕТ, привет",
    "Καλημέρα, ΚΑΛΗΜΈΡΑ",
    "ΟΔΟΣ, οδος",
    "Straße, straße",
    "Plain ASCII, plain ascii",
    "日本語のメモ, 日本語",
    "100% of_it!, '% OF_'",
    "'say \"when\"', '\"WHEN\"'",
  })
  void words_are_found_whatever_their_case_in_titles_and_in_messages(String text, String words) {
    String titled = session(ANN, text);
    String said = session(ANN, null);
    message(said, "user", "before " + text + " behind");
    String other = session(ANN, "something else");
    message(other, "assistant", text);
    session(BOB, text);
    assertThat(found(ANN, words)).containsExactly(said, titled);
  }

  @Test
  void what_like_takes_for_more_than_itself_stands_for_itself() {
    session(ANN, "abc");
    assertThat(found(ANN, "a_c")).isEmpty();
    assertThat(found(ANN, "a%c")).isEmpty();
    assertThat(found(ANN, "!")).isEmpty();
  }

  @Test
  void what_is_found_comes_in_pages_the_newest_first() {
    List<String> made = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      made.addFirst(session(ANN, "Übung " + i));
      session(ANN, "else");
    }
    List<String> seen = new ArrayList<>();
    String cursor = null;
    do {
      Page<Session> page = conversations.search(ANN, "ÜBUNG", cursor, 3);
      page.items().forEach(item -> seen.add(item.id()));
      cursor = page.next();
    } while (cursor != null);
    assertThat(seen).isEqualTo(made);
  }

  @Test
  void a_link_opens_its_session_until_it_is_revoked_and_only_its_owner_may_do_that() {
    String session = session(ANN, "a");
    Created link = shares.create(ANN, session, Duration.ofDays(1));
    assertThat(shares.open(link.token()).orElseThrow().share()).isEqualTo(link.share());
    assertThat(shares.open(link.token()).orElseThrow().owner()).isEqualTo(ANN);
    assertThat(shares.list(ANN, session)).containsExactly(link.share());
    refused(ErrorCode.NOT_FOUND, () -> shares.list(BOB, session));
    refused(ErrorCode.NOT_FOUND, () -> shares.create(BOB, session, Duration.ofDays(1)));
    refused(ErrorCode.NOT_FOUND, () -> shares.revoke(BOB, link.share().id()));
    String wrong = link.token().substring(0, link.token().length() - 1) + "~";
    assertThat(shares.open(wrong)).isEmpty();
    assertThat(shares.open("")).isEmpty();
    shares.revoke(ANN, link.share().id());
    assertThat(shares.open(link.token())).isEmpty();
    assertThat(shares.list(ANN, session)).isEmpty();
    refused(ErrorCode.NOT_FOUND, () -> shares.revoke(ANN, link.share().id()));
  }

  @Test
  void a_link_that_has_expired_opens_nothing_and_makes_room() {
    String session = session(ANN, "a");
    Created late = shares.create(ANN, session, Duration.ofDays(1));
    database.write(tx -> tx.update("UPDATE share SET expires_at = {now} - 1"));
    assertThat(shares.open(late.token())).isEmpty();
    assertThat(shares.list(ANN, session)).isEmpty();
    for (int i = 0; i < 20; i++) {
      shares.create(ANN, session, Duration.ofDays(1));
    }
    refused(ErrorCode.CONFLICT, () -> shares.create(ANN, session, Duration.ofDays(1)));
  }

  @Test
  void a_link_goes_with_its_session_and_its_token_is_stored_nowhere() {
    String session = session(ANN, "a");
    Created link = shares.create(ANN, session, Duration.ofDays(1));
    String stored =
        database.<String>read(
            tx -> tx.one("SELECT token_hash FROM share", row -> row.getString(1)).orElseThrow());
    assertThat(link.token()).doesNotContain(stored);
    assertThat(stored).hasSize(64);
    database.write(tx -> tx.update("DELETE FROM session WHERE id = ?", session));
    assertThat(shares.open(link.token())).isEmpty();
  }

  @Test
  void operators_see_nodes_turns_by_state_and_how_long_the_last_ones_took() {
    String session = session(ANN, "a");
    turn(session, "queued", 1, null, null);
    turn(session, "running", 1, 2L, null);
    for (int i = 1; i <= 20; i++) {
      turn(session, i == 20 ? "failed" : "completed", 1_000, 1_000L + i, 1_000L + i + 100L * i);
    }
    turn(session, "cancelled", 1_000, null, 5_000L);
    node("node_a", -5_000);
    node("node_b", 60_000);
    Reading now = new FleetView(database).read();
    assertThat(now.open()).isEqualTo(Map.of("queued", 1L, "running", 1L, "waiting", 0L));
    assertThat(now.ended()).isEqualTo(Map.of("completed", 19L, "failed", 1L, "cancelled", 1L));
    assertThat(now.waited()).isEqualTo(new Spread(11, 20));
    assertThat(now.took()).isEqualTo(new Spread(1_100, 2_000));
    assertThat(now.nodes()).extracting(FleetView.Node::id).containsExactly("node_a", "node_b");
    assertThat(now.nodes().get(0).leaseMillis()).isNegative();
    assertThat(now.nodes().get(1).leaseMillis()).isPositive();
    assertThat(now.nodes()).extracting(FleetView.Node::running).containsExactly(0L, 1L);
  }

  @Test
  void operators_of_a_server_that_has_done_nothing_see_nothing() {
    Reading now = new FleetView(database).read();
    assertThat(now.ended()).isEmpty();
    assertThat(now.nodes()).isEmpty();
    assertThat(now.took()).isEqualTo(new Spread(-1, -1));
  }

  private void node(String id, long leaseMillis) {
    database.write(tx ->
        tx.update(
            """
            INSERT INTO node (id, version, started_at, lease_until)
            VALUES (?, '1', 1, {now} + ?)\
            """,
            id,
            leaseMillis));
  }
}

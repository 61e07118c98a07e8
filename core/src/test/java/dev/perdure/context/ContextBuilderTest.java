package dev.perdure.context;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.Conversations;
import dev.perdure.chat.Message;
import dev.perdure.chat.Turn;
import dev.perdure.db.Database;
import dev.perdure.db.SqliteDatabase;
import dev.perdure.provider.ModelRequest.Limits;
import dev.perdure.provider.ModelRequest.ModelMessage;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ContextBuilderTest {
  @TempDir Path dir;
  private Database database;
  private long position;

  @BeforeEach
  void open() {
    database = SqliteDatabase.open(dir);
    database.write(tx ->
        tx.update(
            """
            INSERT INTO session (id, tenant, owner, created_at, updated_at)
            VALUES ('s', 't', 'o', 0, 0)\
            """));
  }

  @AfterEach
  void close() {
    database.close();
  }

  private void message(
      String id, String turn, @Nullable String parent, String role, String status, String text) {
    database.write(tx ->
        tx.update(
            """
            INSERT INTO message (id, session_id, turn_id, parent_id, role, position, status,
                                 parts, created_at, updated_at)
            VALUES (?, 's', ?, ?, ?, ?, ?, ?, 0, 0)\
            """,
            id,
            turn,
            parent,
            role,
            position++,
            status,
            text.isEmpty() ? "[]" : "[{\"kind\":\"text\",\"text\":\"" + text + "\"}]"));
  }

  private List<String> shown(String userMessage, ContextLimits limits) {
    database.write(tx ->
        tx.update(
            """
            INSERT INTO turn (id, session_id, tenant, owner, user_message, state, position,
                              epoch, request, created_at)
            VALUES ('now', 's', 't', 'o', ?, 'running', 99, 1, ?, 0)\
            """,
            userMessage,
            """
            {"models":["x/y"],"fallbacks":[],"instructions":"Be brief.",
             "params":{"maxOutputTokens":5},"recovery":"RESTART"}\
            """));
    Turn turn = database.read(tx -> Conversations.unscoped(tx, "now")).orElseThrow();
    var request = new ContextBuilder(database, limits).build(turn, "y", Limits.DEFAULT);
    assertThat(request.instructions()).isEqualTo("Be brief.");
    assertThat(request.params().maxOutputTokens()).isEqualTo(5);
    return request.messages().stream().map(ContextBuilderTest::text).toList();
  }

  private static String text(ModelMessage message) {
    return message.role() + ":" + message.text();
  }

  @Test
  void the_chain_of_parents_is_shown_oldest_first() {
    message("u1", "t1", null, "user", "complete", "one");
    message("a1", "t1", "u1", "assistant", "complete", "two");
    message("u2", "now", "a1", "user", "complete", "three");
    message("a2", "now", "u2", "assistant", "pending", "");
    assertThat(shown("u2", ContextLimits.DEFAULT))
        .containsExactly("USER:one", "ASSISTANT:two", "USER:three");
  }

  @Test
  void a_failed_lane_is_stood_in_for_by_a_complete_one() {
    message("u1", "t1", null, "user", "complete", "one");
    message("a1", "t1", "u1", "assistant", "failed", "half");
    message("b1", "t1", "u1", "assistant", "complete", "whole");
    message("u2", "now", "a1", "user", "complete", "next");
    assertThat(shown("u2", ContextLimits.DEFAULT))
        .containsExactly("USER:one", "ASSISTANT:whole", "USER:next");
  }

  @Test
  void a_reply_that_was_cut_short_counts_and_an_empty_one_joins_its_neighbours() {
    message("u1", "t1", null, "user", "complete", "one");
    message("a1", "t1", "u1", "assistant", "cancelled", "half");
    message("u2", "t2", "a1", "user", "complete", "two");
    message("a2", "t2", "u2", "assistant", "failed", "");
    message("u3", "now", "a2", "user", "complete", "three");
    assertThat(shown("u3", ContextLimits.DEFAULT))
        .containsExactly("USER:one", "ASSISTANT:half", "USER:two\n\nthree");
  }

  @Test
  void the_newest_messages_win_and_the_user_begins() {
    String parent = null;
    for (int i = 0; i < 10; i++) {
      message("u" + i, "t" + i, parent, "user", "complete", "q" + i);
      message("a" + i, "t" + i, "u" + i, "assistant", "complete", "r" + i);
      parent = "a" + i;
    }
    message("last", "now", parent, "user", "complete", "now");
    assertThat(shown("last", new ContextLimits(4, 1000)))
        .containsExactly("USER:q9", "ASSISTANT:r9", "USER:now");
  }

  @Test
  void the_last_message_is_shown_whole_even_if_it_is_too_long() {
    message("u1", "t1", null, "user", "complete", "one");
    message("a1", "t1", "u1", "assistant", "complete", "two");
    message("u2", "now", "a1", "user", "complete", "a long message");
    assertThat(shown("u2", new ContextLimits(10, 3))).containsExactly("USER:a long message");
  }

  @Test
  void no_more_is_read_than_could_be_shown() {
    String parent = null;
    for (int i = 0; i < 40; i++) {
      message("u" + i, "t" + i, parent, "user", "complete", "x".repeat(10));
      parent = "u" + i;
    }
    List<Message> read =
        database.read(tx -> Conversations.history(tx, "s", Long.MAX_VALUE, 100, 45));
    assertThat(read).extracting(Message::id).containsExactly("u35", "u36", "u37", "u38", "u39");
    read = database.read(tx -> Conversations.history(tx, "s", Long.MAX_VALUE, 100, 1));
    assertThat(read).hasSize(1);
    read = database.read(tx -> Conversations.history(tx, "s", 3, 2, 1000));
    assertThat(read).extracting(Message::id).containsExactly("u2", "u3");
  }
}

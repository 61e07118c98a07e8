package dev.perdure.chat;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.CallAudit.Entry;
import dev.perdure.chat.CallAudit.Filter;
import dev.perdure.chat.Conversations.Page;
import dev.perdure.db.Database;
import dev.perdure.db.Dialect;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The effect ledger as operators see it, on both databases. */
abstract class CallAuditContract {
  private Database database;
  private CallAudit audit;
  private int made;

  abstract Database open();

  @BeforeEach
  void begin() {
    database = open();
    audit = new CallAudit(database);
  }

  @AfterEach
  void end() {
    database.close();
  }

  private void turn(String id, String tenant) {
    database.write(tx -> {
      tx.update(
          """
          INSERT INTO session (id, tenant, owner, created_at, updated_at)
          VALUES (?, ?, 'ann', 0, 0)\
          """,
          "sess_" + id,
          tenant);
      return tx.update(
          """
          INSERT INTO turn (id, session_id, tenant, owner, user_message, state, position, epoch,
                            request, created_at)
          VALUES (?, ?, ?, 'ann', 'm', 'completed', 0, 1, '{}', 0)\
          """,
          id,
          "sess_" + id,
          tenant);
    });
  }

  private String call(String turn, String tool, CallState state) {
    String id = "call_%026d".formatted(++made);
    database.write(tx ->
        tx.update(
            """
            INSERT INTO tool_call (id, turn_id, lane, step, tool, effect, input_hash, state, runs,
                                   output, error, input, created_at, updated_at)
            VALUES (?, ?, 0, 1, ?, 'unsafe', 'abc', ?, 2, '"secret"',
                    '{"code":"tool_failed","text":"secret","retryable":false}', '"secret"', ?, ?)\
            """,
            id,
            turn,
            tool,
            state.wire(),
            made,
            made));
    return id;
  }

  private void undo(String call, String turn, String state) {
    database.write(tx ->
        tx.update(
            """
            INSERT INTO compensation (call_id, turn_id, tenant, owner, tool, input, state, tries,
                                      due_at, created_at, updated_at)
            VALUES (?, ?, 'acme', 'ann', 'pay', '{}', ?, 12, 0, 7, 8)\
            """,
            call,
            turn,
            state));
  }

  private List<String> listed(Filter filter) {
    return audit.page(filter, null, 50).items().stream().map(Entry::call).toList();
  }

  private static Filter state(CallState state) {
    return new Filter(state, null, null, null, null, null);
  }

  private static Filter undos(String state) {
    return new Filter(null, null, null, null, null, state);
  }

  @Test
  void calls_of_all_tenants_are_listed_and_narrowed() {
    turn("t1", "acme");
    turn("t2", "evil");
    String first = call("t1", "pay", CallState.DONE);
    String second = call("t2", "pay", CallState.ATTENTION);
    String third = call("t1", "look", CallState.APPROVAL);
    assertThat(listed(Filter.ALL)).containsExactly(third, second, first);
    assertThat(listed(state(CallState.ATTENTION))).containsExactly(second);
    assertThat(listed(state(CallState.APPROVAL))).containsExactly(third);
    assertThat(listed(state(CallState.FAILED))).isEmpty();
    assertThat(listed(new Filter(null, "pay", null, null, null, null)))
        .containsExactly(second, first);
    assertThat(listed(new Filter(null, null, "acme", "ann", null, null)))
        .containsExactly(third, first);
    assertThat(listed(new Filter(null, null, "acme", "bob", null, null))).isEmpty();
    assertThat(listed(new Filter(CallState.DONE, "pay", "acme", null, "t1", null)))
        .containsExactly(first);
    assertThat(listed(new Filter(null, null, null, null, "t2", null))).containsExactly(second);

    Entry entry = audit.page(state(CallState.ATTENTION), null, 1).items().getFirst();
    assertThat(entry.session()).isEqualTo("sess_t2");
    assertThat(entry.owner()).isEqualTo(new Caller("evil", "ann"));
    assertThat(entry.createdAtMillis()).isEqualTo(2);
    CallAudit.Ledger ledger = Objects.requireNonNull(entry.ledger());
    assertThat(ledger.runs()).isEqualTo(2);
    assertThat(ledger.inputHash()).isEqualTo("abc");
    assertThat(entry.undo()).isNull();
  }

  @Test
  void what_is_to_be_undone_is_listed_though_its_session_is_gone() {
    turn("t1", "acme");
    String there = call("t1", "pay", CallState.DONE);
    undo(there, "t1", "due");
    undo("call_gone", "t0", "failed");
    assertThat(listed(Filter.ALL)).containsExactly(there);
    assertThat(listed(undos("due"))).containsExactly(there);
    assertThat(listed(undos("done"))).isEmpty();
    Entry gone = audit.page(undos("failed"), null, 10).items().getFirst();
    assertThat(gone.call()).isEqualTo("call_gone");
    assertThat(gone.ledger()).isNull();
    assertThat(gone.session()).isNull();
    assertThat(gone.owner()).isEqualTo(new Caller("acme", "ann"));
    assertThat(Objects.requireNonNull(gone.undo()).tries()).isEqualTo(12);
    Entry undone = audit.page(Filter.ALL, null, 10).items().getFirst();
    assertThat(Objects.requireNonNull(undone.undo()).state()).isEqualTo("due");
  }

  private List<String> pages(Filter filter, int limit) {
    List<String> seen = new ArrayList<>();
    @Nullable String before = null;
    do {
      Page<Entry> page = audit.page(filter, before, limit);
      page.items().forEach(item -> seen.add(item.call()));
      before = page.next();
    } while (before != null);
    return seen;
  }

  @Test
  void pages_follow_one_another_and_come_to_an_end() {
    turn("t1", "acme");
    List<String> all = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      all.addFirst(call("t1", "pay", CallState.DONE));
    }
    assertThat(pages(Filter.ALL, 3)).isEqualTo(all);
    assertThat(pages(Filter.ALL, 7)).isEqualTo(all);
    all.forEach(call -> undo(call, "t1", "due"));
    assertThat(pages(undos("due"), 2)).isEqualTo(all);
  }

  /** Many calls of other turns, the newest last, around what is looked for. */
  private void crowd(int calls) {
    database.write(tx -> {
      tx.update(
          """
          INSERT INTO tool_call (id, turn_id, lane, step, tool, effect, input_hash, state, runs,
                                 created_at, updated_at)
          WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
          SELECT 'call_crowd_' || (100000 + i), 'turn_' || (i / 3), 0, 0, 'time', 'read', 'h',
                 'done', 1, i, i
            FROM n\
          """,
          calls);
      return tx.update("ANALYZE");
    });
  }

  private void turns(int turns) {
    turn("t0", "acme");
    database.write(tx ->
        tx.update(
            """
            INSERT INTO turn (id, session_id, tenant, owner, user_message, state, position, epoch,
                              request, created_at)
            WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
            SELECT 'turn_' || i, 'sess_t0', 'acme', 'ann', 'm', 'completed', i + 1, 1, '{}', 0
              FROM n\
            """,
            turns));
  }

  @Test
  void a_page_looks_at_so_many_rows_and_says_where_to_go_on() {
    turns(CallAudit.WINDOW / 3 + 1);
    String old = call("t0", "pay", CallState.DONE);
    crowd(CallAudit.WINDOW);
    Filter filter = new Filter(null, "pay", null, null, null, null);
    Page<Entry> first = audit.page(filter, null, 10);
    assertThat(first.items()).isEmpty();
    Page<Entry> second = audit.page(filter, first.next(), 10);
    assertThat(second.items()).extracting(Entry::call).containsExactly(old);
    assertThat(second.next()).isNull();
  }

  private String plan(Filter filter, @Nullable String before) {
    CallAudit.Query query = CallAudit.query(filter, before, 51);
    return String.join(
        "\n",
        database.<List<String>>read(tx -> {
          boolean sqlite = tx.dialect() == Dialect.SQLITE;
          return tx.list(
              (sqlite ? "EXPLAIN QUERY PLAN " : "EXPLAIN ") + query.sql(),
              row -> row.getString(sqlite ? 4 : 1),
              query.args().toArray());
        }));
  }

  @Test
  void what_is_asked_for_most_is_found_by_an_index() {
    turns(CallAudit.WINDOW / 3 + 1);
    call("t0", "pay", CallState.ATTENTION);
    crowd(CallAudit.WINDOW);
    assertThat(plan(state(CallState.ATTENTION), null)).contains("tool_call_attention");
    assertThat(plan(new Filter(null, null, null, null, "t0", null), null))
        .contains("tool_call_of_turn");
    String newest = plan(Filter.ALL, "call_crowd_105000");
    assertThat(newest).containsPattern("tool_call_pkey|sqlite_autoindex_tool_call_1");
  }
}

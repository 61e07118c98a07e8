package dev.perdure.retrieval;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.chat.Caller;
import dev.perdure.db.Database;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import dev.perdure.retrieval.Document.State;
import dev.perdure.retrieval.Indexer.Claim;
import dev.perdure.retrieval.Retriever.Query;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import org.apache.pdfbox.pdmodel.PDDocument;
import org.apache.pdfbox.pdmodel.PDPage;
import org.apache.pdfbox.pdmodel.PDPageContentStream;
import org.apache.pdfbox.pdmodel.encryption.AccessPermission;
import org.apache.pdfbox.pdmodel.encryption.StandardProtectionPolicy;
import org.apache.pdfbox.pdmodel.font.PDType1Font;
import org.apache.pdfbox.pdmodel.font.Standard14Fonts;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Documents from their arrival to being found, on both databases. */
abstract class RetrievalContract {
  private static final Caller ANN = new Caller("t", "ann");
  private static final Caller BOB = new Caller("t", "bob");

  Database database;
  private Documents documents;
  private Indexer indexer;
  private Retriever retriever;

  abstract Database open() throws Exception;

  @BeforeEach
  void begin() throws Exception {
    database = open();
    use(DocumentLimits.DEFAULT);
    retriever = new Retriever(database);
    for (String id : List.of("s", "other")) {
      database.write(tx ->
          tx.update(
              """
              INSERT INTO session (id, tenant, owner, created_at, updated_at)
              VALUES (?, 't', 'ann', 0, 0)\
              """,
              id));
    }
  }

  private void use(DocumentLimits limits) {
    documents = new Documents(database, Ids.system(), limits, () -> {});
    indexer = new Indexer(database, limits, InstantSource.system());
  }

  @AfterEach
  void end() {
    database.close();
  }

  private Document add(Caller caller, @Nullable String session, String text) {
    return documents.add(caller, session, "a.txt", MediaType.TEXT, text.getBytes(UTF_8)).document();
  }

  private void indexAll() throws InterruptedException {
    while (indexer.indexOne()) {
      // more
    }
  }

  private List<Chunk> find(Caller caller, String session, String question) {
    return retriever.find(new Query(caller, session, List.of(question), 0, "none")).chunks();
  }

  private static List<String> texts(List<Chunk> chunks) {
    return chunks.stream().map(Chunk::text).toList();
  }

  private long count(String table) {
    return database.<Long>read(
        tx -> tx.one("SELECT COUNT(*) FROM " + table, row -> row.getLong(1)).orElseThrow());
  }

  private static void assertCode(ThrowingCallable call, ErrorCode code) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(PerdureException.class, e -> assertThat(e.code()).isEqualTo(code));
  }

  @Test
  void a_document_is_pending_then_ready_and_found_by_its_words() throws Exception {
    Document pending = add(ANN, null, "The lighthouses of Brittany are painted white.");
    assertThat(pending.state()).isEqualTo(State.PENDING);
    assertThat(find(ANN, "s", "lighthouse")).isEmpty();
    indexAll();
    Document ready = documents.get(ANN, pending.id());
    assertThat(ready.state()).isEqualTo(State.READY);
    assertThat(ready.chunks()).isEqualTo(1);
    Chunk found = find(ANN, "s", "What colour has the painting of a LIGHTHOUSE?").getFirst();
    assertThat(found.document()).isEqualTo(pending.id());
    assertThat(found.name()).isEqualTo("a.txt");
    assertThat(new String(documents.content(ANN, pending.id()), UTF_8)).startsWith("The light");
  }

  @Test
  void the_rarer_word_counts_more_than_several_common_ones() throws Exception {
    for (int i = 0; i < 30; i++) {
      add(ANN, null, "The garden has a red flower and a tree, number " + i + ".");
    }
    Document telling = add(ANN, null, "The marmot sleeps in winter.");
    indexAll();
    assertThat(
            find(ANN, "s", "a red flower in the garden, a tree or a marmot?").getFirst().document())
        .isEqualTo(telling.id());
  }

  @Test
  void scripts_without_spaces_and_accents_are_found() throws Exception {
    add(ANN, null, "昨日は東京駅で友達に会いました。");
    add(ANN, null, "Die Größe des Überzugs");
    indexAll();
    assertThat(texts(find(ANN, "s", "東京駅はどこ"))).first().asString().contains("東京駅");
    assertThat(texts(find(ANN, "s", "uberzug's grösse"))).first().asString().contains("Größe");
  }

  @Test
  void nobody_finds_reads_or_deletes_what_is_somebody_elses() throws Exception {
    Document hers = add(ANN, null, "The password of the safe is swordfish.");
    Document ofOther = add(ANN, "other", "The swordfish swims in the other session.");
    indexAll();
    assertThat(find(BOB, "s", "swordfish")).isEmpty();
    assertThat(find(new Caller("t2", "ann"), "s", "swordfish")).isEmpty();
    assertThat(find(ANN, "s", "swordfish")).extracting(Chunk::document).containsExactly(hers.id());
    assertThat(find(ANN, "other", "swordfish")).hasSize(2);
    assertCode(() -> documents.get(BOB, hers.id()), ErrorCode.NOT_FOUND);
    assertCode(() -> documents.content(BOB, hers.id()), ErrorCode.NOT_FOUND);
    assertCode(() -> documents.delete(BOB, hers.id()), ErrorCode.NOT_FOUND);
    assertCode(() -> add(BOB, "s", "x"), ErrorCode.NOT_FOUND);
    assertThat(documents.list(BOB, null, null, 10).items()).isEmpty();
    assertThat(documents.list(ANN, "other", null, 10).items())
        .extracting(Document::id)
        .containsExactly(ofOther.id());
  }

  @Test
  void the_same_content_is_one_document_and_one_blob_and_goes_with_the_last_of_them()
      throws Exception {
    Document first = add(ANN, null, "twice");
    assertThat(add(ANN, null, "twice").id()).isEqualTo(first.id());
    Document ofSession = add(ANN, "s", "twice");
    assertThat(ofSession.id()).isNotEqualTo(first.id());
    assertThat(count("blob")).isEqualTo(1);
    add(BOB, null, "twice");
    assertThat(count("blob")).isEqualTo(2);
    indexAll();
    documents.delete(ANN, first.id());
    assertThat(documents.content(ANN, ofSession.id())).isEqualTo("twice".getBytes(UTF_8));
    documents.delete(ANN, ofSession.id());
    assertThat(count("blob")).isEqualTo(1);
    assertThat(find(ANN, "s", "twice")).isEmpty();
  }

  @Test
  void a_session_that_is_deleted_takes_its_documents_with_it() throws Exception {
    add(ANN, "s", "sessional words");
    indexAll();
    database.write(tx -> tx.update("DELETE FROM session WHERE id = 's'"));
    assertThat(count("document") + count("chunk")).isZero();
    assertThat(count("blob")).isEqualTo(1);
    database.write(tx -> Documents.sweepOrphans(tx, 10));
    assertThat(count("blob")).isZero();
    // Nothing of it is left in the index either: a new chunk of the same number is not taken for
    // it.
    add(ANN, "other", "another thing");
    indexAll();
    assertThat(find(ANN, "other", "sessional").stream().map(Chunk::text))
        .doesNotContain("sessional words");
  }

  @Test
  void what_a_crash_cut_short_is_begun_again_without_leaving_pieces_behind() throws Exception {
    use(new DocumentLimits(1 << 20, 10, 1 << 20, 1 << 20, Duration.ofSeconds(-61)));
    Document document = add(ANN, null, "alpha beta gamma");
    Claim dead = indexer.claim().orElseThrow();
    database.write(tx -> {
      ChunkStore.of(tx)
          .insert(
              tx,
              new ChunkStore.Place(new Scope(ANN, null), document.id(), null, null),
              0,
              List.of("half of alpha"));
      return true;
    });
    indexAll();
    assertThat(documents.get(ANN, document.id()).state()).isEqualTo(State.READY);
    assertThat(texts(find(ANN, "s", "alpha"))).containsExactly("alpha beta gamma");
    // The dead one wakes up: its lease is over, so it changes nothing.
    indexer.store(dead, List.of("late words"));
    assertThat(texts(find(ANN, "s", "alpha late"))).containsExactly("alpha beta gamma");
  }

  @Test
  void a_document_that_kills_whoever_prepares_it_fails_in_the_end() throws Exception {
    use(new DocumentLimits(1 << 20, 10, 1 << 20, 1 << 20, Duration.ofSeconds(-61)));
    Document document = add(ANN, null, "alpha");
    for (int i = 0; i < 3; i++) {
      assertThat(indexer.claim()).isPresent();
    }
    indexAll();
    Document failed = documents.get(ANN, document.id());
    assertThat(failed.state()).isEqualTo(State.FAILED);
    assertThat(failed.reason()).contains("three times");
    assertThat(add(ANN, null, "alpha").id()).isNotEqualTo(document.id());
  }

  @Test
  void a_pdf_gives_its_text() throws Exception {
    byte[] pdf = pdf("The heron waits in shallow water.", null);
    Document document = documents.add(ANN, "s", "birds.pdf", MediaType.PDF, pdf).document();
    indexAll();
    assertThat(documents.get(ANN, document.id()).reason()).isNull();
    assertThat(texts(find(ANN, "s", "herons"))).first().asString().contains("heron waits");
  }

  @Test
  void a_pdf_that_cannot_be_read_fails_with_a_reason() throws Exception {
    use(new DocumentLimits(1 << 20, 10, 1 << 20, 10_000, Duration.ofSeconds(60)));
    Document locked =
        documents.add(ANN, null, "locked.pdf", MediaType.PDF, pdf("secret", "pass")).document();
    Document broken =
        documents
            .add(ANN, null, "broken.pdf", MediaType.PDF, "%PDF-1.7\nnothing".getBytes(UTF_8))
            .document();
    Document empty = documents.add(ANN, null, "e.pdf", MediaType.PDF, pdf("", null)).document();
    indexAll();
    assertThat(documents.get(ANN, locked.id()).reason()).contains("password");
    assertThat(documents.get(ANN, broken.id()).reason()).contains("damaged");
    assertThat(documents.get(ANN, empty.id()).reason()).contains("no text");
  }

  static byte[] pdf(String text, @Nullable String password) throws IOException {
    try (PDDocument document = new PDDocument();
        ByteArrayOutputStream out = new ByteArrayOutputStream()) {
      PDPage page = new PDPage();
      document.addPage(page);
      try (PDPageContentStream content = new PDPageContentStream(document, page)) {
        content.beginText();
        content.setFont(new PDType1Font(Standard14Fonts.FontName.HELVETICA), 12);
        content.newLineAtOffset(72, 700);
        content.showText(text);
        content.endText();
      }
      if (password != null) {
        StandardProtectionPolicy policy =
            new StandardProtectionPolicy(password, password, new AccessPermission());
        policy.setEncryptionKeyLength(128);
        document.protect(policy);
      }
      document.save(out);
      return out.toByteArray();
    }
  }

  @Test
  void what_is_not_what_it_says_is_refused() {
    ErrorCode code = ErrorCode.UNSUPPORTED_MEDIA_TYPE;
    byte[] pdf = "%PDF-1.7 and so on".getBytes(UTF_8);
    assertCode(() -> documents.add(ANN, null, "x", MediaType.TEXT, pdf), code);
    assertCode(() -> documents.add(ANN, null, "x", MediaType.PDF, "text".getBytes(UTF_8)), code);
    assertCode(() -> documents.add(ANN, null, "x", MediaType.TEXT, new byte[] {0x41, 0}), code);
    assertCode(
        () -> documents.add(ANN, null, "x", MediaType.MARKDOWN, new byte[] {(byte) 0xff}), code);
    assertCode(() -> MediaType.of("image/png"), code);
    assertCode(
        () -> documents.add(ANN, null, "x", MediaType.TEXT, new byte[0]),
        ErrorCode.INVALID_REQUEST);
  }

  @Test
  void limits_hold() {
    use(new DocumentLimits(10, 2, 15, 100, Duration.ofSeconds(1)));
    assertCode(() -> add(ANN, null, "x".repeat(11)), ErrorCode.TOO_LARGE);
    add(ANN, null, "x".repeat(10));
    assertCode(() -> add(ANN, null, "y".repeat(6)), ErrorCode.CONFLICT);
    add(ANN, null, "y");
    assertCode(() -> add(ANN, null, "z"), ErrorCode.CONFLICT);
    add(BOB, null, "z");
  }

  @Test
  void messages_are_found_once_they_are_asked_for_and_only_those_before() {
    for (int i = 0; i < 6; i++) {
      message("m" + i, i == 0 ? null : "m" + (i - 1), i, "The pelican number " + i + ".");
    }
    message("failed", "m5", 6, "The pelican that failed");
    database.write(tx -> tx.update("UPDATE message SET status = 'failed' WHERE id = 'failed'"));
    message("last", "failed", 7, "Which pelican?");
    List<Chunk> found = find("s", "pelican number", 4, "last");
    assertThat(found).extracting(Chunk::message).containsExactlyInAnyOrder("m0", "m1", "m2", "m3");
    assertThat(found.getFirst().role()).isEqualTo("user");
    assertThat(find("s", "pelican number", 7, "last")).hasSize(6);
    assertThat(find("other", "pelican", 7, "last")).isEmpty();
    assertThat(count("chunk")).isEqualTo(6);
  }

  @Test
  void what_was_said_on_another_branch_is_not_found() {
    message("root", null, 0, "The pelican is named Ida.");
    message("edited", "root", 1, "The pelican is green.");
    message("instead", "root", 2, "The pelican is blue.");
    message("last", "instead", 3, "Which pelican?");
    assertThat(find("s", "pelican", 3, "last"))
        .extracting(Chunk::message)
        .containsExactlyInAnyOrder("root", "instead");
    assertThat(find("s", "pelican", 3, "edited")).extracting(Chunk::message).contains("edited");
  }

  @Test
  void a_branch_that_grows_and_one_that_is_left_and_taken_again_are_told_apart() {
    message("m0", null, 0, "The pelican is named Ida.");
    message("left", "m0", 1, "The pelican is green.");
    String leaf = "m0";
    for (int i = 2; i < 40; i++) {
      message("m" + i, leaf, i, i % 10 == 0 ? "The pelican is " + i + "." : "Yes.");
      leaf = "m" + i;
      if (i % 19 != 0) {
        continue;
      }
      assertThat(find("s", "pelican", i, leaf)).extracting(Chunk::message).contains("m0", "m10");
      assertThat(find("s", "pelican", i, "left"))
          .extracting(Chunk::message)
          .containsExactlyInAnyOrder("m0", "left");
    }
    message("m40", leaf, 40, "Which pelican?");
    assertThat(find("s", "pelican", 40, "m40"))
        .extracting(Chunk::message)
        .containsExactlyInAnyOrder("m0", "m10", "m20", "m30");
    // Long after, too far to go back one by one.
    String far = "m40";
    for (int i = 41; i < 80; i++) {
      message("m" + i, far, i, "Yes.");
      far = "m" + i;
    }
    assertThat(find("s", "pelican", 79, far)).extracting(Chunk::message).hasSize(5);
  }

  private List<Chunk> find(String session, String question, long before, String leaf) {
    return retriever.find(new Query(ANN, session, List.of(question), before, leaf)).chunks();
  }

  private void message(String id, @Nullable String parent, int position, String text) {
    String parts =
        Json.MAPPER
            .createArrayNode()
            .add(Json.MAPPER.createObjectNode().put("kind", "text").put("text", text))
            .toString();
    database.write(tx ->
        tx.update(
            """
            INSERT INTO message (id, session_id, turn_id, parent_id, role, position, status,
                                 parts, created_at, updated_at)
            VALUES (?, 's', 'x', ?, 'user', ?, 'complete', ?, 0, 0)\
            """,
            id,
            parent,
            position,
            parts));
  }

  @Test
  void a_question_that_names_nothing_gets_the_beginnings_of_the_sessions_documents()
      throws Exception {
    add(ANN, "s", "Chapter one. " + "It was raining. ".repeat(200));
    add(ANN, null, "Something else of all sessions.");
    indexAll();
    List<Chunk> found = find(ANN, "s", "summarise");
    assertThat(found).hasSizeGreaterThan(1);
    assertThat(found.getFirst().text()).startsWith("Chapter one.");
    assertThat(found).extracting(Chunk::part).isSorted();
  }

  @Test
  void a_question_cannot_speak_the_query_language() throws Exception {
    add(ANN, null, "plain words");
    indexAll();
    for (String hostile :
        List.of(
            "\" OR \"",
            "' | '",
            "words) OR scope : (x",
            "NEAR(a b)",
            "*",
            "words'; DROP TABLE chunk",
            "-- words",
            "a:* & !b",
            "\\",
            "AND OR NOT",
            "\u0000",
            "%_%")) {
      assertThat(texts(find(ANN, "s", hostile))).as(hostile).isSubsetOf("plain words");
    }
    assertThat(count("chunk")).isEqualTo(1);
  }
}

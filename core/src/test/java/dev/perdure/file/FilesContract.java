package dev.perdure.file;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.chat.Caller;
import dev.perdure.db.Database;
import dev.perdure.file.Files.Added;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Ids;
import dev.perdure.protocol.PerdureException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Taking files in, reading them and forgetting them, on both databases. */
abstract class FilesContract {
  private static final Caller OWNER = new Caller("t", "o");
  private static final FileLimits LIMITS =
      new FileLimits(1_000_000, 3, 2_000_000, Duration.ofHours(24));
  private static final String PNG = "\u0089PNG\r\n\u001a\n";

  private Database database;
  private Files files;

  abstract Database open();

  @BeforeEach
  void begin() {
    database = open();
    files = new Files(database, Ids.system(), LIMITS);
  }

  @AfterEach
  void end() {
    database.close();
  }

  private Added add(String name, String claimed, byte[] content) throws IOException {
    return files.add(OWNER, name, claimed, new ByteArrayInputStream(content)::readNBytes);
  }

  private static byte[] image(int size, int seed) {
    byte[] out = new byte[size];
    Arrays.fill(out, (byte) seed);
    System.arraycopy(PNG.getBytes(ISO_8859_1), 0, out, 0, 8);
    return out;
  }

  private byte[] read(Caller caller, String id) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    byte[] block = files.block(caller, id, 0);
    for (int part = 1; block != null; part++) {
      out.writeBytes(block);
      block = files.block(caller, id, part);
    }
    return out.toByteArray();
  }

  private static void refused(ErrorCode code, ThrowingCallable call) {
    assertThatThrownBy(call)
        .isInstanceOfSatisfying(PerdureException.class, e -> assertThat(e.code()).isEqualTo(code));
  }

  private long rows(String table) {
    return database.<Long>read(
        tx -> tx.one("SELECT COUNT(*) FROM " + table, row -> row.getLong(1)).orElseThrow());
  }

  @ParameterizedTest
  @ValueSource(ints = {9, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 600_000})
  void a_file_comes_back_as_it_was_sent(int size) throws Exception {
    byte[] content = image(size, 7);
    StoredFile file = add("a.png", "text/plain", content).file();
    assertThat(file.mediaType()).isEqualTo("image/png");
    assertThat(file.size()).isEqualTo(size);
    assertThat(read(OWNER, file.id())).isEqualTo(content);
    assertThat(database.<byte[]>read(tx -> Files.content(tx, OWNER, file.id()))).isEqualTo(content);
  }

  @ParameterizedTest
  @CsvSource({
    "'\u00ff\u00d8\u00ff\u00e0', image/png, image/jpeg",
    "'GIF89a..', text/html, image/gif",
    "'RIFF1234WEBPVP8 ', '', image/webp",
    "'%PDF-1.7', image/png, application/pdf",
    "'# Title', text/markdown; charset=utf-8, text/markdown",
    "'a;b', text/csv, text/csv",
    "'<script>', text/html, text/plain",
    "'<svg/>', image/svg+xml, text/plain",
  })
  void what_a_file_is_goes_by_its_content(String content, String claimed, String type)
      throws Exception {
    assertThat(add("a", claimed, content.getBytes(ISO_8859_1)).file().mediaType()).isEqualTo(type);
  }

  @Test
  void what_is_neither_known_nor_text_is_refused_and_leaves_nothing() {
    byte[] lateBinary = new byte[300_000];
    Arrays.fill(lateBinary, (byte) 'a');
    lateBinary[299_000] = 0;
    byte[] cut = Arrays.copyOf("ää".getBytes(UTF_8), 3);
    for (byte[] content : List.of(new byte[] {'M', 'Z', 0, 1}, lateBinary, cut)) {
      refused(ErrorCode.UNSUPPORTED_MEDIA_TYPE, () -> add("a", "text/plain", content));
    }
    refused(ErrorCode.INVALID_REQUEST, () -> add("a", "text/plain", new byte[0]));
    refused(ErrorCode.TOO_LARGE, () -> add("a", "", image(1_000_001, 1)));
    assertThat(rows("file")).isZero();
    assertThat(rows("file_block")).isZero();
  }

  @Test
  void a_character_may_be_cut_by_the_end_of_a_block() throws Exception {
    byte[] content = ("a" + "🌍".repeat(100_000)).getBytes(UTF_8);
    assertThat(read(OWNER, add("a", "", content).file().id())).isEqualTo(content);
  }

  @Test
  void an_upload_that_breaks_off_leaves_nothing() {
    byte[] first = image(256 * 1024, 1);
    int[] calls = {0};
    assertThatThrownBy(() ->
            files.add(
                OWNER,
                "a",
                "",
                bytes -> {
                  if (calls[0]++ > 0) {
                    throw new IOException("gone");
                  }
                  return first;
                }))
        .isInstanceOf(IOException.class);
    assertThat(rows("file")).isZero();
  }

  @Test
  void the_same_content_is_the_same_file_of_its_owner_only() throws Exception {
    byte[] content = image(100, 1);
    StoredFile file = add("a", "", content).file();
    Added again = add("b", "", content);
    assertThat(again.isNew()).isFalse();
    assertThat(again.file()).isEqualTo(file);
    assertThat(rows("file")).isEqualTo(1);
    Caller other = new Caller("t", "other");
    Added others = files.add(other, "a", "", new ByteArrayInputStream(content)::readNBytes);
    assertThat(others.isNew()).isTrue();
    refused(ErrorCode.NOT_FOUND, () -> files.get(other, file.id()));
    assertThat(read(other, file.id())).isEmpty();
    assertThat(database.<byte[]>read(tx -> Files.content(tx, other, file.id()))).isEmpty();
  }

  @Test
  void the_same_content_sent_at_once_is_stored_once() throws Exception {
    byte[] content = image(300_000, 3);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Callable<String>> calls =
          java.util.Collections.nCopies(3, () -> add("a", "", content).file().id());
      assertThat(
              threads.invokeAll(calls).stream().map(done -> done.resultNow()).distinct().toList())
          .hasSize(1);
    }
    assertThat(rows("file")).isEqualTo(1);
  }

  @Test
  void an_owner_has_room_for_so_many_files_and_bytes() throws Exception {
    for (int i = 0; i < 3; i++) {
      add("a", "", image(10 + i, i));
    }
    refused(ErrorCode.CONFLICT, () -> add("a", "", image(20, 9)));
    assertThat(rows("file")).isEqualTo(3);
    database.write(tx -> tx.update("DELETE FROM file"));
    add("a", "", image(900_000, 1));
    add("a", "", image(900_000, 2));
    refused(ErrorCode.CONFLICT, () -> add("a", "", image(900_000, 3)));
  }

  @Test
  void a_file_is_kept_while_a_message_holds_it_and_forgotten_some_time_after() throws Exception {
    String held = add("a", "", image(10, 1)).file().id();
    String loose = add("b", "", image(10, 2)).file().id();
    database.<Boolean>write(tx -> {
      tx.update(
          """
          INSERT INTO session (id, tenant, owner, created_at, updated_at)
          VALUES ('s', 't', 'o', 0, 0)\
          """);
      tx.update(
          """
          INSERT INTO message (id, session_id, turn_id, role, position, status, parts,
                               created_at, updated_at)
          VALUES ('m', 's', 't', 'user', 0, 'complete', '[]', 0, 0)\
          """);
      tx.update("INSERT INTO message_file (message_id, file_id) VALUES ('m', ?)", held);
      return true;
    });
    assertThat(files.sweep()).isZero();
    age();
    assertThat(files.sweep()).isEqualTo(1);
    refused(ErrorCode.NOT_FOUND, () -> files.get(OWNER, loose));
    assertThat(files.get(OWNER, held).name()).isEqualTo("a");
    database.write(tx -> tx.update("DELETE FROM session"));
    assertThat(files.sweep()).isEqualTo(1);
    assertThat(rows("file_block")).isZero();
  }

  @Test
  void who_sends_a_file_again_has_its_time_begin_anew() throws Exception {
    String id = add("a", "", image(10, 1)).file().id();
    age();
    add("a", "", image(10, 1));
    assertThat(files.sweep()).isZero();
    assertThat(files.get(OWNER, id).id()).isEqualTo(id);
  }

  private void age() {
    database.write(tx -> tx.update("UPDATE file SET used_at = used_at - 90000000"));
  }
}

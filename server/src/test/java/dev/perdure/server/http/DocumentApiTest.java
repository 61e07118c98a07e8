package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.retrieval.DocumentLimits;
import dev.perdure.server.http.Door.Answer;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;

/** Documents, from the request that brings them to the model that is shown a piece of them. */
@TestInstance(Lifecycle.PER_CLASS)
class DocumentApiTest {
  private static final long POLL_NANOS = 5_000_000;

  private Door door;

  @BeforeAll
  void open(@TempDir Path data) {
    door = new Door(data);
  }

  @AfterAll
  void close() {
    door.close();
  }

  private Answer add(String query, String type, String text) throws Exception {
    return door.send("POST", "/v1/documents" + query, text, "Content-Type", type);
  }

  private JsonNode awaitOver(String path) throws Exception {
    long deadline = System.nanoTime() + Door.PATIENCE.toNanos();
    while (System.nanoTime() < deadline) {
      JsonNode document = door.get(path).json();
      if (!document.path("state").textValue().equals("pending")) {
        return document;
      }
      LockSupport.parkNanos(POLL_NANOS);
    }
    throw new AssertionError("The document is still pending");
  }

  @Test
  void a_document_becomes_ready_is_drawn_upon_listed_and_deleted() throws Exception {
    String session = door.session();
    Answer added =
        add(
            "?name=towers.md&session=" + session,
            "text/markdown; charset=utf-8",
            "# Towers\n\nThe tower is 41 metres tall.");
    assertThat(added.status()).isEqualTo(201);
    String path = added.header("location");
    assertThat(awaitOver(path).path("state").textValue()).isEqualTo("ready");

    String turn = door.turn(session, "How tall is the tower?");
    HandProvider.Call call = door.provider.call();
    assertThat(call.request.messages().getLast().text())
        .containsSubsequence("Name: towers.md", "41 metres", "How tall is the tower?");
    call.say("41 m").finish();
    door.contexts.flush();
    JsonNode source =
        door.get("/v1/turns/" + turn + "/context").json().at("/attempts/0/sources").path(1);
    assertThat(source.path("kind").textValue()).isEqualTo("document");
    assertThat(path).endsWith(source.path("id").textValue());
    assertThat(source.path("part").intValue()).isZero();

    assertThat(door.get("/v1/documents?session=" + session).json().path("items")).hasSize(1);
    assertThat(door.send("DELETE", path, null).status()).isEqualTo(204);
    assertThat(door.get(path).status()).isEqualTo(404);
    assertThat(door.send("DELETE", path, null).status()).isEqualTo(404);
  }

  @Test
  void the_same_content_again_is_the_same_document() throws Exception {
    Answer first = add("?name=a", "text/plain", "twice");
    Answer second = add("?name=b", "text/plain", "twice");
    assertThat(second.status()).isEqualTo(200);
    assertThat(second.header("location")).isEqualTo(first.header("location"));
    assertThat(second.json().path("name").textValue()).isEqualTo("a");
    awaitOver(first.header("location"));
    door.send("DELETE", first.header("location"), null);
  }

  @Test
  void pages_lead_to_all_documents() throws Exception {
    String session = door.session();
    for (int i = 0; i < 3; i++) {
      add("?name=d" + i + "&session=" + session, "text/plain", "text " + i);
    }
    String list = "/v1/documents?limit=2&session=" + session;
    JsonNode page = door.get(list).json();
    assertThat(page.path("items").findValuesAsText("name")).containsExactly("d2", "d1");
    JsonNode rest = door.get(list + "&before=" + page.path("next").textValue()).json();
    assertThat(rest.path("items").findValuesAsText("name")).containsExactly("d0");
    assertThat(rest.has("next")).isFalse();
    assertThat(door.get(list + "&before=doc_x").status()).isEqualTo(400);
  }

  @Test
  void what_cannot_be_a_document_is_refused() throws Exception {
    assertThat(add("?name=a", "image/png", "x").status()).isEqualTo(415);
    assertThat(add("?name=a", "application/pdf", "no header").status()).isEqualTo(415);
    assertThat(add("?name=a", "text/plain", "%PDF-1.7 in disguise").status()).isEqualTo(415);
    assertThat(add("?name=a", "text/plain", "nul \u0000").status()).isEqualTo(415);
    assertThat(add("?name=a", "text/plain", "").status()).isEqualTo(400);
    assertThat(add("", "text/plain", "x").status()).isEqualTo(400);
    assertThat(add("?name=%20", "text/plain", "x").status()).isEqualTo(400);
    assertThat(add("?name=a%0ab", "text/plain", "x").status()).isEqualTo(400);
    assertThat(add("?name=" + "n".repeat(256), "text/plain", "x").status()).isEqualTo(400);
    assertThat(add("?name=a&session=x", "text/plain", "x").status()).isEqualTo(404);
    String nobodys = "?name=a&session=sess_" + "0".repeat(26);
    assertThat(add(nobodys, "text/plain", "x").status()).isEqualTo(404);
    String tooLong = "x".repeat(DocumentLimits.DEFAULT.bytes() + 1);
    assertThat(add("?name=a", "text/plain", tooLong).status()).isEqualTo(413);
    assertThat(door.get("/v1/documents/doc_" + "0".repeat(26)).status()).isEqualTo(404);
  }
}

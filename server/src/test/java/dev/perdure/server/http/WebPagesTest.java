package dev.perdure.server.http;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.server.http.Door.Answer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;

/** The page of the chat, whether it was built or not. */
@TestInstance(Lifecycle.PER_CLASS)
class WebPagesTest {
  private static final String BROWSER = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";

  private Door door;

  @BeforeAll
  void open(@TempDir Path data) {
    door = new Door(data);
  }

  @AfterAll
  void close() {
    door.close();
  }

  @Test
  void a_browser_gets_the_page_and_a_program_gets_json_at_the_root() throws Exception {
    Answer page = door.get("/", "Accept", BROWSER);
    assertThat(page.status()).isEqualTo(200);
    assertThat(page.header("content-type")).startsWith("text/html");
    assertThat(page.text()).contains("<title>Perdure</title>");
    assertThat(door.get("/").json().path("name").textValue()).isEqualTo("Perdure");
  }

  @Test
  void every_page_is_asked_for_anew_and_runs_only_its_own_scripts() throws Exception {
    for (String path : List.of("/chat", "/chat/sess_x", "/shared", "/operator")) {
      Answer page = door.get(path, "Accept", BROWSER);
      assertThat(page.status()).as(path).isEqualTo(200);
      assertThat(page.header("cache-control")).isEqualTo("no-cache");
      assertThat(page.response().headers().allValues("content-security-policy"))
          .singleElement()
          .satisfies(policy -> {
            assertThat(policy).contains("default-src 'none'", "script-src 'self'");
            assertThat(policy).doesNotContain("unsafe", "*");
          });
      assertThat(page.header("x-content-type-options")).isEqualTo("nosniff");
    }
  }

  @Test
  void no_page_stands_in_front_of_anything_else() throws Exception {
    for (String path : List.of("/v1/nothing", "/api/nothing", "/nothing", "/chat/a/b")) {
      assertThat(door.get(path, "Accept", BROWSER).status()).as(path).isEqualTo(404);
    }
    assertThat(door.get("/readyz", "Accept", BROWSER).header("content-type"))
        .isEqualTo("application/json");
  }

  @Test
  void a_file_that_is_not_there_is_not_kept_and_no_name_leads_out_of_the_folder() throws Exception {
    for (String name : List.of("x.js", "..%2findex.html", "x", ".js", "%2e%2e", "x.class")) {
      Answer answer = door.get("/assets/" + name);
      assertThat(answer.status()).as(name).isEqualTo(404);
      assertThat(answer.header("cache-control")).as(name).isEqualTo("no-store");
    }
    assertThat(door.send("POST", "/chat", "{}").status()).isEqualTo(405);
  }
}

package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The terminal client as a process, against a real server. */
class ChatProcessTest {
  private static final Pattern SOME_WORDS = Pattern.compile("(w[0-9]+ w[0-9]+)");

  @TempDir Path data;
  @TempDir Path state;

  @Test
  void a_chat_whose_terminal_is_closed_is_picked_up_whole() {
    String text = Prompts.words(120);
    try (Server server = Server.setup().start(data)) {
      String url = server.url();
      String session = server.api().createSession();
      try (PerdureProcess chat = chat(url, "--session", session, Prompts.say(text, 25))) {
        Await.until("the turn", () -> server.api().messages(session).isEmpty() ? null : "accepted");
        chat.kill();
      }
      try (PerdureProcess resumed = chat(url, "--resume")) {
        assertThat(resumed.awaitExit()).as(resumed.output()).isZero();
        assertThat(resumed.output().strip()).isEqualTo(text);
      }
    }
  }

  @Test
  void the_exit_code_says_whether_the_reply_is_complete() {
    try (Server server = Server.setup().start(data)) {
      try (PerdureProcess good = chat(server.url(), Prompts.say("all good", 1))) {
        assertThat(good.awaitExit()).isZero();
        assertThat(good.output()).isEqualTo("all good\n");
      }
      try (PerdureProcess bad = chat(server.url(), "/error 400 always")) {
        assertThat(bad.awaitExit()).isEqualTo(1);
        assertThat(bad.output()).contains("failed");
      }
    }
  }

  private PerdureProcess chat(String url, String... args) {
    List<String> all = new java.util.ArrayList<>(List.of("chat", "--url", url));
    all.addAll(List.of(args));
    return PerdureProcess.launch(Map.of("XDG_STATE_HOME", state.toString()), SOME_WORDS, all);
  }
}

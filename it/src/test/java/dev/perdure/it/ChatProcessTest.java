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

  @Test
  void a_call_that_waits_is_decided_at_the_terminal() {
    try (ToolService tools = new ToolService();
        Server server =
            Server.setup().arg("--config", tools.config(state).toString()).start(data)) {
      String url = server.url();
      try (PerdureProcess chat = asked(url, 100)) {
        chat.type("y");
        assertThat(chat.awaitExit()).as(chat.output()).isZero();
        assertThat(chat.output())
            .contains("may it call ask {\"n\":100}?", "[approved]", "The tools say: ok");
      }
      try (PerdureProcess chat = asked(url, 200)) {
        chat.type("what?");
        chat.type("n too dear");
        assertThat(chat.awaitExit()).as(chat.output()).isZero();
        assertThat(chat.output())
            .contains("type y, n or e", "[refused: too dear]", "Reason: too dear");
      }
      try (PerdureProcess chat = asked(url, 300)) {
        chat.type("e {\"n\":\"many\"}");
        chat.type("e {\"n\":250}");
        assertThat(chat.awaitExit()).as(chat.output()).isZero();
        assertThat(chat.output()).contains("do not fit the schema", "calls ask {\"n\":250}");
      }
      assertThat(tools.bodies()).containsExactly("{\"n\":100}", "{\"n\":250}");
      try (PerdureProcess nobody = chat(url, "/tool ask {\"n\":400}")) {
        assertThat(nobody.awaitExit()).isEqualTo(1);
        assertThat(nobody.output()).contains("nobody is here to answer");
      }
    }
  }

  /** A chat that has asked for a word. */
  private PerdureProcess asked(String url, int n) {
    PerdureProcess chat =
        PerdureProcess.launch(
            Map.of("XDG_STATE_HOME", state.toString(), PerdureProcess.TYPED, "1"),
            Pattern.compile("(y: yes)"),
            List.of("chat", "--url", url, "/tool ask {\"n\":" + n + "}"));
    chat.awaitReady();
    return chat;
  }

  private PerdureProcess chat(String url, String... args) {
    List<String> all = new java.util.ArrayList<>(List.of("chat", "--url", url));
    all.addAll(List.of(args));
    return PerdureProcess.launch(Map.of("XDG_STATE_HOME", state.toString()), SOME_WORDS, all);
  }
}

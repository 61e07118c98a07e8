package dev.perdure.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.testing.Ports;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the README tells a newcomer to type, typed. */
class ReadmeTest {
  private static final Path ROOT = Path.of("..").toAbsolutePath().normalize();
  private static final Pattern SHELL = Pattern.compile("```bash\n(.*?)```", Pattern.DOTALL);
  private static final long MINUTES = 4;

  // A space in the path, because somebody's home directory has one.
  @TempDir Path temp;

  @Test
  void the_walk_of_sixty_seconds_ends_with_identical_texts() throws Exception {
    Path home = Files.createDirectory(temp.resolve("a newcomer"));
    Files.createSymbolicLink(home.resolve("perdure"), ROOT.resolve("perdure"));
    String port = Integer.toString(Ports.free());
    String script = walk().replace("8080", port);
    assertThat(script).contains("kill -9").contains("Last-Event-ID");
    Path output = home.resolve("output.txt");

    Process bash = bash(script, home, port, output);
    try {
      assertThat(bash.waitFor(MINUTES, TimeUnit.MINUTES)).as("the walk ends").isTrue();
    } finally {
      bash.descendants().forEach(ProcessHandle::destroyForcibly);
      bash.destroyForcibly().waitFor();
      Reaper.forget(bash.pid());
    }

    String printed = Files.readString(output);
    assertThat(printed)
        .contains("Perdure is ready at http://127.0.0.1:" + port)
        .contains("\"attempt\":2")
        .contains("The streamed text and the stored message are identical.");
    assertThat(Files.size(home.resolve("streamed.txt"))).isGreaterThan(500);
    List<String> chats =
        printed
            .lines()
            .dropWhile(line -> !line.endsWith("identical."))
            .skip(1)
            .filter(line -> !line.contains(" INFO "))
            .toList();
    int half = chats.size() / 2;
    assertThat(String.join(" ", chats.subList(0, half)).split(" "))
        .as("the reply in the terminal")
        .hasSize(40);
    assertThat(chats.subList(half, chats.size()))
        .as("--resume shows it again")
        .isEqualTo(chats.subList(0, half));
  }

  private static Process bash(String script, Path home, String port, Path output)
      throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder("bash", "-c", script)
            .directory(home.toFile())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile());
    builder.environment().keySet().removeIf(name -> name.startsWith("PERDURE_"));
    builder.environment().put("PERDURE_NO_BUILD", "yes");
    builder.environment().put("PERDURE_PORT", port);
    builder.environment().put("PERDURE_DETECT_LOCAL_SERVERS", "false");
    builder.environment().put("XDG_STATE_HOME", home.resolve("state").toString());
    builder.redirectInput(ProcessBuilder.Redirect.from(new java.io.File("/dev/null")));
    Process bash = builder.start();
    Reaper.watch(bash.pid());
    return bash;
  }

  /** All shell blocks of the walk, as one script. */
  private static String walk() {
    try {
      String readme = Files.readString(ROOT.resolve("README.md"));
      String section = readme.substring(readme.indexOf("\n## Sixty seconds"));
      section = section.substring(0, section.indexOf("\n## ", 1));
      return SHELL.matcher(section).results().map(m -> m.group(1)).collect(Collectors.joining());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

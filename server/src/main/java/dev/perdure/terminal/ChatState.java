package dev.perdure.terminal;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.perdure.protocol.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Where the last chat stopped: a file of one JSON object, replaced as a whole, so that a client
 * killed at any moment leaves the old or the new one.
 *
 * @param url the server
 * @param turn the last turn; null before the first message
 * @param seq the last event that was shown of it, -1 for none
 */
record ChatState(String url, String session, @Nullable String turn, long seq) {

  /** {@code $XDG_STATE_HOME/perdure/chat.json}, by default below {@code ~/.local/state}. */
  static Path file(Map<String, String> env) {
    String xdg = env.getOrDefault("XDG_STATE_HOME", "");
    Path base =
        xdg.isBlank()
            ? Path.of(env.getOrDefault("HOME", System.getProperty("user.home")), ".local", "state")
            : Path.of(xdg);
    return base.resolve("perdure").resolve("chat.json");
  }

  /** What the file says; empty if there is none or it cannot be understood. */
  static Optional<ChatState> load(Path file) {
    try {
      JsonNode json = Json.MAPPER.readTree(Files.readString(file));
      String url = json.path("url").asText("");
      String session = json.path("session").asText("");
      if (url.isEmpty() || session.isEmpty()) {
        return Optional.empty();
      }
      JsonNode turn = json.path("turn");
      return Optional.of(
          new ChatState(
              url, session, turn.isTextual() ? turn.textValue() : null, json.path("seq").asLong()));
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  void save(Path file) throws IOException {
    ObjectNode json = Json.MAPPER.createObjectNode();
    json.put("url", url).put("session", session).put("turn", turn).put("seq", seq);
    Path directory = Files.createDirectories(file.toAbsolutePath().getParent());
    Path fresh = Files.createTempFile(directory, "chat", ".tmp", ownerOnly(directory));
    try {
      Files.write(fresh, (Json.text(json) + "\n").getBytes(StandardCharsets.UTF_8));
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(fresh);
    }
  }

  /** The ids in the file are nobody else's business. */
  private static FileAttribute<?>[] ownerOnly(Path directory) {
    if (!directory.getFileSystem().supportedFileAttributeViews().contains("posix")) {
      return new FileAttribute<?>[0];
    }
    return new FileAttribute<?>[] {
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))
    };
  }
}

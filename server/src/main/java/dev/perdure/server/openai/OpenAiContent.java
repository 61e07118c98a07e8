package dev.perdure.server.openai;

import com.fasterxml.jackson.databind.JsonNode;
import dev.perdure.chat.Message.Part;
import dev.perdure.chat.Message.Role;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.http.HttpLimits;
import dev.perdure.server.http.Text;
import dev.perdure.server.http.Uploads;
import dev.perdure.server.http.Uploads.Told;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The content of a message in both of OpenAI's dialects: texts, images and files. Stateless. */
final class OpenAiContent {
  private OpenAiContent() {}

  /**
   * A message as a request tells it; the files are not stored yet.
   *
   * @param files of a message of the user only
   */
  record Given(Role role, List<Part> parts, List<Told> files) {
    boolean blank() {
      return files.isEmpty() && parts.stream().allMatch(part -> part.text().isBlank());
    }
  }

  /** Reads a string, or a list of parts. */
  static Given read(Role role, JsonNode content, String at, HttpLimits.Body limits) {
    if (content.isTextual()) {
      return new Given(role, List.of(text(content, at, limits.messageChars())), List.of());
    }
    if (!content.isArray() || content.size() > limits.parts()) {
      throw Refusal.invalid(
          at, "The content must be a string or a list of at most " + limits.parts() + " parts.");
    }
    List<Part> texts = new ArrayList<>();
    List<Told> files = new ArrayList<>();
    int chars = 0;
    for (JsonNode part : content) {
      String type = part.path("type").asText();
      switch (type) {
        case "text", "input_text", "output_text" -> {
          Part text = text(part.path("text"), at, limits.messageChars());
          chars += text.text().length();
          texts.add(text);
        }
        case "refusal" -> texts.add(text(part.path("refusal"), at, limits.messageChars()));
        case "input_image" -> files.add(file(part, part.path("image_url"), null, at, texts.size()));
        case "image_url" -> {
          JsonNode image = part.path("image_url");
          files.add(file(image, image.path("url"), null, at, texts.size()));
        }
        case "input_file" -> files.add(named(part, at, texts.size()));
        case "file" -> files.add(named(part.path("file"), at, texts.size()));
        default ->
            throw Refusal.unsupported(
                at, "Content of the type '" + Text.shown(type) + "' is not supported.");
      }
    }
    if (chars > limits.messageChars()) {
      throw OpenAiRequest.tooLong(at, limits.messageChars());
    }
    if (role != Role.USER && !files.isEmpty()) {
      throw Refusal.unsupported(at, "Only messages of 'user' can have images and files.");
    }
    return new Given(role, List.copyOf(texts), List.copyOf(files));
  }

  private static Part text(JsonNode value, String at, int maxChars) {
    return new Part(PartKind.TEXT, OpenAiRequest.text(value, at, maxChars));
  }

  private static Told named(JsonNode file, String at, int after) {
    return file(file, file.path("file_data"), file.path("filename").textValue(), at, after);
  }

  /**
   * @param data a data URL, if the file is in the request
   */
  private static Told file(
      JsonNode part, JsonNode data, @Nullable String name, String at, int after) {
    try {
      if (data.isTextual()) {
        return Uploads.inline(data.textValue(), name, after);
      }
    } catch (PerdureException e) {
      throw Refusal.unsupported(at, String.valueOf(e.getMessage()));
    }
    if (part.path("file_id").isTextual()) {
      return new Told.Stored(part.path("file_id").textValue(), after);
    }
    throw Refusal.unsupported(
        at,
        "An image or a file must come as a data URL, or with the 'file_id' of one that was sent to"
            + " /v1/files. This server fetches nothing from elsewhere.");
  }
}

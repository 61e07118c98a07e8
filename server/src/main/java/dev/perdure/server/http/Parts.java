package dev.perdure.server.http;

import dev.perdure.chat.Message.Part;
import dev.perdure.chat.NewTurn.FileAt;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PartKind;
import dev.perdure.protocol.PerdureException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * What a message consists of, as a request says it.
 *
 * @param files with how many texts stand in front of each
 */
record Parts(List<Part> texts, List<FileAt> files) {
  /** Files of one message. */
  static final int MAX_FILES = 10;

  private static final int WORD_CHARS = 40;
  static final Pattern FILE_ID = Pattern.compile("file_[0-9a-z]{26}");

  /**
   * Reads {@code text} or {@code parts}.
   *
   * @throws PerdureException INVALID_REQUEST, TOO_LARGE, NOT_FOUND for what is no file's id
   */
  static Parts of(Fields fields, HttpLimits.Body limits) {
    if (fields.has("text") == fields.has("parts")) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "A message has either 'text' or 'parts'. Send one of them, not blank.");
    }
    List<Part> texts = new ArrayList<>();
    List<FileAt> files = new ArrayList<>();
    fields
        .text("text", limits.messageChars())
        .ifPresent(text -> texts.add(new Part(PartKind.TEXT, text)));
    int chars = 0;
    for (Fields part : fields.objects("parts", limits.parts(), "type", "text", "file")) {
      String type = part.text("type", WORD_CHARS).orElse("");
      switch (type) {
        case "text" -> {
          without(part, type, "file");
          String text = part.text("text", limits.messageChars()).orElse("");
          chars += text.length();
          texts.add(new Part(PartKind.TEXT, text));
        }
        case "file" -> {
          without(part, type, "text");
          files.add(new FileAt(file(part), texts.size()));
        }
        default ->
            throw new PerdureException(
                ErrorCode.INVALID_REQUEST,
                "The part type '"
                    + Text.shown(type)
                    + "' is not known. Send the type 'text' or 'file'.");
      }
    }
    check(texts, files, chars, limits);
    return new Parts(texts, files);
  }

  private static String file(Fields part) {
    String file = part.text("file", WORD_CHARS).orElse("");
    if (!FILE_ID.matcher(file).matches()) {
      throw PerdureException.notFound("file", Text.shown(file));
    }
    return file;
  }

  private static void without(Fields part, String type, String other) {
    if (part.has(other)) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "A part of type '" + type + "' has no '" + other + "'. Send each as a part of its own.");
    }
  }

  private static void check(
      List<Part> texts, List<FileAt> files, int chars, HttpLimits.Body limits) {
    if (chars > limits.messageChars()) {
      throw new PerdureException(
          ErrorCode.TOO_LARGE,
          "The parts together have more than "
              + limits.messageChars()
              + " characters. Shorten the message.");
    }
    if (files.size() > MAX_FILES) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "The message has "
              + files.size()
              + " files; at most "
              + MAX_FILES
              + " are accepted. Send several messages.");
    }
    if (files.isEmpty() && texts.stream().allMatch(part -> part.text().isBlank())) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST, "The message is blank. Send some text, or a file.");
    }
  }
}

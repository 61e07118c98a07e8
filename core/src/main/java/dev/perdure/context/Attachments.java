package dev.perdure.context;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.perdure.chat.Caller;
import dev.perdure.chat.Message;
import dev.perdure.chat.Message.Attachment;
import dev.perdure.db.Tx;
import dev.perdure.file.Files;
import dev.perdure.provider.ModelRequest.ModelFile;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/**
 * The files of messages, as one model is given them: images and PDFs as they are, if it takes such;
 * texts as text, within a {@link Frame}; in the place of all others a line that says what is
 * missing. Used by one thread, from the newest message to the oldest.
 */
final class Attachments {
  /** An image that is as large as vendors look at, in tokens. */
  private static final int IMAGE_TOKENS = 1_600;

  /** A PDF of a few pages; its pages are looked at as images too. */
  private static final int PDF_TOKENS = 2_000;

  /** Beyond, a PDF is taken to have one token for so many bytes. */
  private static final int PDF_BYTES_PER_TOKEN = 20;

  /** Bytes of a text that are one token at the least. */
  private static final int TEXT_BYTES_PER_TOKEN = 3;

  private final Tx tx;
  private final Caller owner;
  private final String session;
  private final ModelCall call;
  private final List<ContextUse.Given> given = new ArrayList<>();
  private long left = Files.CALL_BYTES;

  /**
   * @param session salts the frames
   */
  Attachments(Tx tx, Caller owner, String session, ModelCall call) {
    this.tx = tx;
    this.owner = owner;
    this.session = session;
    this.call = call;
  }

  /**
   * What is given of one message.
   *
   * @param text what stands in front of the message's own
   */
  record Parts(List<ModelFile> files, String text) {
    static final Parts NONE = new Parts(List.of(), "");
  }

  /** About how many tokens a file takes. */
  static int tokens(Attachment file) {
    if (file.mediaType().startsWith("image/")) {
      return IMAGE_TOKENS;
    }
    if (Files.isText(file.mediaType())) {
      return (int) Math.min(Integer.MAX_VALUE, file.size() / TEXT_BYTES_PER_TOKEN + 1);
    }
    return (int)
        Math.min(Integer.MAX_VALUE, Math.max(PDF_TOKENS, file.size() / PDF_BYTES_PER_TOKEN));
  }

  Parts of(Message message) throws SQLException {
    List<ModelFile> files = new ArrayList<>();
    StringBuilder text = new StringBuilder();
    for (Attachment file : message.files()) {
      boolean asText = Files.isText(file.mediaType());
      if (!asText && !call.takes(file.mediaType())) {
        text.append(missing(file, "this model cannot look at such files"));
        continue;
      }
      if (file.size() > left) {
        text.append(missing(file, "the newer files of the conversation leave no room for it"));
        continue;
      }
      byte[] content = Files.content(tx, owner, file.file());
      if (content.length == 0) {
        text.append(missing(file, "it is gone"));
        continue;
      }
      left -= content.length;
      given.add(new ContextUse.Given(file.file(), tokens(file)));
      if (asText) {
        String piece = "Name: " + file.name() + "\n\n" + new String(content, UTF_8);
        Frame.around(session, List.of(piece)).append(text, "attached file", piece);
        text.append('\n');
      } else {
        String base64 = Base64.getEncoder().encodeToString(content);
        files.add(new ModelFile(file.name(), file.mediaType(), base64));
      }
    }
    return new Parts(List.copyOf(files), text.toString());
  }

  private static String missing(Attachment file, String why) {
    return "[The file '"
        + file.name()
        + "' ("
        + file.mediaType()
        + ") belongs here, but "
        + why
        + ".]\n\n";
  }

  /** The files that the model is really given. */
  List<ContextUse.Given> given() {
    return List.copyOf(given);
  }
}

package dev.perdure.server.http;

import dev.perdure.chat.Caller;
import dev.perdure.chat.NewTurn;
import dev.perdure.file.Files;
import dev.perdure.file.StoredFile;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.Providers;
import dev.perdure.provider.Providers.Target;

/** Whether the models of a message can be given its files. Thread-safe. */
final class FileCheck {
  private final Files files;
  private final Providers providers;

  FileCheck(Files files, Providers providers) {
    this.files = files;
    this.providers = providers;
  }

  /**
   * Refuses files that are not the caller's, or not for one of the models.
   *
   * @throws PerdureException NOT_FOUND, INVALID_REQUEST, TOO_LARGE
   */
  NewTurn checked(Caller caller, NewTurn message) {
    long bytes = 0;
    for (NewTurn.FileAt each : message.files()) {
      StoredFile file = files.get(caller, each.file());
      bytes += file.size();
      if (!Files.isText(file.mediaType())) {
        message.request().models().forEach(model -> check(model, file));
      }
    }
    if (bytes > Files.CALL_BYTES) {
      throw new PerdureException(
          ErrorCode.TOO_LARGE,
          "The files of the message have "
              + bytes
              + " bytes together; at most "
              + Files.CALL_BYTES
              + " can be given to a model. Send fewer, or smaller ones.");
    }
    return message;
  }

  private void check(String model, StoredFile file) {
    Target target = providers.resolve(model);
    if (!target.provider().takes(target.model(), file.mediaType())) {
      throw new PerdureException(
          ErrorCode.INVALID_REQUEST,
          "The model '"
              + model
              + "' cannot be given '"
              + Text.shown(file.name())
              + "' ("
              + file.mediaType()
              + "). Choose another model, or send the content as text.");
    }
  }
}

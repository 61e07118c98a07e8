package dev.perdure.provider.openai;

import dev.perdure.provider.ProviderException;
import dev.perdure.provider.ProviderSettings;
import dev.perdure.provider.http.ChunkJson;
import dev.perdure.provider.http.VendorError;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Reads events named {@code error}, whose data some servers do not even write as JSON. */
final class OpenAiErrors {
  private OpenAiErrors() {}

  static ProviderException event(ProviderSettings settings, byte[] data, int length) {
    try {
      return VendorError.of(ChunkJson.tree(data, length)).inStream(settings.name());
    } catch (IOException e) {
      String text = new String(data, 0, length, StandardCharsets.UTF_8);
      return new VendorError(text, "", 0, null).inStream(settings.name());
    }
  }
}

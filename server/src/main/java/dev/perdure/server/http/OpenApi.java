package dev.perdure.server.http;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import dev.perdure.protocol.Json;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;

/** The OpenAPI 3.1 document, written by hand in YAML and served as that and as JSON. Immutable. */
final class OpenApi {
  private static final String RESOURCE = "openapi.yaml";

  private final byte[] yaml;
  private final byte[] json;

  OpenApi() {
    try (InputStream in = OpenApi.class.getResourceAsStream(RESOURCE)) {
      if (in == null) {
        throw new IllegalStateException(RESOURCE + " is missing; the build is broken.");
      }
      yaml = in.readAllBytes();
      JsonNode tree = new YAMLMapper().readTree(yaml);
      json = Json.MAPPER.writeValueAsBytes(tree);
    } catch (IOException e) {
      throw new UncheckedIOException(RESOURCE + " cannot be read", e);
    }
  }

  byte[] yaml() {
    return yaml.clone();
  }

  byte[] json() {
    return json.clone();
  }
}

package dev.perdure.server.config;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.Json;
import dev.perdure.protocol.PerdureException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.error.MarkedYAMLException;

/**
 * Reads a YAML file into flat names: mappings become dots, lists become comma-separated text. Used
 * once, by one thread. A setting that is an object itself becomes JSON. Only what settings need is
 * taken: anchors and lists of mappings are refused.
 */
final class YamlFile {
  private static final long MAX_BYTES = 1024 * 1024;
  private static final int MAX_DEPTH = 8;

  /** Of a setting that is an object itself. */
  private static final int MAX_TREE_DEPTH = 32;

  private final Path file;
  private final Map<String, Given> out = new LinkedHashMap<>();

  private YamlFile(Path file) {
    this.file = file;
  }

  static Map<String, Given> read(Path file) {
    try {
      if (Files.size(file) > MAX_BYTES) {
        throw PerdureConfig.illegal(
            "The file " + file + " is larger than 1 MiB. Give --config a configuration.");
      }
      return new YamlFile(file).parse(Files.readString(file, StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new PerdureException(
          ErrorCode.CONFIG,
          "The file "
              + file
              + " cannot be read ("
              + e.getClass().getSimpleName()
              + "). Check --config, that it exists and is UTF-8.",
          e);
    }
  }

  private Map<String, Given> parse(String text) throws IOException {
    try (YAMLParser parser = new YAMLFactory().createParser(text)) {
      JsonToken first = parser.nextToken();
      if (first == null || isNull(parser)) {
        return out;
      }
      if (first != JsonToken.START_OBJECT) {
        throw broken(parser, "the file does not begin with 'key: value'", "Write settings.");
      }
      mapping(parser, "", 0);
      if (parser.nextToken() != null) {
        throw broken(parser, "there is a second document", "Keep one.");
      }
      return out;
    } catch (JsonProcessingException e) {
      int line = e.getLocation() == null ? 0 : e.getLocation().getLineNr();
      String problem = String.valueOf(e.getOriginalMessage()).lines().findFirst().orElse("");
      if (e.getCause() instanceof MarkedYAMLException marked && marked.getProblemMark() != null) {
        line = marked.getProblemMark().getLine() + 1;
        problem = marked.getProblem();
      }
      throw new PerdureException(
          ErrorCode.CONFIG,
          file + " line " + line + " is not YAML: " + problem + ". Check indentation and quotes.",
          e);
    }
  }

  private void mapping(YAMLParser parser, String prefix, int depth) throws IOException {
    if (depth > MAX_DEPTH) {
      throw broken(parser, "'" + prefix + "' is nested too deep", "Settings have two levels.");
    }
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = prefix + parser.currentName();
      int line = parser.currentTokenLocation().getLineNr();
      JsonToken token = parser.nextToken();
      if (parser.getObjectId() != null || parser.isCurrentAlias()) {
        throw broken(parser, "'" + name + "' uses an anchor or alias", "Write the value.");
      }
      if (token == JsonToken.START_OBJECT && isJson(name)) {
        put(parser, name, Json.text(tree(parser, name, 0)), line);
      } else if (token == JsonToken.START_OBJECT) {
        mapping(parser, name + ".", depth + 1);
      } else {
        String value = token == JsonToken.START_ARRAY ? list(parser, name) : scalar(parser);
        put(parser, name, value, line);
      }
    }
  }

  private static boolean isJson(String name) {
    return Keys.find(name).filter(key -> key.type() == JsonNode.class).isPresent();
  }

  /** What begins at the parser's place, as JSON. */
  private JsonNode tree(YAMLParser parser, String name, int depth) throws IOException {
    if (depth > MAX_TREE_DEPTH || parser.getObjectId() != null || parser.isCurrentAlias()) {
      throw broken(
          parser, "'" + name + "' is too deep, or uses an anchor or alias", "Write it out.");
    }
    JsonNodeFactory make = JsonNodeFactory.instance;
    return switch (parser.currentToken()) {
      case START_OBJECT -> {
        ObjectNode object = make.objectNode();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
          String member = parser.currentName();
          parser.nextToken();
          object.set(member, tree(parser, name, depth + 1));
        }
        yield object;
      }
      case START_ARRAY -> {
        ArrayNode array = make.arrayNode();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          array.add(tree(parser, name, depth + 1));
        }
        yield array;
      }
      case VALUE_TRUE, VALUE_FALSE -> make.booleanNode(parser.getBooleanValue());
      case VALUE_NUMBER_INT -> make.numberNode(parser.getBigIntegerValue());
      case VALUE_NUMBER_FLOAT -> make.numberNode(parser.getDecimalValue());
      case VALUE_NULL -> make.nullNode();
      default -> make.textNode(parser.getText());
    };
  }

  private void put(YAMLParser parser, String name, @Nullable String value, int line) {
    if (value == null) {
      return;
    }
    Given before = out.put(name, new Given(value, file.getFileName() + " line " + line));
    if (before != null) {
      throw broken(parser, "'" + name + "' stands twice", "Keep one.");
    }
  }

  private String list(YAMLParser parser, String name) throws IOException {
    List<String> items = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      if (!parser.currentToken().isScalarValue() || parser.isCurrentAlias()) {
        throw broken(parser, "'" + name + "' holds more than texts", "List plain values.");
      }
      String item = scalar(parser);
      if (item == null || item.contains(",")) {
        throw broken(parser, "'" + name + "' holds an empty item or a comma", "Remove it.");
      }
      items.add(item);
    }
    return String.join(",", items);
  }

  /** The text as written, so that 0123 and yes stay what they are; null for nothing. */
  private static @Nullable String scalar(YAMLParser parser) throws IOException {
    return isNull(parser) ? null : parser.getText();
  }

  private static boolean isNull(YAMLParser parser) {
    return parser.currentToken() == JsonToken.VALUE_NULL;
  }

  private PerdureException broken(YAMLParser parser, String cause, String fix) {
    int line = parser.currentTokenLocation().getLineNr();
    return PerdureConfig.illegal(file + " line " + line + ": " + cause + ". " + fix);
  }
}

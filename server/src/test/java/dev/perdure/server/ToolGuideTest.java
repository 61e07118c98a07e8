package dev.perdure.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.sun.net.httpserver.HttpServer;
import dev.perdure.protocol.Json;
import dev.perdure.server.config.ConfigLoader;
import dev.perdure.tool.Effect;
import dev.perdure.tool.Tool;
import dev.perdure.tool.ToolException;
import dev.perdure.tool.Tools;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What docs/guide/tools.md shows is run here, taken from the page. */
class ToolGuideTest {
  private static final Path PAGE = Path.of("..", "docs", "guide", "tools.md");

  @TempDir private Path directory;

  private static List<String> blocks(String language) throws IOException {
    List<String> out = new ArrayList<>();
    Matcher m =
        Pattern.compile("```" + language + "\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(PAGE));
    while (m.find()) {
      out.add(m.group(1));
    }
    return out;
  }

  private ToolSelection selection(String yaml) throws IOException {
    Files.writeString(directory.resolve("perdure.yaml"), yaml);
    return new ToolSelection(
        ConfigLoader.load(List.of(), Map.of(), directory),
        Map.of("SHOP_TOKEN", "shop-s3cret", "CRM_TOKEN", "crm-s3cret")::get,
        InstantSource.fixed(Instant.EPOCH),
        List.of());
  }

  private static JsonNode run(Tool tool, String arguments)
      throws ToolException, InterruptedException {
    return tool.run(new Tool.Input(Json.trusted(arguments), "call_1", "t", "ann", "turn_1"));
  }

  @Test
  void the_tools_of_an_API_are_called_as_the_page_says() throws Exception {
    List<String> seen = new CopyOnWriteArrayList<>();
    HttpServer shop =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    shop.createContext(
        "/",
        exchange -> {
          seen.add(
              exchange.getRequestMethod()
                  + " "
                  + exchange.getRequestURI()
                  + " "
                  + exchange.getRequestHeaders().getFirst("Authorization")
                  + " "
                  + exchange.getRequestHeaders().getFirst("Idempotency-Key")
                  + " "
                  + new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
          byte[] body = "{\"state\":\"on its way\"}".getBytes(StandardCharsets.UTF_8);
          exchange.getResponseHeaders().set("Content-Type", "application/json");
          exchange.sendResponseHeaders(200, body.length);
          exchange.getResponseBody().write(body);
          exchange.close();
        });
    shop.start();
    Path secret = directory.resolve("shop");
    Files.writeString(secret, "file-s3cret");
    String yaml =
        blocks("yaml")
            .getFirst()
            .replace("https://shop.example", "http://127.0.0.1:" + shop.getAddress().getPort())
            .replace("/run/secrets/shop", secret.toString())
            .replaceFirst("tools:\n", "tools:\n  allowedAddresses: [127.0.0.1]\n");
    try (ToolSelection selection = selection(yaml)) {
      Tools tools = selection.tools();
      Tool status = tools.find("order_status").orElseThrow();
      assertThat(status.spec().effect()).isEqualTo(Effect.READ);
      assertThat(run(status, "{\"order\":\"77\"}").path("state").asText()).isEqualTo("on its way");
      Tool refund = tools.find("refund").orElseThrow();
      assertThat(refund.spec().approval().needed(Json.trusted("{\"cents\":5000}"))).isFalse();
      assertThat(refund.spec().approval().needed(Json.trusted("{\"cents\":5001}"))).isTrue();
      run(refund, "{\"order\":\"77\",\"cents\":100}");
      assertThat(tools.fault("refund", Json.trusted("{\"order\":\"77\"}"))).isPresent();
    } finally {
      shop.stop(0);
    }
    assertThat(seen)
        .containsExactly(
            "GET /api/orders/77 Bearer shop-s3cret call_1 ",
            "POST /api/refunds Bearer file-s3cret call_1 {\"order\":\"77\",\"cents\":100}");
  }

  @Test
  void every_other_setting_of_the_page_is_one() throws IOException {
    List<String> blocks = blocks("yaml");
    assertThat(blocks).hasSize(3);
    for (String block : blocks.subList(1, 3)) {
      try (ToolSelection selection = selection(block)) {
        assertThat(selection.tools().names()).contains("time", "calculator");
      }
    }
  }

  @Test
  void the_class_of_the_page_is_the_one_that_is_run() throws Exception {
    String file = Files.readString(Path.of("src/test/java/dev/perdure/server/WordCount.java"));
    assertThat(blocks("java")).containsExactly(file.substring(file.indexOf("public final class")));
    Tools tools = new Tools(List.of(new WordCount()), Tools.Limits.DEFAULT);
    assertThat(tools.fault("word_count", Json.trusted("{}"))).isPresent();
    Tool tool = tools.find("word_count").orElseThrow();
    assertThat(run(tool, "{\"text\":\"one two  three\"}")).isEqualTo(Json.trusted("{\"words\":3}"));
    assertThatThrownBy(() -> run(tool, "{\"text\":\" \"}")).hasMessageContaining("no text");
  }
}

package dev.perdure.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.server.config.PerdureConfig.Provider.Kind;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class ConfigLoaderTest {
  private static final String KEY = "aaaaaaaaaaaaaaaaaaaaaaaa";

  @TempDir private Path directory;

  private PerdureConfig load(Map<String, String> env, String... args) {
    return ConfigLoader.load(List.of(args), env, directory);
  }

  private void yaml(String text) throws IOException {
    Files.writeString(directory.resolve("perdure.yaml"), text);
  }

  @Test
  void with_nothing_given_everything_has_its_default() {
    PerdureConfig config = load(Map.of());
    assertThat(config.server().host()).isEqualTo("127.0.0.1");
    assertThat(config.server().port()).isEqualTo(8080);
    assertThat(config.data().dir()).isEqualTo("data");
    assertThat(config.db().url()).isNull();
    assertThat(config.engine().turnTimeLimit()).isEqualTo(Duration.ofMinutes(30));
    assertThat(config.http().body().maxSize()).isEqualTo(new ByteSize(1024 * 1024));
    assertThat(config.log().retention()).isEqualTo(Duration.ofHours(24));
    assertThat(config.auth().required()).isFalse();
    assertThat(config.providers()).isEmpty();
    assertThat(config.defaultModel()).isNull();
    assertThat(config.demo()).isTrue();
  }

  @Test
  void file_environment_and_flags_win_in_this_order() throws IOException {
    yaml(
        """
        server:
          port: 1001
          host: localhost
        engine:
          drainGrace: 1s
          turnTimeLimit: 1m
        data.dir: from-file
        """);
    Map<String, String> env =
        Map.of("PERDURE_PORT", "1002", "PERDURE_ENGINE_TURN_TIME_LIMIT", "2m");
    PerdureConfig config = load(env, "--port", "1003", "--set", "engine.drainGrace=3s");
    assertThat(config.server().port()).isEqualTo(1003);
    assertThat(config.server().host()).isEqualTo("localhost");
    assertThat(config.engine().turnTimeLimit()).isEqualTo(Duration.ofMinutes(2));
    assertThat(config.engine().drainGrace()).isEqualTo(Duration.ofSeconds(3));
    assertThat(config.data().dir()).isEqualTo("from-file");
    assertThat(load(env).server().port()).isEqualTo(1002);
    assertThat(load(Map.of()).server().port()).isEqualTo(1001);
  }

  @Test
  void a_file_is_named_by_flag_or_variable() throws IOException {
    Files.writeString(directory.resolve("a.yaml"), "server: {port: 1}");
    Files.writeString(directory.resolve("b.yaml"), "server: {port: 2}");
    yaml("server: {port: 3}");
    Map<String, String> env = Map.of("PERDURE_CONFIG", "b.yaml");
    assertThat(load(env, "--config", "a.yaml").server().port()).isEqualTo(1);
    assertThat(load(env, "--config=a.yaml").server().port()).isEqualTo(1);
    assertThat(load(env).server().port()).isEqualTo(2);
    assertThat(load(Map.of()).server().port()).isEqualTo(3);
    assertRefused(() -> load(Map.of(), "--config", "none.yaml"), "none.yaml");
  }

  @Test
  void an_empty_file_and_empty_variables_say_nothing() throws IOException {
    yaml("# nothing\nserver:\n  publicUrl:\n");
    PerdureConfig config = load(Map.of("PERDURE_PORT", "", "OPENAI_API_KEY", " "));
    assertThat(config).isEqualTo(load(Map.of()));
    yaml("");
    assertThat(load(Map.of())).isEqualTo(config);
  }

  static List<KeySpec> everyKey() {
    List<KeySpec> out = new ArrayList<>();
    for (KeySpec spec : Keys.ALL) {
      out.add(spec.name().contains("*") ? spec.named("my-vllm") : spec);
    }
    return out;
  }

  @ParameterizedTest
  @MethodSource("everyKey")
  void every_key_is_read_from_file_variable_and_flag(KeySpec spec) throws IOException {
    // In the place of a good value a bad one: the refusal shows that it was read, and from where.
    String bad = "\u0001";
    if (spec.hasVariable()) {
      assertRefused(() -> load(Map.of(spec.env(), "x" + bad + "x")), spec.name(), spec.env());
    }
    assertRefused(
        () -> load(Map.of(), "--set", spec.name() + "=x" + bad + "x"), spec.name(), "--set");
    yaml(spec.name() + ": \"x\\x01x\"\n");
    assertRefused(() -> load(Map.of()), spec.name(), "perdure.yaml line 1");
  }

  @ParameterizedTest
  @CsvSource({
    "PERDURE_PORT, server.port, 99999",
    "PERDURE_DATA, data.dir, x\u0001x",
    "PERDURE_DB_URL, db.url, mysql://x",
    "PERDURE_API_KEYS, auth.apiKeys, x\u0001x",
    "OPENAI_API_KEY, providers.openai.apiKey, x\u0001x",
    "OPENAI_BASE_URL, providers.openai.baseUrl, nonsense",
    "ANTHROPIC_API_KEY, providers.anthropic.apiKey, x\u0001x",
    "ANTHROPIC_BASE_URL, providers.anthropic.baseUrl, nonsense",
    "GEMINI_API_KEY, providers.gemini.apiKey, x\u0001x",
    "GEMINI_BASE_URL, providers.gemini.baseUrl, nonsense",
  })
  void the_short_variables_set_their_keys(String variable, String name, String bad) {
    assertRefused(() -> load(Map.of(variable, bad)), name, variable);
  }

  @Test
  void providers_come_in_the_order_in_which_they_are_named() throws IOException {
    yaml(
        """
        providers:
          my-vllm:
            kind: openai
            baseUrl: http://10.0.0.5:8000/v1
          anthropic:
            apiKey: from-file
        """);
    PerdureConfig config =
        load(
            Map.of(
                "OPENAI_API_KEY", "sk-1",
                "ANTHROPIC_API_KEY", "from-env",
                "PERDURE_PROVIDERS_MY_VLLM_API_KEY", "sk-2"));
    assertThat(config.providers().keySet()).containsExactly("my-vllm", "anthropic", "openai");
    assertThat(config.providers())
        .containsEntry(
            "my-vllm",
            new PerdureConfig.Provider(
                Kind.OPENAI, URI.create("http://10.0.0.5:8000/v1"), new Secret("sk-2")))
        .containsEntry(
            "anthropic", new PerdureConfig.Provider(Kind.ANTHROPIC, null, new Secret("from-env")));
  }

  @Test
  void the_vendors_order_does_not_depend_on_the_environments() {
    Map<String, String> env =
        Map.of("GEMINI_API_KEY", "g", "OPENAI_API_KEY", "o", "ANTHROPIC_API_KEY", "a");
    assertThat(load(env).providers().keySet()).containsExactly("openai", "anthropic", "gemini");
  }

  @Test
  void a_variable_of_perdures_own_goes_before_the_vendors() {
    Map<String, String> env =
        Map.of("OPENAI_API_KEY", "general", "PERDURE_PROVIDERS_OPENAI_API_KEY", "ours");
    assertThat(load(env).providers().get("openai"))
        .isEqualTo(new PerdureConfig.Provider(Kind.OPENAI, null, new Secret("ours")));
  }

  @Test
  void two_variables_for_one_key_must_agree() {
    assertRefused(
        () -> load(Map.of("PERDURE_PORT", "1", "PERDURE_SERVER_PORT", "2")),
        "PERDURE_PORT",
        "PERDURE_SERVER_PORT",
        "server.port");
    assertThat(load(Map.of("PERDURE_PORT", "1", "PERDURE_SERVER_PORT", "1")).server().port())
        .isEqualTo(1);
  }

  @Test
  void a_list_is_a_yaml_list_or_separated_by_commas() throws IOException {
    yaml("server:\n  allowedHosts:\n    - a.lan\n    - b.lan\nauth: {apiKeys: [" + KEY + "]}\n");
    assertThat(load(Map.of()).server().allowedHosts()).containsExactly("a.lan", "b.lan");
    assertThat(load(Map.of()).auth().apiKeys()).isEqualTo(new Secret(KEY));
    assertThat(load(Map.of("PERDURE_SERVER_ALLOWED_HOSTS", "c.lan, d.lan")).server().allowedHosts())
        .containsExactly("c.lan", "d.lan");
  }

  @Test
  void yaml_texts_stay_as_written() throws IOException {
    yaml("db:\n  user: 0123\n  password: yes\n  url: jdbc:postgresql://h/d\n");
    assertThat(load(Map.of()).db().user()).isEqualTo("0123");
    assertThat(load(Map.of()).db().password()).isEqualTo(new Secret("yes"));
  }

  @Test
  void explaining_shows_value_and_origin_but_no_secret() throws IOException {
    yaml("server:\n  port: 1001\n");
    List<String> lines =
        ConfigLoader.explain(
            List.of("--data", "x"),
            Map.of(
                "OPENAI_API_KEY", "sk-very-secret",
                "PERDURE_API_KEYS", KEY,
                "PERDURE_DB_URL", "postgresql://u:hidden@h/d?password=hidden"),
            directory);
    assertThat(lines)
        .contains(
            "server.port = 1001  (perdure.yaml line 2)",
            "data.dir = x  (--data)",
            "engine.turnTimeLimit = 30m  (default)",
            "defaultModel = (none)",
            "providers.openai.apiKey = ********  (OPENAI_API_KEY)",
            "auth.apiKeys = ********  (PERDURE_API_KEYS)");
    assertThat(String.join("\n", lines)).doesNotContain("sk-very-secret", KEY, "hidden");
  }

  @Test
  void what_kubernetes_puts_beside_a_service_is_no_setting() {
    Map<String, String> env =
        Map.of(
            "PERDURE_PORT", "tcp://10.0.0.1:8080",
            "PERDURE_PORT_8080_TCP", "tcp://10.0.0.1:8080",
            "PERDURE_PORT_8080_TCP_ADDR", "10.0.0.1",
            "PERDURE_SERVICE_HOST", "10.0.0.1",
            "PERDURE_SERVICE_PORT", "8080",
            "PERDURE_SERVICE_PORT_HTTP", "8080");
    assertThat(load(env)).isEqualTo(load(Map.of()));
  }

  @Test
  void printing_the_tree_shows_no_secret() {
    PerdureConfig config =
        load(
            Map.of(
                "OPENAI_API_KEY", "sk-very-secret",
                "PERDURE_API_KEYS", KEY,
                "PERDURE_DB_PASSWORD", "hidden",
                "PERDURE_DB_URL", "jdbc:postgresql://u:hid@den@h/d?password=hidden",
                "PERDURE_AUTH_STREAM_TOKEN_SECRET", "s".repeat(32)));
    assertThat(config.toString())
        .contains("jdbc:postgresql://h/d")
        .doesNotContain("sk-very-secret", KEY, "hidden", "hid@den", "den@", "ssss");
  }

  private static void assertRefused(Runnable load, String... parts) {
    assertThatThrownBy(load::run)
        .isInstanceOfSatisfying(
            PerdureException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CONFIG))
        .message()
        .contains(parts);
  }
}

package dev.perdure.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What stops a start, and what it says. */
class ConfigRefusalTest {
  private static final String KEYS = "alice:aaaaaaaaaaaaaaaaaaaaaaaa";

  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource({
    "server.prot, server.port",
    "engine.turnTimelimit, engine.turnTimeLimit",
    "engine.turntimeout, engine.turnTimeLimit",
    "turnTimeLimit, engine.turnTimeLimit",
    "sever.host, server.host",
    "lg.retention, log.retention",
    "providers.openai.key, providers.openai.apiKey",
    "providers.My_Vllm.kind, providers.openai.kind",
    "server.port.number, server.port",
    "auth.jwt.isuer, auth.jwt.issuer",
  })
  void an_unknown_key_is_refused_with_its_line_and_the_nearest(String name, String nearest)
      throws IOException {
    assertYamlRefused("# one\n" + name + ": 5\n", "'" + name + "'", "line 2", "'" + nearest + "'");
    assertRefused(Map.of(), List.of("--set", name + "=5"), "'" + name + "'", "'" + nearest + "'");
  }

  @ParameterizedTest
  @CsvSource({
    "PERDURE_PROT, PERDURE_PORT",
    "PERDURE_APIKEYS, PERDURE_API_KEYS",
    "PERDURE_ENGINE_TURNTIMELIMIT, PERDURE_ENGINE_TURN_TIME_LIMIT",
    "PERDURE_DATABASE_URL, PERDURE_DB_URL",
    "PERDURE_PROVIDERS_OPENAI_KEY, PERDURE_PROVIDERS_*_API_KEY",
  })
  void an_unknown_variable_is_refused_with_the_nearest(String variable, String nearest) {
    assertRefused(Map.of(variable, "x"), List.of(), variable + " is not known", nearest);
  }

  @Test
  void variables_of_the_launcher_and_of_other_programs_are_no_concern() {
    Map<String, String> env =
        Map.of("PERDURE_JAVA_OPTS", "-Xmx1g", "PERDURE_URL", "http://x", "HOME", "/", "PORT", "1");
    assertThat(ConfigLoader.load(List.of(), env, directory).server().port()).isEqualTo(8080);
  }

  @ParameterizedTest
  @CsvSource({
    "--prot, --port",
    "--database, --data",
    "-port, --port",
    "--confg, --config",
  })
  void an_unknown_flag_is_refused_with_the_nearest(String flag, String nearest) {
    assertRefused(Map.of(), List.of(flag, "x"), "'" + flag + "'", "Did you mean " + nearest);
  }

  @Test
  void a_flag_without_its_value_and_a_stray_word_are_refused() {
    assertRefused(Map.of(), List.of("--port"), "--port", "value");
    assertRefused(Map.of(), List.of("8080"), "'8080'", "--port");
    assertRefused(Map.of(), List.of("--set", "x"), "--set", "name=value");
    assertRefused(Map.of(), List.of(""), "''");
  }

  @ParameterizedTest
  @CsvSource({
    "server.port, eighty, a whole number",
    "server.port, 8080.5, a whole number",
    "server.port, 99999999999, a whole number",
    "server.port, 0x50, a whole number",
    "engine.turnTimeLimit, 15, a duration such as",
    "engine.turnTimeLimit, -5s, a duration such as",
    "engine.turnTimeLimit, 5 s, a duration such as",
    "engine.turnTimeLimit, PT5S, a duration such as",
    "http.body.maxSize, 64, a size such as",
    "http.body.maxSize, 64kb, a size such as",
    "http.body.maxSize, 999999999999GiB, a size such as",
    "demo, yes, true or false",
    "server.publicUrl, chat.example.com, an http or https URL",
    "server.publicUrl, ftp://x, an http or https URL",
    "logging.level, loud, 'one of error, warning, info, debug'",
  })
  void a_value_of_the_wrong_form_is_refused_with_the_right_one(
      String name, String value, String form) throws IOException {
    assertYamlRefused(name + ": " + value, name + " is '" + value + "'", "line 1", form);
  }

  @ParameterizedTest
  @CsvSource({
    "server.port, 65536, 0 to 65535",
    "server.port, -1, 0 to 65535",
    "engine.turnTimeLimit, 999ms, 1s to 24h",
    "engine.turnTimeLimit, 25h, 1s to 24h",
    "http.body.maxSize, 1023B, 1KiB to 64MiB",
    "http.body.maxSize, 65MiB, 1KiB to 64MiB",
  })
  void a_value_out_of_range_is_refused_with_the_range(String name, String value, String range)
      throws IOException {
    assertYamlRefused(name + ": " + value, name + " is " + value, range, "line 1");
  }

  @Test
  void settings_that_contradict_each_other_are_refused_with_both_places() {
    assertRefused(
        Map.of("PERDURE_ENGINE_NODE_BEAT", "3s"),
        List.of("--set", "engine.node.lease=5s"),
        "engine.node.beat is 3s",
        "5s",
        "half",
        "comes from PERDURE_ENGINE_NODE_BEAT",
        "from --set");
    assertRefused(Map.of("PERDURE_ENGINE_RETRY_BASE", "1m"), List.of(), "engine.retry.base", "20s");
    assertRefused(Map.of("PERDURE_HTTP_PAGE_SIZE", "500"), List.of(), "http.page.size", "200");
  }

  @ParameterizedTest
  @CsvSource({"0.0.0.0", "192.168.1.5", "::", "chat.example.com", "127.0.0.1.example.com"})
  void an_address_that_others_reach_needs_authentication(String host) {
    assertRefused(Map.of(), List.of("--host", host), host, "PERDURE_API_KEYS", "127.0.0.1");
    Map<String, String> env = Map.of("PERDURE_API_KEYS", KEYS);
    assertThat(ConfigLoader.load(List.of("--host", host), env, directory).server().host())
        .isEqualTo(host);
  }

  @ParameterizedTest
  @CsvSource({"127.0.0.1", "127.1.2.3", "localhost", "::1"})
  void loopback_needs_none(String host) {
    assertThat(ConfigLoader.load(List.of("--host", host), Map.of(), directory).auth().required())
        .isFalse();
  }

  @Test
  void jwt_settings_come_together() {
    assertRefused(Map.of("PERDURE_AUTH_JWT_ISSUER", "i"), List.of(), "auth.jwt.audience");
    assertRefused(Map.of("PERDURE_AUTH_JWT_AUDIENCE", "a"), List.of(), "auth.jwt.issuer");
    Map<String, String> env =
        Map.of(
            "PERDURE_AUTH_JWT_ISSUER", "i",
            "PERDURE_AUTH_JWT_AUDIENCE", "a",
            "PERDURE_AUTH_JWT_JWKS_URL", "http://login.example/keys");
    assertRefused(env, List.of(), "auth.jwt.jwksUrl", "https");
  }

  @Test
  void a_provider_has_a_wire_and_an_address() {
    assertRefused(
        Map.of("PERDURE_PROVIDERS_MINE_API_KEY", "k"),
        List.of(),
        "providers.mine.kind is missing",
        "openai, openai-responses, anthropic, gemini");
    assertRefused(
        Map.of("PERDURE_PROVIDERS_MINE_KIND", "grpc"), List.of(), "providers.mine.kind", "grpc");
    assertRefused(
        Map.of("PERDURE_PROVIDERS_MINE_KIND", "openai"), List.of(), "providers.mine", "baseUrl");
  }

  @Test
  void other_odd_values_are_refused() {
    assertRefused(Map.of("PERDURE_DB_URL", "jdbc:sqlite:x"), List.of(), "db.url", "postgresql");
    assertRefused(Map.of("PERDURE_DEFAULT_MODEL", "gpt"), List.of(), "defaultModel", "'gpt'");
    assertRefused(
        Map.of("PERDURE_AUTH_STREAM_TOKEN_SECRET", "short"), List.of(), "streamTokenSecret", "32");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "server: [1, 2|line",
        "- a\\n- b|does not begin",
        "just text|does not begin",
        "server:\\n  port: 1\\n  port: 2|line 3",
        "server: {port: 1}\\nserver.port: 2|line 2",
        "server: 5|is a section",
        "server: &a {port: 1}|anchor",
        "a: &x 1\\nb: *x|anchor",
        "server:\\n\\tport: 1|line 2",
        "server:\\n  allowedHosts: [{a: b}]|more than texts",
        "server: {port: 1}\\n---\\nserver: {port: 2}|second document",
        "a: {b: {c: {d: {e: {f: {g: {h: {i: {j: 1}}}}}}}}}|nested too deep",
      })
  void a_file_that_cannot_be_understood_is_refused_with_its_place(String yaml, String part)
      throws IOException {
    assertYamlRefused(yaml.replace("\\n", "\n").replace("\\t", "\t"), "perdure.yaml", part);
  }

  @Test
  void a_secret_that_is_refused_is_not_repeated() {
    assertThatThrownBy(() ->
            ConfigLoader.load(List.of(), Map.of("PERDURE_DB_PASSWORD", "hidden\u0001"), directory))
        .hasMessageContaining("db.password")
        .hasMessageNotContaining("hidden");
    assertThatThrownBy(() ->
            ConfigLoader.load(
                List.of(), Map.of("OPENAI_BASE_URL", "http://u:hidden@h/?key=hidden"), directory))
        .hasMessageContaining("providers.openai.baseUrl is 'http://h/?...'")
        .hasMessageNotContaining("hidden");
  }

  private void assertYamlRefused(String yaml, String... parts) throws IOException {
    Files.writeString(directory.resolve("perdure.yaml"), yaml);
    assertRefused(Map.of(), List.of(), parts);
  }

  private void assertRefused(Map<String, String> env, List<String> args, String... parts) {
    assertThatThrownBy(() -> ConfigLoader.load(args, env, directory))
        .as(Arrays.toString(parts))
        .isInstanceOfSatisfying(
            PerdureException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CONFIG))
        .message()
        .contains(parts);
  }
}

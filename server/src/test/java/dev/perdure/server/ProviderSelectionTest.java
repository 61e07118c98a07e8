package dev.perdure.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import dev.perdure.provider.http.Transport;
import dev.perdure.provider.http.TransportOptions;
import dev.perdure.provider.openai.LocalServers.LocalServer;
import dev.perdure.server.config.ConfigLoader;
import java.net.URI;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProviderSelectionTest {
  private static final LocalServer OLLAMA =
      new LocalServer(
          "ollama", URI.create("http://127.0.0.1:11434/v1"), List.of("llama3.2:3b", "other"));
  private static final LocalServer VLLM =
      new LocalServer("vllm", URI.create("http://127.0.0.1:8000/v1"), List.of("qwen"));

  @TempDir private Path directory;

  private final Transport transport =
      new Transport(TransportOptions.defaults(), InstantSource.system());

  @AfterEach
  void close() {
    transport.close();
  }

  private ProviderSelection select(
      Map<String, String> env, List<LocalServer> local, String... args) {
    return ProviderSelection.select(
        ConfigLoader.load(List.of(args), env, directory),
        () -> local,
        transport,
        InstantSource.system());
  }

  @Test
  void with_nothing_at_all_the_demo_answers_and_says_that_it_is_one() {
    ProviderSelection selection = select(Map.of(), List.of());
    assertThat(selection.providers().defaultModel()).isEqualTo("demo/demo");
    assertThat(selection.providers().names()).containsExactly("demo");
    assertThat(selection.summary()).contains("not a model", "OPENAI_API_KEY");
  }

  @Test
  void a_model_server_on_this_machine_goes_before_the_demo() {
    ProviderSelection selection = select(Map.of(), List.of(OLLAMA, VLLM));
    assertThat(selection.providers().defaultModel()).isEqualTo("ollama/llama3.2:3b");
    assertThat(selection.providers().names()).containsExactly("ollama", "vllm", "demo");
    assertThat(selection.summary()).contains("11434");
  }

  @Test
  void it_is_not_looked_for_where_that_is_switched_off() {
    ProviderSelection selection =
        select(Map.of(), List.of(OLLAMA, VLLM), "--set", "detectLocalServers=false");
    assertThat(selection.providers().defaultModel()).isEqualTo("demo/demo");
  }

  @Test
  void a_configured_provider_goes_before_both() {
    ProviderSelection selection = select(Map.of("ANTHROPIC_API_KEY", "k"), List.of(OLLAMA, VLLM));
    assertThat(selection.providers().defaultModel()).startsWith("anthropic/claude");
    assertThat(selection.providers().names()).containsExactly("anthropic", "demo");
  }

  @Test
  void whoever_has_openai_has_both_of_its_wires() {
    ProviderSelection selection =
        select(Map.of("OPENAI_API_KEY", "k", "GEMINI_API_KEY", "k"), List.of());
    assertThat(selection.providers().names())
        .containsExactly("openai", "gemini", "openai-responses", "demo");
    assertThat(selection.providers().defaultModel()).startsWith("openai/");
  }

  @Test
  void a_base_url_without_a_key_configures_a_provider() {
    ProviderSelection selection =
        select(Map.of("OPENAI_BASE_URL", "http://127.0.0.1:1/v1"), List.of());
    assertThat(selection.providers().names()).contains("openai");
  }

  @Test
  void the_default_model_can_be_named_and_must_exist() {
    Map<String, String> env = Map.of("OPENAI_API_KEY", "k");
    assertThat(
            select(env, List.of(), "--set", "defaultModel=openai/gpt-9").providers().defaultModel())
        .isEqualTo("openai/gpt-9");
    assertRefused(env, "defaultModel", "--set", "defaultModel=mistral/large");
  }

  @Test
  void a_server_of_unknown_models_needs_a_default_model() {
    Map<String, String> env =
        Map.of(
            "PERDURE_PROVIDERS_MY_VLLM_KIND", "openai",
            "PERDURE_PROVIDERS_MY_VLLM_BASE_URL", "http://10.0.0.5:8000/v1");
    assertRefused(env, "defaultModel");
    assertThat(
            select(env, List.of(), "--set", "defaultModel=my-vllm/qwen").providers().defaultModel())
        .isEqualTo("my-vllm/qwen");
  }

  @Test
  void without_the_demo_there_must_be_something_else() {
    assertRefused(Map.of(), "OPENAI_API_KEY", "--set", "demo=false");
    assertThat(select(Map.of(), List.of(OLLAMA, VLLM), "--set", "demo=false").providers().names())
        .containsExactly("ollama", "vllm");
  }

  @Test
  void a_key_that_no_header_can_hold_is_refused_without_being_shown() {
    assertThatThrownBy(() -> select(Map.of("OPENAI_API_KEY", "sk-h\u00e4"), List.of()))
        .hasMessageContaining("providers.openai")
        .hasMessageNotContaining("sk-h");
  }

  private void assertRefused(Map<String, String> env, String part, String... args) {
    assertThatThrownBy(() -> select(env, List.of(), args))
        .isInstanceOfSatisfying(
            PerdureException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CONFIG))
        .hasMessageContaining(part);
  }
}

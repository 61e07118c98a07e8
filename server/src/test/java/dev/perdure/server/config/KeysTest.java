package dev.perdure.server.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class KeysTest {
  /** All of them: a change here is a change for every operator, so it is made on purpose. */
  private static final String NAMES_AND_DEFAULTS =
      """
      server.host = 127.0.0.1
      server.port = 8080
      server.publicUrl =
      server.allowedHosts =
      server.corsOrigins =
      data.dir = data
      db.url =
      db.user =
      db.password =
      db.writeConnections = 12
      db.readConnections = 8
      db.connectTimeout = 5s
      db.borrowTimeout = 10s
      db.statementTimeout = 30s
      http.body.maxSize = 1MiB
      http.body.maxMessageChars = 200000
      http.body.maxParts = 64
      http.body.maxInstructionsChars = 65536
      http.body.maxTitleChars = 200
      http.body.maxLanes = 8
      http.body.maxFallbacks = 8
      http.body.readTimeout = 30s
      http.page.size = 50
      http.page.maxSize = 200
      http.stream.maxPerCaller = 64
      http.stream.maxTurns = 50
      http.stream.heartbeat = 15s
      http.stream.retry = 1s
      http.stream.poll = 5s
      http.stream.cursorAge = 24h
      http.stream.maxWait = 60s
      http.socket.maxConnections = 20000
      http.socket.maxConnectionsPerAddress = 20000
      http.socket.sendBuffer = 64KiB
      http.socket.writeTimeout = 30s
      http.socket.headTimeout = 15s
      http.socket.idleTimeout = 5m
      http.socket.maxHeaders = 32KiB
      http.socket.maxTarget = 16KiB
      engine.node.lease = 2500ms
      engine.node.beat = 500ms
      engine.node.poll = 1s
      engine.node.claimBatch = 500
      engine.drainGrace = 20s
      engine.maxRunningTurns = 10000
      engine.maxOpenTurnsPerCaller = 200
      engine.maxOpenTurnsPerTenant = 50000
      engine.turnTimeLimit = 30m
      engine.maxCrashes = 3
      engine.idempotencyRetention = 24h
      engine.queue.maxTurns = 10000
      engine.queue.maxWait = 60s
      engine.context.maxMessages = 500
      engine.context.maxChars = 1000000
      engine.context.windows =
      engine.context.instructions =
      engine.context.summaries.enabled = true
      engine.context.summaries.model =
      engine.context.summaries.tokens = 1500
      engine.context.summaries.timeout = 90s
      engine.retry.maxAttempts = 4
      engine.retry.maxCalls = 100
      engine.retry.base = 500ms
      engine.retry.max = 20s
      engine.retry.budget = 2m
      engine.provider.connectTimeout = 10s
      engine.provider.firstTokenTimeout = 120s
      engine.provider.idleTimeout = 60s
      documents.maxSize = 8MiB
      documents.maxPerOwner = 500
      documents.maxSizePerOwner = 256MiB
      documents.maxChars = 2000000
      documents.extractionTimeout = 60s
      embeddings.model =
      embeddings.baseUrl =
      embeddings.apiKey =
      embeddings.dimensions = 0
      embeddings.batch = 64
      embeddings.timeout = 30s
      embeddings.questionTimeout = 300ms
      embeddings.minSimilarity = 30
      embeddings.cacheSize = 64MiB
      files.maxSize = 10MiB
      files.maxPerOwner = 2000
      files.maxSizePerOwner = 1GiB
      files.retention = 24h
      tools.maxSteps = 20
      tools.maxCallsPerStep = 32
      tools.maxTokens = 2000000
      tools.maxResult = 64KiB
      tools.timeout = 30s
      tools.answerTimeout = 24h
      tools.maxTold = 32
      tools.maxToldTokens = 8000
      tools.modelsWithout =
      tools.notes = true
      tools.allowedAddresses =
      tools.http.*.url =
      tools.http.*.method = post
      tools.http.*.description =
      tools.http.*.schema =
      tools.http.*.effect = unsafe
      tools.http.*.approval = unsafe
      tools.http.*.undo =
      tools.http.*.headers =
      tools.http.*.timeout =
      tools.http.*.maxTries = 2
      tools.http.*.retryPause = 1s
      tools.http.*.maxResult =
      tools.mcp.*.url =
      tools.mcp.*.command =
      tools.mcp.*.env =
      tools.mcp.*.headers =
      tools.mcp.*.tools =
      tools.mcp.*.read =
      tools.mcp.*.idempotent =
      tools.mcp.*.trustHints = false
      tools.mcp.*.approval = unsafe
      tools.mcp.*.timeout =
      tools.mcp.*.maxTries = 2
      tools.mcp.*.retryPause = 1s
      waits.longest = 366d
      waits.maxScheduledPerCaller = 1000
      waits.maxSchedulesPerCaller = 100
      waits.answerWithin = 24h
      waits.reminders = 1h
      waits.lateness = 1m
      log.tailBytes = 64KiB
      log.writerBytes = 256KiB
      log.readBytes = 64KiB
      log.retention = 24h
      auth.apiKeys =
      auth.jwt.issuer =
      auth.jwt.audience =
      auth.jwt.jwksUrl =
      auth.jwt.tenantClaim =
      auth.jwt.ownerClaim = sub
      auth.streamTokenSecret =
      auth.streamTokenTtl = 60s
      auth.openMetrics = false
      auth.operators =
      providers.*.kind =
      providers.*.baseUrl =
      providers.*.apiKey =
      providers.*.maxCalls = 10000
      defaultModel =
      demo = true
      detectLocalServers = true
      logging.level = info
      """;

  @Test
  void every_key_and_its_default_are_as_promised() {
    String actual =
        Keys.ALL.stream()
            .map(k -> (k.name() + " = " + k.key().byDefault()).strip())
            .collect(Collectors.joining("\n", "", "\n"));
    assertThat(actual).isEqualTo(NAMES_AND_DEFAULTS);
  }

  @Test
  void no_two_keys_share_a_variable_or_a_flag() {
    Set<String> seen = new HashSet<>();
    for (KeySpec spec : Keys.ALL) {
      assertThat(seen.add(spec.env())).as(spec.env()).isTrue();
      if (!spec.key().env().isEmpty() && !spec.key().env().equals(spec.env())) {
        assertThat(seen.add(spec.key().env())).as(spec.key().env()).isTrue();
      }
      if (!spec.key().flag().isEmpty()) {
        assertThat(seen.add(spec.key().flag())).as(spec.key().flag()).isTrue();
      }
    }
  }

  @Test
  void the_variable_of_a_key_is_its_name_in_capitals() {
    assertThat(Keys.find("engine.turnTimeLimit").orElseThrow().env())
        .isEqualTo("PERDURE_ENGINE_TURN_TIME_LIMIT");
    assertThat(Keys.find("auth.jwt.jwksUrl").orElseThrow().env())
        .isEqualTo("PERDURE_AUTH_JWT_JWKS_URL");
    assertThat(Keys.find("providers.my-vllm.baseUrl").orElseThrow().env())
        .isEqualTo("PERDURE_PROVIDERS_MY_VLLM_BASE_URL");
    assertThat(Keys.find("defaultModel").orElseThrow().env()).isEqualTo("PERDURE_DEFAULT_MODEL");
  }

  @Test
  void defaults_and_bounds_are_legal_and_every_text_is_a_sentence() {
    for (KeySpec spec : Keys.ALL) {
      for (String value :
          new String[] {spec.key().byDefault(), spec.key().min(), spec.key().max()}) {
        if (!value.isEmpty()) {
          Object parsed = Values.parse(spec.type(), value);
          assertThat(Values.parse(spec.type(), Values.write(parsed))).isEqualTo(parsed);
        }
      }
      assertThat(spec.key().min().isEmpty()).isEqualTo(spec.key().max().isEmpty());
      assertThat(spec.key().text()).as(spec.name()).matches("[A-Z].*[.]").doesNotContain("|");
    }
  }

  @Test
  void the_documentation_is_what_the_registry_says() throws IOException {
    Path file = Path.of("..", "docs", "configuration.md");
    assertThat(Files.readString(file))
        .as("Write it anew: ./perdure config --docs > docs/configuration.md")
        .isEqualTo(ConfigDoc.text());
  }

  @Test
  void a_record_checks_its_ranges_whoever_makes_it() {
    assertThatThrownBy(() ->
            new EngineSettings.Retry(
                0, 100, Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ofSeconds(1)))
        .hasMessageContaining("engine.retry.maxAttempts is 0")
        .hasMessageContaining("1 to 100");
    assertThatThrownBy(() -> new HttpSettings.Page(0, 5)).hasMessageContaining("http.page.size");
  }
}

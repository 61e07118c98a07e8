package dev.perdure.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.perdure.chat.DeskLimits;
import dev.perdure.context.ContextSettings;
import dev.perdure.db.PostgresOptions;
import dev.perdure.engine.EngineConfig;
import dev.perdure.file.FileLimits;
import dev.perdure.log.LogLimits;
import dev.perdure.retrieval.DocumentLimits;
import dev.perdure.server.config.ConfigLoader;
import dev.perdure.server.config.PerdureConfig;
import dev.perdure.server.http.HttpLimits;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LimitsTest {
  @TempDir private Path directory;

  @Test
  void without_settings_every_part_has_its_own_default() {
    PerdureConfig config = ConfigLoader.load(List.of(), Map.of(), directory);
    assertThat(Limits.engine(config)).isEqualTo(EngineConfig.DEFAULT);
    assertThat(Limits.desk(config)).isEqualTo(DeskLimits.DEFAULT);
    assertThat(Limits.context(config)).isEqualTo(ContextSettings.DEFAULT);
    assertThat(Limits.documents(config)).isEqualTo(DocumentLimits.DEFAULT);
    assertThat(Limits.files(config)).isEqualTo(FileLimits.DEFAULT);
    assertThat(Limits.log(config)).isEqualTo(LogLimits.DEFAULT);
    assertThat(Limits.postgres(config)).isEqualTo(PostgresOptions.DEFAULT);
    assertThat(Limits.http(config)).isEqualTo(HttpLimits.DEFAULT);
  }

  @Test
  void settings_reach_the_part_that_they_name() {
    PerdureConfig config =
        ConfigLoader.load(
            List.of(
                "--set", "engine.node.lease=9s",
                "--set", "engine.retry.maxAttempts=7",
                "--set", "engine.provider.idleTimeout=11s",
                "--set", "engine.maxOpenTurnsPerCaller=3",
                "--set", "engine.maxOpenTurnsPerTenant=30",
                "--set", "engine.queue.maxTurns=31",
                "--set", "engine.queue.maxWait=32s",
                "--set", "engine.retry.maxCalls=33",
                "--set", "engine.context.maxMessages=5",
                "--set", "documents.maxSize=3KiB",
                "--set", "documents.maxPerOwner=4",
                "--set", "files.retention=2h",
                "--set", "log.retention=48h",
                "--set", "log.tailBytes=8KiB",
                "--set", "db.readConnections=2",
                "--set", "http.body.maxSize=2KiB",
                "--set", "http.stream.heartbeat=2s",
                "--set", "http.socket.maxTarget=4KiB"),
            Map.of(),
            directory);
    assertThat(Limits.engine(config).lease()).isEqualTo(Duration.ofSeconds(9));
    assertThat(Limits.engine(config).retry().attempts()).isEqualTo(7);
    assertThat(Limits.engine(config).callLimits().idle()).isEqualTo(Duration.ofSeconds(11));
    assertThat(Limits.engine(config).logRetention()).isEqualTo(Duration.ofDays(2));
    assertThat(Limits.engine(config).retry().calls()).isEqualTo(33);
    assertThat(Limits.desk(config)).isEqualTo(new DeskLimits(3, 30, 31, Duration.ofSeconds(32)));
    assertThat(Limits.context(config).messages()).isEqualTo(5);
    assertThat(Limits.documents(config).bytes()).isEqualTo(3072);
    assertThat(Limits.documents(config).perOwner()).isEqualTo(4);
    assertThat(Limits.files(config).retention()).isEqualTo(Duration.ofHours(2));
    assertThat(Limits.log(config).tailBytes()).isEqualTo(8192);
    assertThat(Limits.postgres(config).readConnections()).isEqualTo(2);
    assertThat(Limits.http(config).body().bodyBytes()).isEqualTo(2048);
    assertThat(Limits.http(config).stream().heartbeat()).isEqualTo(Duration.ofSeconds(2));
    assertThat(Limits.http(config).socket().targetBytes()).isEqualTo(4096);
  }
}

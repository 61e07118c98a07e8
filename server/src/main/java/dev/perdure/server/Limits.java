package dev.perdure.server;

import dev.perdure.chat.DeskLimits;
import dev.perdure.chat.WaitLimits;
import dev.perdure.context.ContextSettings;
import dev.perdure.db.PostgresOptions;
import dev.perdure.engine.EngineConfig;
import dev.perdure.engine.RetryPolicy;
import dev.perdure.file.FileLimits;
import dev.perdure.log.LogLimits;
import dev.perdure.provider.ModelRequest;
import dev.perdure.retrieval.DocumentLimits;
import dev.perdure.retrieval.EmbeddingLimits;
import dev.perdure.server.config.DocumentSettings;
import dev.perdure.server.config.EmbeddingSettings;
import dev.perdure.server.config.EngineSettings;
import dev.perdure.server.config.FileSettings;
import dev.perdure.server.config.HttpSettings;
import dev.perdure.server.config.PerdureConfig;
import dev.perdure.server.config.WaitSettings;
import dev.perdure.server.http.HttpLimits;

/** From settings to the limits of each part. The parts do not know the configuration. */
final class Limits {
  private Limits() {}

  static EngineConfig engine(PerdureConfig config) {
    EngineSettings engine = config.engine();
    EngineSettings.Node node = engine.node();
    EngineSettings.Retry retry = engine.retry();
    EngineSettings.Provider provider = engine.provider();
    return new EngineConfig(
        node.lease(),
        node.beat(),
        node.poll(),
        node.claimBatch(),
        engine.maxRunningTurns(),
        engine.maxCrashes(),
        engine.turnTimeLimit(),
        new RetryPolicy(
            retry.maxAttempts(), retry.maxCalls(), retry.base(), retry.max(), retry.budget()),
        new ModelRequest.Limits(
            provider.connectTimeout(), provider.firstTokenTimeout(), provider.idleTimeout()),
        config.log().retention(),
        engine.idempotencyRetention());
  }

  static DeskLimits desk(PerdureConfig config) {
    EngineSettings engine = config.engine();
    return new DeskLimits(
        engine.maxOpenTurnsPerCaller(),
        engine.maxOpenTurnsPerTenant(),
        engine.queue().maxTurns(),
        engine.queue().maxWait());
  }

  static WaitLimits waits(PerdureConfig config) {
    WaitSettings waits = config.waits();
    return new WaitLimits(
        waits.longest(),
        waits.maxScheduledPerCaller(),
        waits.maxSchedulesPerCaller(),
        waits.answerWithin(),
        waits.remindersAfter(),
        waits.lateness());
  }

  static ContextSettings context(PerdureConfig config) {
    EngineSettings.Context context = config.engine().context();
    return new ContextSettings(
        context.maxMessages(),
        context.maxChars(),
        context.windows(),
        context.instructions(),
        new ContextSettings.Summaries(
            context.summaries().enabled(),
            context.summaries().model(),
            context.summaries().tokens(),
            context.summaries().timeout()));
  }

  static DocumentLimits documents(PerdureConfig config) {
    DocumentSettings documents = config.documents();
    return new DocumentLimits(
        documents.maxSize().toInt(),
        documents.maxPerOwner(),
        documents.maxSizePerOwner().bytes(),
        documents.maxChars(),
        documents.extractionTimeout());
  }

  static EmbeddingLimits embeddings(PerdureConfig config) {
    EmbeddingSettings embeddings = config.embeddings();
    return new EmbeddingLimits(
        embeddings.timeout(),
        embeddings.questionTimeout(),
        embeddings.minSimilarity(),
        embeddings.cacheSize().bytes());
  }

  static FileLimits files(PerdureConfig config) {
    FileSettings files = config.files();
    return new FileLimits(
        files.maxSize().toInt(),
        files.maxPerOwner(),
        files.maxSizePerOwner().bytes(),
        files.retention());
  }

  static LogLimits log(PerdureConfig config) {
    PerdureConfig.Log log = config.log();
    return new LogLimits(
        log.tailBytes().toInt(), log.writerBytes().toInt(), log.readBytes().toInt());
  }

  static PostgresOptions postgres(PerdureConfig config) {
    PerdureConfig.Db db = config.db();
    return new PostgresOptions(
        db.writeConnections(),
        db.readConnections(),
        db.connectTimeout(),
        db.borrowTimeout(),
        db.statementTimeout());
  }

  static HttpLimits http(PerdureConfig config) {
    HttpSettings.Body body = config.http().body();
    HttpSettings.Page page = config.http().page();
    HttpSettings.Stream stream = config.http().stream();
    HttpSettings.Socket socket = config.http().socket();
    return new HttpLimits(
        new HttpLimits.Body(
            body.maxSize().toInt(),
            body.maxMessageChars(),
            body.maxParts(),
            body.maxInstructionsChars(),
            body.maxTitleChars(),
            body.maxLanes(),
            body.maxFallbacks(),
            body.readTimeout()),
        new HttpLimits.Page(page.size(), page.maxSize()),
        new HttpLimits.Stream(
            stream.maxPerCaller(),
            stream.maxTurns(),
            stream.heartbeat(),
            stream.retry(),
            stream.poll(),
            stream.cursorAge(),
            stream.maxWait()),
        new HttpLimits.Socket(
            socket.maxConnections(),
            socket.maxConnectionsPerAddress(),
            socket.sendBuffer().toInt(),
            socket.writeTimeout(),
            socket.headTimeout(),
            socket.idleTimeout(),
            socket.maxHeaders().toInt(),
            socket.maxTarget().toInt()));
  }
}

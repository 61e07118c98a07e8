package dev.perdure.bench;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * A chat backend as commonly built in Python: FastAPI answers, Celery workers call the model, Redis
 * is queue and stream between them. The programs are in {@code bench/alternatives}, their packages
 * are Debian's. As many processes of each kind as half of the processors: one cannot use more than
 * one of them.
 */
final class CeleryStack implements Stack {
  private static final String HOME_PROPERTY = "perdure.alternatives";
  private static final String PYTHON = "/usr/bin/python3";
  private static final String HOST = "127.0.0.1";
  private static final Pattern REDIS_READY = Pattern.compile("(Ready to accept connections)");
  private static final Pattern API_READY = Pattern.compile("(Application startup complete)");
  private static final Pattern WORKER_READY = Pattern.compile("(worker\\d+@localhost ready)");

  private final List<Child> servers;
  private final Child redis;
  private final InetSocketAddress address;

  private CeleryStack(List<Child> servers, Child redis, InetSocketAddress address) {
    this.servers = servers;
    this.redis = redis;
    this.address = address;
  }

  static CeleryStack start(Ground ground, int turns) throws IOException, InterruptedException {
    Path home =
        Path.of(System.getProperty(HOME_PROPERTY, "bench/alternatives"))
            .resolve("fastapi-celery-redis");
    install(home);
    int redisPort = Ground.freePort();
    Path data = Files.createDirectories(ground.directory().resolve("redis"));
    Child redis =
        ground.start(
            "redis",
            List.of(
                "redis-server",
                "--port",
                Integer.toString(redisPort),
                "--bind",
                HOST,
                "--dir",
                data.toString(),
                "--appendonly",
                "yes"),
            Map.of());
    redis.awaitReady(REDIS_READY);
    Map<String, String> environment =
        Map.of(
            "REDIS_URL",
            "redis://" + HOST + ":" + redisPort + "/0",
            "OPENAI_API_KEY",
            "bench",
            "OPENAI_BASE_URL",
            ground.upstream() + "/v1",
            "PYTHONPATH",
            home.toString(),
            "PYTHONDONTWRITEBYTECODE",
            "1");
    int processes = Math.max(1, Runtime.getRuntime().availableProcessors() / 2);
    List<Child> servers = new ArrayList<>();
    for (int i = 1; i <= processes; i++) {
      Child worker = ground.start("worker" + i, worker(i, turns), environment);
      servers.add(worker);
    }
    int port = Ground.freePort();
    Child api = ground.start("api", api(port, processes), environment);
    servers.add(api);
    for (Child worker : servers.subList(0, processes)) {
      worker.awaitReady(WORKER_READY);
    }
    api.awaitReady(API_READY);
    return new CeleryStack(servers, redis, Ground.address(HOST + ":" + port));
  }

  /** Any worker could run all turns, however the queue spreads them. */
  private static List<String> worker(int number, int turns) {
    return List.of(
        PYTHON,
        "-m",
        "celery",
        "-A",
        "worker",
        "worker",
        "--pool",
        "gevent",
        "--concurrency",
        Integer.toString(turns),
        "--hostname",
        "worker" + number + "@localhost",
        "--loglevel",
        "INFO");
  }

  private static List<String> api(int port, int processes) {
    return List.of(
        PYTHON,
        "-m",
        "uvicorn",
        "app:app",
        "--host",
        HOST,
        "--port",
        Integer.toString(port),
        "--workers",
        Integer.toString(processes),
        "--no-access-log");
  }

  private static void install(Path home) throws IOException, InterruptedException {
    Process install =
        new ProcessBuilder("bash", home.resolve("install.sh").toString()).inheritIO().start();
    if (install.waitFor() != 0) {
      throw new IOException(
          "The packages of "
              + home
              + "/install.sh cannot be installed here. Leave out the target '"
              + LoadOptions.CELERY
              + "', or install them and try again.");
    }
  }

  @Override
  public InetSocketAddress address() {
    return address;
  }

  @Override
  public User user(Phase phase) {
    return new ChatUser(phase);
  }

  @Override
  public List<Child> servers() {
    return servers;
  }

  @Override
  public List<ProcessHandle> databases() {
    return List.of(redis.handle());
  }
}

package dev.perdure.db;

import dev.perdure.protocol.ErrorCode;
import dev.perdure.protocol.PerdureException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Keeps a data directory for one process: an exclusive lock on the file {@code perdure.lock}, which
 * holds the process id for people to read. The operating system drops the lock when the process
 * dies, however it dies; the file stays and means nothing.
 */
final class DirectoryLock implements AutoCloseable {
  private static final String FILE = "perdure.lock";

  /**
   * The directories locked by this process. A static, because what it mirrors belongs to the
   * process: on POSIX, closing any handle of a file drops all locks that the process has on it, so
   * a second attempt must not even open the file.
   */
  private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

  private final Path directory;
  private final RandomAccessFile file;

  private DirectoryLock(Path directory, RandomAccessFile file) {
    this.directory = directory;
    this.file = file;
  }

  /** Creates the directory where needed and locks it. */
  static DirectoryLock acquire(Path dataDir) {
    Path directory;
    try {
      directory = Files.createDirectories(dataDir).toRealPath();
    } catch (IOException e) {
      throw new PerdureException(
          ErrorCode.CONFIG,
          "The data directory '" + dataDir + "' cannot be created or read. Choose another one.",
          e);
    }
    if (!HELD.add(directory)) {
      throw inUse(directory, "this process (" + ProcessHandle.current().pid() + ")");
    }
    RandomAccessFile file = null;
    boolean held = false;
    try {
      file = new RandomAccessFile(directory.resolve(FILE).toFile(), "rw");
      FileLock lock = file.getChannel().tryLock();
      if (lock == null) {
        throw inUse(directory, "the process " + holder(file));
      }
      file.setLength(0);
      file.write((ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.US_ASCII));
      held = true;
      return new DirectoryLock(directory, file);
    } catch (IOException e) {
      throw new PerdureException(
          ErrorCode.CONFIG,
          "The file '"
              + directory.resolve(FILE)
              + "' cannot be written or locked. Make the directory writable, on a file system"
              + " that has locks.",
          e);
    } finally {
      if (!held) {
        closeQuietly(file);
        HELD.remove(directory);
      }
    }
  }

  private static PerdureException inUse(Path directory, String holder) {
    return new PerdureException(
        ErrorCode.CONFIG,
        "The data directory '"
            + directory
            + "' is in use by "
            + holder
            + ". Stop that server, or start this one with another data directory; several servers"
            + " on the same data need PostgreSQL.");
  }

  private static String holder(RandomAccessFile file) throws IOException {
    byte[] bytes = new byte[(int) Math.min(file.length(), 20)];
    file.readFully(bytes);
    String pid = new String(bytes, StandardCharsets.US_ASCII).strip();
    return pid.matches("[0-9]+") ? pid : "of another server";
  }

  @Override
  public void close() {
    closeQuietly(file);
    HELD.remove(directory);
  }

  private static void closeQuietly(@Nullable RandomAccessFile file) {
    try {
      if (file != null) {
        file.close();
      }
    } catch (IOException e) {
      // The lock goes with the process at the latest.
    }
  }
}

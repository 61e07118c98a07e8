package dev.perdure.file;

import java.time.Duration;

/**
 * What files may cost.
 *
 * @param bytes of one file
 * @param perOwner files of one owner
 * @param bytesPerOwner of all files of one owner together
 * @param retention how long a file is kept that no message holds
 */
public record FileLimits(int bytes, int perOwner, long bytesPerOwner, Duration retention) {
  public static final FileLimits DEFAULT =
      new FileLimits(10 * 1024 * 1024, 2_000, 1024L * 1024 * 1024, Duration.ofHours(24));
}

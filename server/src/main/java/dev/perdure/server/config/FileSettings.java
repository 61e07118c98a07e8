package dev.perdure.server.config;

import java.time.Duration;

/** What files may cost; section {@code files}. */
public record FileSettings(
    @Key(byDefault = "10MiB", min = "1KiB", max = "16MiB", text = "The largest file.")
        ByteSize maxSize,
    @Key(
            byDefault = "2000",
            min = "1",
            max = "1000000",
            text = "The most files of one owner; equal ones count once.")
        int maxPerOwner,
    @Key(
            byDefault = "1GiB",
            min = "1KiB",
            max = "1024GiB",
            text = "The most that the files of one owner may have together.")
        ByteSize maxSizePerOwner,
    @Key(
            byDefault = "24h",
            min = "1m",
            max = "3650d",
            text = "How long a file is kept that no message holds.")
        Duration retention) {
  public FileSettings {
    Keys.check(FileSettings.class, maxSize, maxPerOwner, maxSizePerOwner, retention);
  }
}

package dev.perdure.log;

import dev.perdure.protocol.TurnFold;
import java.security.MessageDigest;

/**
 * A whole log, read and folded.
 *
 * @param fold the state up to the last event; its {@code seq()} is the last sequence number, -1 if
 *     the log is empty
 * @param digest SHA-256 fed with every stored byte
 */
public record LogContent(TurnFold fold, MessageDigest digest) {}

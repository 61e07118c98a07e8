package dev.perdure.protocol;

/**
 * Why something did not succeed, in a form that clients may show.
 *
 * @param code an {@link ErrorCode} on the wire, or the kind of a provider's failure in snake case
 * @param text one or two sentences for people; no credential, no stack
 * @param retryable whether trying again may help
 */
public record TurnError(String code, String text, boolean retryable) {}

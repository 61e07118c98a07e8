package dev.perdure.server.config;

/**
 * A value as somebody has written it.
 *
 * @param origin where, for error texts: {@code perdure.yaml line 3}, {@code PERDURE_PORT}, {@code
 *     --port}
 */
record Given(String text, String origin) {}

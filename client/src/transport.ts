/**
 * The way to the server: `send` asks once, `follow` reads a stream. Knows tokens, headers, problems
 * and nothing of chats.
 */
import { asPerdureError, PerdureError, refusal } from './errors.ts';
import { type Decoder, parse } from './json.ts';
import { type Batch, batches } from './sse.ts';

export interface Request<T> {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  readonly path: string;
  /** Sent as JSON, but for a Blob, which is sent as it is. */
  readonly body?: unknown;
  readonly key?: string;
  /** Lets the request outlive its page. */
  readonly keepalive?: boolean;
  readonly signal?: AbortSignal;
  /** Of the answer; without it the answer is not looked at. */
  readonly decoder: Decoder<T>;
}

export interface Transport {
  /** @throws PerdureError */
  send<T>(request: Request<T>): Promise<T>;
  /** @throws PerdureError where there is no stream, or it breaks */
  follow(path: string, cursor: string | undefined, signal: AbortSignal): AsyncGenerator<Batch>;
}

export interface TransportOptions {
  readonly baseUrl: string;
  readonly token: () => Promise<string | undefined>;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof fetch;
  /** A signal that comes after so many milliseconds. */
  readonly timeout: (millis: number) => AbortSignal;
  /** Whoever it is for now: an answer that was meant for somebody else is not handed on. */
  readonly user: () => string | undefined;
}

/** How long an answer is waited for. */
export const ANSWER_MILLIS = 30_000;
/** A file is sent meanwhile, perhaps by a phone. */
export const UPLOAD_MILLIS = 10 * 60_000;

export class HttpTransport implements Transport {
  constructor(private readonly options: TransportOptions) {}

  async #headers(extra: Record<string, string>): Promise<Record<string, string>> {
    const token = await this.options.token();
    return {
      ...this.options.headers,
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...extra,
    };
  }

  async send<T>(request: Request<T>): Promise<T> {
    const { response, user } = await this.#ask(request);
    let body: string;
    try {
      body = response.status === 204 ? '' : await response.text();
    } catch (thrown) {
      throw problem(thrown, request.signal);
    }
    if (user !== this.options.user()) {
      throw new PerdureError('aborted', 'The user has changed meanwhile.', 0, true);
    }
    if (!response.ok) {
      throw refusal(response.status, body, response.headers.get('Retry-After'));
    }
    try {
      return response.status === 204
        ? request.decoder(undefined, request.path)
        : parse(body, request.decoder, request.path);
    } catch (thrown) {
      throw asPerdureError(thrown);
    }
  }

  async #ask<T>(request: Request<T>): Promise<{ response: Response; user: string | undefined }> {
    const timeout = this.options.timeout(
      request.body instanceof Blob ? UPLOAD_MILLIS : ANSWER_MILLIS,
    );
    const signal = request.signal === undefined ? timeout : either(request.signal, timeout);
    try {
      // This may find out that the user is another one.
      const headers = await this.#headers({
        Accept: 'application/json',
        ...(request.body === undefined ? {} : { 'Content-Type': typeOf(request.body) }),
        ...(request.key === undefined ? {} : { 'Idempotency-Key': request.key }),
      });
      const user = this.options.user();
      const response = await this.options.fetch(this.options.baseUrl + request.path, {
        method: request.method ?? 'GET',
        headers,
        ...(request.body === undefined ? {} : { body: bytesOf(request.body) }),
        ...(request.keepalive === true ? { keepalive: true } : {}),
        cache: 'no-store',
        signal,
      });
      return { response, user };
    } catch (thrown) {
      throw problem(thrown, request.signal);
    }
  }

  async *follow(
    path: string,
    cursor: string | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<Batch> {
    let response: Response;
    try {
      response = await this.options.fetch(this.options.baseUrl + path, {
        headers: await this.#headers({
          Accept: 'text/event-stream',
          ...(cursor === undefined ? {} : { 'Last-Event-ID': cursor }),
        }),
        cache: 'no-store',
        signal,
      });
    } catch (thrown) {
      throw problem(thrown, signal);
    }
    if (!response.ok || response.body === null) {
      const body = await response.text().catch(() => '');
      throw refusal(response.status, body, response.headers.get('Retry-After'));
    }
    const type = response.headers.get('Content-Type') ?? '';
    if (!type.startsWith('text/event-stream')) {
      await response.body.cancel().catch(() => undefined);
      throw new PerdureError(
        'not_perdure',
        `The answer is '${type}' instead of an event stream. Check the base URL, and what stands in between.`,
        response.status,
        true,
      );
    }
    try {
      yield* batches(chunksOf(response.body));
    } catch (thrown) {
      throw problem(thrown, signal);
    }
  }
}

function typeOf(body: unknown): string {
  return body instanceof Blob ? body.type || 'application/octet-stream' : 'application/json';
}

function bytesOf(body: unknown): Blob | string {
  return body instanceof Blob ? body : JSON.stringify(body);
}

function problem(thrown: unknown, signal: AbortSignal | undefined): PerdureError {
  if (signal?.aborted === true) {
    return new PerdureError('aborted', 'The request was stopped.', 0, true);
  }
  return asPerdureError(thrown);
}

/** Safari cannot iterate over a stream. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function either(one: AbortSignal, other: AbortSignal): AbortSignal {
  const both = new AbortController();
  for (const signal of [one, other]) {
    if (signal.aborted) {
      both.abort(signal.reason);
    } else {
      signal.addEventListener('abort', () => both.abort(signal.reason), {
        once: true,
        signal: both.signal,
      });
    }
  }
  return both.signal;
}

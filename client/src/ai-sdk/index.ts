/**
 * A transport for `useChat` of the AI SDK that keeps a reply on the page through whatever becomes of
 * the connection: a message is sent once however often it has to be repeated, and a stream that breaks
 * is taken up where it broke.
 */
import {
  type ChatTransport,
  DefaultChatTransport,
  type HttpChatTransportInitOptions,
  type UIMessage,
  type UIMessageChunk,
} from 'ai';
import { type Answered, answeredIn, Seen } from './seen.ts';

export interface PerdureChatOptions<M extends UIMessage> extends HttpChatTransportInitOptions<M> {
  /**
   * Whether an abort, as by `stop()` of `useChat`, ends the reply itself. Without, it ends the stream only:
   * `useChat` stops whenever its component goes, so that whoever looks at another chat would lose the reply.
   */
  readonly stopOnAbort?: boolean;
  /** Waits before another try; by default longer each time, up to 10 s, or until the browser is online. */
  readonly pause?: (attempt: number, signal: AbortSignal) => Promise<void>;
}

type Send<M extends UIMessage> = Parameters<ChatTransport<M>['sendMessages']>[0];
type Reconnect = Parameters<ChatTransport<UIMessage>['reconnectToStream']>[0];
type Chunks = ReadableStream<UIMessageChunk>;

const FIRST_PAUSE_MILLIS = 250;
const LONGEST_PAUSE_MILLIS = 10_000;
/** A stream was answered, so the server is there: nobody should wait longer than 2 s for the next one. */
const LAST_LONGER_PAUSE = 3;
const DEFAULT_API = '/api/chat';

/** Behind one of these a reply has nothing more to say. */
const LAST_CHUNKS: ReadonlySet<UIMessageChunk['type']> = new Set(['finish', 'error', 'abort']);

export class PerdureChatTransport<M extends UIMessage = UIMessage> implements ChatTransport<M> {
  /** A resume brings the whole reply. */
  readonly resumeStreamIsReplay = true;
  readonly #options: PerdureChatOptions<M>;
  readonly #http: DefaultChatTransport<M>;

  constructor(options: PerdureChatOptions<M> = {}) {
    this.#options = options;
    this.#http = new DefaultChatTransport<M>(options);
  }

  async sendMessages(options: Send<M>): Promise<Chunks> {
    const life = this.#life(options);
    // A message is known by its id and an answer by its call; another reply needs a key of its own.
    const headers = new Headers(options.headers);
    if (options.trigger === 'regenerate-message' && !headers.has('idempotency-key')) {
      headers.set('idempotency-key', crypto.randomUUID());
    }
    const first = await this.#persist(life, () =>
      this.#http.sendMessages({
        ...options,
        headers: Object.fromEntries(headers),
        abortSignal: life.signal,
      }),
    );
    return this.#lasting(first, life, options, answeredIn(options.messages.at(-1)));
  }

  async reconnectToStream(options: Reconnect): Promise<Chunks | null> {
    const life = this.#life(options);
    const first = await this.#persist(life, () => this.#replay(options, life));
    return first && this.#lasting(first, life, options, new Set());
  }

  /** Ends the reply that is being written, for everybody; tried until it is known to be done. */
  async stop(chatId: string): Promise<void> {
    const life = new Life(undefined, () => {});
    const response = await this.#persist(life, async () => {
      const answer = await this.#request(chatId, 'stop', 'POST');
      if (isForLater({ statusCode: answer.status })) {
        throw Object.assign(new Error(await answer.text()), { statusCode: answer.status });
      }
      return answer;
    });
    if (!response.ok) {
      throw new Error(await response.text());
    }
  }

  #life(options: {
    readonly abortSignal?: AbortSignal | undefined;
    readonly chatId: string;
  }): Life {
    return new Life(options.abortSignal, () => {
      if (this.#options.stopOnAbort) {
        this.stop(options.chatId).catch(() => {});
      }
    });
  }

  /** The messages of a chat that are stored, for `messages` of `useChat`; a resume brings the rest. */
  async load(chatId: string): Promise<M[]> {
    const response = await this.#request(chatId, 'messages', 'GET');
    if (!response.ok) {
      throw new Error(await response.text());
    }
    return (await response.json()) as M[];
  }

  #replay(options: Reconnect, life: Life): Promise<Chunks | null> {
    return this.#http.reconnectToStream({ ...options, abortSignal: life.signal });
  }

  /** What the page is shown: a stream that breaks only if the reply is not to be had any more. */
  #lasting(first: Chunks, life: Life, options: Reconnect, answered: Answered): Chunks {
    const seen = new Seen(answered);
    let reader = first.getReader();
    let whole = false;
    let fruitless = 0;
    const pull = async (controller: ReadableStreamDefaultController<UIMessageChunk>) => {
      for (;;) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            if (!whole) {
              // A proxy may end cleanly what was cut behind it.
              throw new TypeError('The stream ended before the reply did.');
            }
            life.over();
            controller.close();
            return;
          }
          whole ||= LAST_CHUNKS.has(value.type);
          if (seen.isNew(value)) {
            fruitless = 0;
            controller.enqueue(value);
            return;
          }
        } catch (error) {
          if (life.stopped) {
            controller.close();
            return;
          }
          if (!isBreak(error)) {
            life.over();
            throw error;
          }
          if (fruitless++ > 0) {
            await this.#pause(Math.min(fruitless - 2, LAST_LONGER_PAUSE), life.signal);
          }
          const again = await this.#persist(life, () => this.#replay(options, life));
          if (!again) {
            life.over();
            throw error;
          }
          seen.again();
          reader = again.getReader();
        }
      }
    };
    return new ReadableStream({
      pull,
      cancel: async (reason) => {
        life.over();
        await reader.cancel(reason);
      },
    });
  }

  /** Tries until there is an answer that another try would not change. */
  async #persist<T>(life: Life, attempt: () => Promise<T>): Promise<T> {
    for (let count = 0; ; count++) {
      try {
        return await attempt();
      } catch (error) {
        if (life.stopped || !(isBreak(error) || isForLater(error))) {
          life.over();
          throw error;
        }
        await this.#pause(count, life.signal);
      }
    }
  }

  #pause(attempt: number, signal: AbortSignal): Promise<void> {
    return (this.#options.pause ?? untilLaterOrOnline)(attempt, signal);
  }

  async #request(chatId: string, what: string, method: string): Promise<Response> {
    const { api = DEFAULT_API, fetch: custom, headers, credentials } = this.#options;
    const given = typeof headers === 'function' ? await headers() : await headers;
    const go = custom ?? globalThis.fetch;
    return go(`${api}/${encodeURIComponent(chatId)}/${what}`, {
      method,
      headers: new Headers(given),
      ...(typeof credentials === 'string' ? { credentials } : {}),
    });
  }
}

/** From the sending of a message to the end of its stream, or the stop of it by the page. */
class Life {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal | undefined;
  readonly #onAbort: () => void;

  constructor(outer: AbortSignal | undefined, aborted: () => void) {
    this.#outer = outer;
    this.#onAbort = () => {
      this.#controller.abort(outer?.reason);
      aborted();
    };
    if (outer?.aborted) {
      this.#onAbort();
    }
    outer?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get stopped(): boolean {
    return this.#controller.signal.aborted;
  }

  over(): void {
    this.#outer?.removeEventListener('abort', this.#onAbort);
  }
}

/** What fetch throws, in every browser and in Node, when the network or the server is lost. */
function isBreak(error: unknown): boolean {
  return error instanceof TypeError;
}

/** Refusals that are over by themselves. */
function isForLater(error: unknown): boolean {
  const status = (error as { statusCode?: unknown }).statusCode;
  return status === 429 || status === 502 || status === 503 || status === 504;
}

async function untilLaterOrOnline(attempt: number, signal: AbortSignal): Promise<void> {
  const millis = Math.min(FIRST_PAUSE_MILLIS * 2 ** attempt, LONGEST_PAUSE_MILLIS);
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      globalThis.removeEventListener?.('online', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, millis);
    globalThis.addEventListener?.('online', done, { once: true });
    signal.addEventListener('abort', done, { once: true });
  });
}

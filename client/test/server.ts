import { TurnFold } from '../src/fold.ts';
import type { TurnEvent } from '../src/log.ts';
import type { Message, Session } from '../src/wire.ts';

interface Entry {
  readonly turn: string;
  readonly session: string;
  readonly owner: string;
  readonly event: TurnEvent;
}

interface Stream {
  readonly owner: string;
  readonly write: (text: string) => void;
  readonly end: () => void;
  readonly cut: () => void;
  readonly once: boolean;
}

type Refusal = { status: number; code: string; after?: number } | 'lost' | 'lost answer';

type Without<E> = E extends TurnEvent ? Omit<E, 'seq'> : never;

/**
 * A server in memory that speaks the native API as far as the client uses it, and misbehaves when it
 * is told to. A turn's events are written by the test.
 */
export class FakeServer {
  readonly sessions = new Map<string, Session & { owner: string }>();
  readonly messages = new Map<string, Message>();
  readonly requests: { method: string; path: string; key: string | null; body: unknown }[] = [];
  /** What becomes of the next requests that change something. */
  readonly refusals: Refusal[] = [];
  /** Streams are held back until they end, as by some proxies. */
  buffering = false;
  offline = false;
  /** Cuts what streams write into pieces. */
  pieces: (text: string) => readonly string[] = (text) => [text];
  readonly #journal: Entry[] = [];
  readonly #logs = new Map<string, TurnEvent[]>();
  readonly #keys = new Map<string, string>();
  readonly #turns = new Map<string, { session: string; userMessage: string; lanes: string[] }>();
  readonly #streams = new Set<Stream>();
  /** Cursors before this one are too old. */
  expiredBefore = 0;
  #ids = 0;

  #id(kind: string): string {
    this.#ids += 1;
    return `${kind}_${String(this.#ids).padStart(6, '0')}`;
  }

  session(owner = ''): string {
    const id = this.#id('sess');
    this.sessions.set(id, { id, owner, createdAt: this.#ids, updatedAt: this.#ids });
    return id;
  }

  get streams(): number {
    return this.#streams.size;
  }

  accept(
    session: string,
    input: { text?: string; models?: string[]; under?: string | null; again?: string },
  ): string {
    const turn = this.#id('turn');
    const own = [...this.messages.values()].filter((message) => message.session === session);
    const newest = own.findLast(
      (message) =>
        message.role === 'assistant' &&
        !own.some(
          (other) =>
            other.turn === message.turn &&
            other.role === 'assistant' &&
            other.position < message.position,
        ),
    );
    const parent = input.under === undefined ? newest?.id : (input.under ?? undefined);
    const userMessage = input.again ?? this.#id('msg');
    let position = own.length;
    const at = this.#ids;
    const add = (
      message: Pick<Message, 'id' | 'role' | 'status' | 'parts' | 'parent' | 'model'>,
    ) => {
      this.messages.set(message.id, {
        ...message,
        session,
        turn,
        position,
        createdAt: at,
        updatedAt: at,
      });
      position += 1;
    };
    if (input.again === undefined) {
      add({
        id: userMessage,
        role: 'user',
        status: 'complete',
        parts: [{ type: 'text', text: input.text ?? '' }],
        ...(parent === undefined ? {} : { parent }),
      });
    }
    const models = input.models ?? ['demo/demo'];
    const lanes = models.map((model, lane) => {
      const message = this.#id('msg');
      add({
        id: message,
        role: 'assistant',
        status: 'pending',
        parts: [],
        parent: userMessage,
        model,
      });
      return { lane, message, model };
    });
    this.#turns.set(turn, { session, userMessage, lanes: lanes.map((lane) => lane.message) });
    this.write(turn, { type: 'turn.accepted', turn, session, userMessage, lanes, at });
    this.write(turn, { type: 'turn.started', epoch: 1, at });
    return turn;
  }

  /** Appends to a turn's log, and sends it to whoever follows. */
  write(turn: string, event: Without<TurnEvent>): void {
    const log = this.#logs.get(turn) ?? [];
    this.#logs.set(turn, log);
    const whole = { ...event, seq: log.length } as TurnEvent;
    log.push(whole);
    const session = this.#turns.get(turn)?.session ?? '';
    const entry = { turn, session, owner: this.sessions.get(session)?.owner ?? '', event: whole };
    this.#journal.push(entry);
    if (whole.type === 'turn.ended') {
      this.#store(turn);
    }
    for (const stream of [...this.#streams]) {
      if (stream.owner === entry.owner) {
        stream.write(frame(this.#journal.length, entry));
        if (stream.once) {
          stream.end();
        }
      }
    }
  }

  #store(turn: string): void {
    const view = this.#fold(turn).view();
    for (const lane of view.lanes) {
      const message = this.messages.get(lane.message);
      if (message !== undefined) {
        this.messages.set(lane.message, {
          ...message,
          status: lane.state === 'completed' ? 'complete' : 'failed',
          parts: lane.parts.map((part) => ({ type: part.kind, text: part.text })),
          updatedAt: view.endedAt ?? 0,
        });
      }
    }
  }

  /** A whole short reply, or its beginning. */
  say(turn: string, text: string): void {
    const log = this.#logs.get(turn) ?? [];
    if (!log.some((event) => event.type === 'attempt.started')) {
      this.write(turn, {
        type: 'attempt.started',
        lane: 0,
        step: 0,
        attempt: 1,
        model: 'demo/demo',
      });
      this.write(turn, { type: 'part.started', lane: 0, attempt: 1, part: 0, kind: 'text' });
    }
    this.write(turn, { type: 'part.delta', lane: 0, attempt: 1, part: 0, text });
  }

  finish(turn: string): void {
    this.write(turn, { type: 'part.ended', lane: 0, attempt: 1, part: 0 });
    this.write(turn, { type: 'lane.ended', lane: 0, state: 'completed', finish: 'stop' });
    this.write(turn, { type: 'turn.ended', state: 'completed', digest: '', at: this.#ids });
  }

  /** The text that the server stores of a turn's first lane. */
  text(turn: string): string {
    return (
      this.#fold(turn)
        .view()
        .lanes[0]?.parts.map((part) => part.text)
        .join('') ?? ''
    );
  }

  #fold(turn: string): TurnFold {
    const fold = new TurnFold();
    for (const event of this.#logs.get(turn) ?? []) {
      fold.apply(event);
    }
    return fold;
  }

  cut(): void {
    for (const stream of [...this.#streams]) {
      stream.cut();
    }
  }

  end(): void {
    for (const stream of [...this.#streams]) {
      stream.end();
    }
  }

  notice(code: string): void {
    for (const stream of this.#streams) {
      stream.write(`event: notice\ndata: ${JSON.stringify({ code, text: code })}\n\n`);
    }
  }

  fetch: typeof fetch = async (input, init) => {
    if (this.offline) {
      throw new TypeError('Failed to fetch');
    }
    const url = new URL(String(input), 'http://server');
    const headers = new Headers(init?.headers);
    const owner = headers.get('Authorization')?.replace('Bearer ', '') ?? '';
    if (url.pathname === '/v1/inbox/events') {
      return this.#follow(url, headers.get('Last-Event-ID'), owner, init?.signal ?? undefined);
    }
    const method = init?.method ?? 'GET';
    const body: unknown = typeof init?.body === 'string' ? JSON.parse(init.body) : undefined;
    const key = headers.get('Idempotency-Key');
    this.requests.push({ method, path: url.pathname, key, body });
    const refusal = method === 'GET' ? undefined : this.refusals.shift();
    if (refusal === 'lost') {
      throw new TypeError('Failed to fetch');
    }
    const answer =
      refusal === undefined || refusal === 'lost answer'
        ? this.#answer(method, url, key, body, owner)
        : problem(refusal.status, refusal.code, refusal.after);
    if (refusal === 'lost answer') {
      throw new TypeError('Failed to fetch');
    }
    return answer;
  };

  #answer(method: string, url: URL, key: string | null, body: unknown, owner: string): Response {
    const [, , kind, id, what] = url.pathname.split('/');
    if (kind === 'sessions' && id === undefined) {
      if (method === 'POST') {
        return json(this.sessions.get(this.session(owner)));
      }
      const items = [...this.sessions.values()].filter((session) => session.owner === owner);
      return json({ items });
    }
    const session = this.sessions.get(id ?? '');
    if (kind === 'sessions' && (session === undefined || session.owner !== owner)) {
      return problem(404, 'not_found');
    }
    if (kind === 'sessions' && session !== undefined) {
      return this.#ofSession(method, url, session, what, key, body as never);
    }
    const turn = this.#turns.get(id ?? '');
    if (kind === 'turns' && turn !== undefined && what === undefined) {
      return json(this.#row(id ?? ''));
    }
    return problem(404, 'not_found');
  }

  #ofSession(
    method: string,
    url: URL,
    session: Session & { owner: string },
    what: string | undefined,
    key: string | null,
    body: { text?: string; title?: string },
  ): Response {
    if (what === 'messages') {
      const before = Number(url.searchParams.get('before') ?? Number.POSITIVE_INFINITY);
      const limit = Number(url.searchParams.get('limit') ?? 50);
      const all = [...this.messages.values()]
        .filter((message) => message.session === session.id && message.position < before)
        .sort((a, b) => b.position - a.position);
      const items = all.slice(0, limit);
      const last = items.at(-1);
      return json({
        items,
        ...(all.length > limit && last !== undefined ? { next: String(last.position) } : {}),
      });
    }
    if (what === 'turns') {
      const known = this.#keys.get(key ?? '');
      const turn = known ?? this.accept(session.id, body);
      this.#keys.set(key ?? '', turn);
      return json(this.#row(turn), 202);
    }
    if (method === 'DELETE') {
      this.sessions.delete(session.id);
      return new Response(null, { status: 204 });
    }
    if (method === 'PATCH') {
      this.sessions.set(session.id, { ...session, ...body });
    }
    return json(this.sessions.get(session.id));
  }

  #row(turn: string): unknown {
    const view = this.#fold(turn).view();
    return {
      turn,
      session: view.session,
      userMessage: view.userMessage,
      state: view.state,
      createdAt: view.acceptedAt,
      lanes: view.lanes.map(({ lane, message, model, state }) => ({ lane, message, model, state })),
    };
  }

  #follow(url: URL, cursor: string | null, owner: string, signal?: AbortSignal): Response {
    const from = cursor === null ? undefined : Number(cursor.slice(1));
    if (from !== undefined && from < this.expiredBefore) {
      return problem(410, 'expired');
    }
    const wait = url.searchParams.get('wait');
    let body = '';
    if (from === undefined && url.searchParams.get('from') === 'snapshot') {
      body += this.#openSnapshots(owner);
    }
    for (const [index, entry] of this.#journal.entries()) {
      if (from !== undefined && index >= from && entry.owner === owner) {
        body += frame(index + 1, entry);
      }
    }
    // A cursor never stands before what it counts as delivered.
    const start = from ?? this.#journal.length;
    const hello = `retry: 1000\n\n${from === undefined ? body : ''}id: c${start}\n\n${from === undefined ? '' : body}`;
    const once = wait !== null;
    const whole = once && (wait === '0' || body !== '');
    return this.#respond(hello, owner, once, whole, signal);
  }

  #openSnapshots(owner: string): string {
    let body = '';
    for (const [turn, { session }] of this.#turns) {
      const open = this.#logs.get(turn)?.at(-1)?.type !== 'turn.ended';
      if (open && this.sessions.get(session)?.owner === owner) {
        const { acceptedAt: _, startedAt: __, ...snapshot } = this.#fold(turn).snapshot();
        const data = JSON.stringify({ turn, session, snapshot });
        body += `event: snapshot\ndata: ${data}\n\n`;
      }
    }
    return body;
  }

  #respond(
    hello: string,
    owner: string,
    once: boolean,
    whole: boolean,
    signal: AbortSignal | undefined,
  ): Response {
    const encoder = new TextEncoder();
    let held = '';
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        let open = true;
        const put = (text: string) => {
          for (const piece of this.pieces(text)) {
            controller.enqueue(encoder.encode(piece));
          }
        };
        const close = (how: () => void) => {
          if (open) {
            open = false;
            this.#streams.delete(entry);
            how();
          }
        };
        const entry: Stream = {
          owner,
          once,
          write: (text) => {
            if (this.buffering) {
              held += text;
            } else {
              put(text);
            }
          },
          end: () =>
            close(() => {
              put(held);
              controller.close();
            }),
          cut: () => close(() => controller.error(new TypeError('network error'))),
        };
        this.#streams.add(entry);
        signal?.addEventListener('abort', () =>
          close(() => controller.error(new DOMException('aborted', 'AbortError'))),
        );
        entry.write(hello);
        if (whole) {
          entry.end();
        }
      },
    });
    return new Response(stream, {
      headers: { 'Content-Type': 'text/event-stream; charset=utf-8' },
    });
  }
}

function frame(index: number, { turn, session, event }: Entry): string {
  return `id: c${index}\ndata: ${JSON.stringify({ turn, session, event })}\n\n`;
}

function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { 'Content-Type': 'application/json' },
  });
}

function problem(status: number, code: string, after?: number): Response {
  const retryable = status >= 500 || status === 429;
  return new Response(
    JSON.stringify({
      type: `/problems/${code}`,
      title: code,
      status,
      detail: code,
      code,
      retryable,
    }),
    {
      status,
      headers: {
        'Content-Type': 'application/problem+json',
        ...(after === undefined ? {} : { 'Retry-After': String(after) }),
      },
    },
  );
}

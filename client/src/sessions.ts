/** The list of sessions: pages, changes, and removals that can be taken back. */
import type { Cache } from './cache.ts';
import type { Clock } from './clock.ts';
import { asPerdureError, type PerdureError } from './errors.ts';
import type { Store } from './store.ts';
import type { Transport } from './transport.ts';
import type { Found } from './views.ts';
import {
  decodeSession,
  type Message,
  type Page,
  page,
  type Session,
  type SessionSettings,
} from './wire.ts';

const PAGE = 50;
const MAX_FOUND = 50;
const EXCERPT_CHARS = 120;
/** How long a removal can be taken back. */
export const UNDO_MILLIS = 6_000;
const TITLE_CHARS = 60;

export interface SessionsOptions {
  readonly transport: Transport;
  readonly store: Store;
  readonly cache: () => Cache;
  readonly clock: Clock;
  readonly ready: () => Promise<void>;
  /** Other tabs want to know. */
  readonly onChanged: (session: Session) => void;
  readonly onGone: (session: string) => void;
}

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #removals = new Map<string, () => void>();
  #loading: Promise<void> | undefined;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  refresh(): Promise<void> {
    return this.#once(undefined);
  }

  async more(): Promise<void> {
    await this.#options.ready();
    const { next } = this.#options.store.get().sessions;
    if (next !== undefined) {
      await this.#once(next);
    }
  }

  #once(cursor: string | undefined): Promise<void> {
    this.#loading ??= this.#load(cursor).finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load(cursor: string | undefined): Promise<void> {
    const { store, cache, ready } = this.#options;
    await ready();
    store.dispatch({ type: 'sessions.loading' });
    try {
      const found = await this.#page(
        cursor === undefined ? undefined : `cursor=${encodeURIComponent(cursor)}`,
        PAGE,
      );
      store.dispatch({
        type: 'sessions.page',
        items: found.items,
        first: cursor === undefined,
        ...(found.next === undefined ? {} : { next: found.next }),
      });
      await cache().saveSessions(store.get().sessions.items);
    } catch (thrown) {
      store.dispatch({ type: 'sessions.failed', error: asPerdureError(thrown) });
    }
  }

  #page(query: string | undefined, limit: number, signal?: AbortSignal): Promise<Page<Session>> {
    const more = query === undefined ? '' : `&${query}`;
    return this.#options.transport.send({
      path: `/v1/sessions?limit=${limit}${more}`,
      decoder: page(decodeSession),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  async create(settings: SessionSettings = {}): Promise<Session> {
    await this.#options.ready();
    const session = await this.#options.transport.send({
      method: 'POST',
      path: '/v1/sessions',
      body: settings,
      decoder: decodeSession,
    });
    this.put(session);
    return session;
  }

  async update(id: string, settings: SessionSettings): Promise<Session> {
    const session = await this.#options.transport.send({
      method: 'PATCH',
      path: path(id),
      body: settings,
      decoder: decodeSession,
    });
    this.put(session);
    return session;
  }

  /** A turn has begun in it, perhaps from elsewhere: it moves up, or is asked for. */
  active(id: string, at: number): void {
    const { store, transport } = this.#options;
    const { items, removing } = store.get().sessions;
    if (items.some((session) => session.id === id)) {
      store.dispatch({ type: 'session.active', session: id, at });
    } else if (!removing.some((session) => session.id === id)) {
      transport
        .send({ path: path(id), decoder: decodeSession })
        .then((session) => store.dispatch({ type: 'session.put', session }))
        .catch(() => undefined);
    }
  }

  /** Names a session after its first message, unless it has a title. */
  async nameAfter(id: string, text: string): Promise<void> {
    const { items } = this.#options.store.get().sessions;
    const session = items.find((item) => item.id === id);
    const title = titleOf(text);
    if (session !== undefined && session.title === undefined && title !== '') {
      await this.update(id, { title }).catch(() => undefined);
    }
  }

  put(session: Session): void {
    this.#options.store.dispatch({ type: 'session.put', session });
    this.#options.onChanged(session);
    void this.#options.cache().saveSessions(this.#options.store.get().sessions.items);
  }

  remove(id: string): void {
    const { store, clock } = this.#options;
    if (this.#removals.has(id)) {
      return;
    }
    store.dispatch({ type: 'session.removing', session: id });
    this.#removals.set(
      id,
      clock.after(UNDO_MILLIS, () => void this.#delete(id, false)),
    );
  }

  undoRemove(id: string): void {
    const cancel = this.#removals.get(id);
    if (cancel !== undefined) {
      cancel();
      this.#removals.delete(id);
      this.#options.store.dispatch({ type: 'session.kept', session: id });
    }
  }

  /** The page goes away: what was removed and not taken back is deleted now. */
  flush(): void {
    for (const [id, cancel] of this.#removals) {
      cancel();
      void this.#delete(id, true);
    }
  }

  async #delete(id: string, keepalive: boolean): Promise<void> {
    this.#removals.delete(id);
    try {
      await this.#options.transport.send({
        method: 'DELETE',
        path: path(id),
        keepalive,
        decoder: () => undefined,
      });
    } catch (thrown) {
      const error = asPerdureError(thrown);
      if (error.code !== 'not_found') {
        this.#options.store.dispatch({ type: 'session.kept', session: id });
        this.#failed(error);
        return;
      }
    }
    this.gone(id);
    this.#options.onGone(id);
  }

  #failed(error: PerdureError): void {
    this.#options.store.dispatch({ type: 'sessions.failed', error });
  }

  /** It is not there any more, on the server. */
  gone(id: string): void {
    const { store, cache } = this.#options;
    store.dispatch({ type: 'session.gone', session: id });
    void cache().dropThread(id);
    void cache().saveSessions(store.get().sessions.items);
  }

  async search(words: string, signal?: AbortSignal): Promise<readonly Found[]> {
    const wanted = words.trim().toLowerCase();
    if (wanted === '') {
      return [];
    }
    await this.#options.ready();
    const sessions = await this.#asked(wanted, signal);
    const found = new Map<string, Found>(sessions.map((session) => [session.id, { session }]));
    const known = new Map(
      [...this.#options.store.get().sessions.items, ...sessions].map((item) => [item.id, item]),
    );
    for (const thread of await this.#options.cache().threads()) {
      const session = known.get(thread.session);
      const excerpt = session === undefined ? undefined : excerptOf(thread.messages, wanted);
      if (session !== undefined && excerpt !== undefined) {
        found.set(session.id, { session, excerpt });
      }
    }
    return [...found.values()].slice(0, MAX_FOUND);
  }

  /** Titles and what users have written; without the server, the titles that are known. */
  async #asked(words: string, signal: AbortSignal | undefined): Promise<readonly Session[]> {
    try {
      return (await this.#page(`q=${encodeURIComponent(words)}`, MAX_FOUND, signal)).items;
    } catch (thrown) {
      if (signal?.aborted === true) {
        throw asPerdureError(thrown);
      }
      return this.#options.store
        .get()
        .sessions.items.filter((session) => session.title?.toLowerCase().includes(words));
    }
  }
}

function path(id: string): string {
  return `/v1/sessions/${encodeURIComponent(id)}`;
}

function titleOf(text: string): string {
  const line = text.trim().split('\n', 1)[0]?.trim() ?? '';
  if (line.length <= TITLE_CHARS) {
    return line;
  }
  const cut = [...line.slice(0, TITLE_CHARS)].slice(0, -1).join('');
  return `${cut.replace(/\s+\S*$/, '') || cut}…`;
}

function excerptOf(messages: readonly Message[], wanted: string): string | undefined {
  for (const message of messages.toReversed()) {
    for (const part of message.parts) {
      const at = part.text.toLowerCase().indexOf(wanted);
      if (at >= 0) {
        const from = Math.max(0, at - EXCERPT_CHARS / 3);
        return part.text.slice(from, from + EXCERPT_CHARS).replace(/\s+/g, ' ');
      }
    }
  }
  return undefined;
}

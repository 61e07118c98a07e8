/** Sessions that are looked at: loads their messages, keeps them current, and caches them. */
import type { Cache } from './cache.ts';
import type { Clock } from './clock.ts';
import { asPerdureError, type PerdureError } from './errors.ts';
import type { Store, ThreadState } from './store.ts';
import { storedOf } from './stored.ts';
import type { Transport } from './transport.ts';
import type { TurnView } from './views.ts';
import { decodeMessage, type Message, type Page, page } from './wire.ts';

const PAGE = 50;
/** Changes are gathered for so long before they are cached. */
const SAVE_MILLIS = 500;
/** After so long messages are asked for again that could not be had. */
const RETRY_MILLIS = 5_000;

export interface ThreadsOptions {
  readonly transport: Transport;
  readonly store: Store;
  readonly cache: () => Cache;
  readonly clock: Clock;
  /** When the client has its account and cache. */
  readonly ready: () => Promise<void>;
  /** Whether a message of this session is on its way, which would explain what is not known. */
  readonly sending: (session: string) => boolean;
  /** The session is not there any more. */
  readonly onGone: (session: string) => void;
}

export class Threads {
  readonly #options: ThreadsOptions;
  readonly #watchers = new Map<string, number>();
  readonly #loading = new Map<string, { again: boolean; done: Promise<void> }>();
  /** What cancels the next try, of sessions whose last one has failed. */
  readonly #retries = new Map<string, () => void>();
  readonly #saved = new Map<string, ThreadState>();
  /** Turns for which messages were fetched: once must do. */
  readonly #asked = new Set<string>();
  #cancelSave: (() => void) | undefined;

  constructor(options: ThreadsOptions) {
    this.#options = options;
    options.store.subscribe(() => this.#changed());
  }

  watched(session: string): boolean {
    return (this.#watchers.get(session) ?? 0) > 0;
  }

  open(session: string): () => void {
    const { store } = this.#options;
    const count = this.#watchers.get(session) ?? 0;
    this.#watchers.set(session, count + 1);
    if (count === 0) {
      store.dispatch({ type: 'thread.opened', session });
      void this.#begin(session);
    }
    let held = true;
    return () => {
      if (held) {
        held = false;
        this.#release(session);
      }
    };
  }

  #release(session: string): void {
    const left = (this.#watchers.get(session) ?? 1) - 1;
    this.#watchers.set(session, left);
    if (left === 0) {
      this.#watchers.delete(session);
      // A component that is mounted anew lets go and comes back at once.
      this.#options.clock.after(0, () => {
        if (!this.watched(session)) {
          this.#save(session);
          this.#saved.delete(session);
          this.#options.store.dispatch({ type: 'thread.closed', session });
        }
      });
    }
  }

  async #begin(session: string): Promise<void> {
    const { cache, store, ready } = this.#options;
    await ready();
    const cached = await cache().loadThread(session);
    if (cached !== undefined && this.watched(session)) {
      store.dispatch({ type: 'thread.cached', ...cached });
    }
    await this.refresh(session);
  }

  /** Fetches the newest page; one that is asked for meanwhile follows on it. */
  refresh(session: string): Promise<void> {
    const running = this.#loading.get(session);
    if (running !== undefined) {
      running.again = true;
      return running.done;
    }
    const entry = { again: false, done: Promise.resolve() };
    this.#loading.set(session, entry);
    entry.done = this.#load(session, entry).finally(() => this.#loading.delete(session));
    return entry.done;
  }

  async #load(session: string, entry: { again: boolean }): Promise<void> {
    do {
      entry.again = false;
      this.#retries.get(session)?.();
      this.#retries.delete(session);
      try {
        const found = await this.#page(session, undefined);
        this.#options.store.dispatch({
          type: 'thread.newest',
          session,
          messages: found.items,
          ...(found.next === undefined ? {} : { next: found.next }),
        });
      } catch (thrown) {
        this.#failed(session, asPerdureError(thrown));
      }
    } while (entry.again);
  }

  async older(session: string): Promise<void> {
    const { store } = this.#options;
    const thread = store.get().threads[session];
    if (thread?.older === undefined || thread.loadingOlder) {
      return;
    }
    store.dispatch({ type: 'thread.loadingOlder', session });
    try {
      const found = await this.#page(session, thread.older);
      store.dispatch({
        type: 'thread.older',
        session,
        messages: found.items,
        ...(found.next === undefined ? {} : { next: found.next }),
      });
    } catch (thrown) {
      this.#failed(session, asPerdureError(thrown));
    }
  }

  #failed(session: string, error: PerdureError): void {
    this.#options.store.dispatch({ type: 'thread.failed', session, error });
    if (error.code === 'not_found') {
      this.#options.onGone(session);
    } else if (error.retryable && this.watched(session)) {
      this.#retries.get(session)?.();
      this.#retries.set(
        session,
        this.#options.clock.after(RETRY_MILLIS, () => {
          if (this.watched(session)) {
            void this.refresh(session);
          }
        }),
      );
    }
  }

  /** The server is reached again: what failed is tried at once. */
  nudge(): void {
    for (const session of this.#retries.keys()) {
      void this.refresh(session);
    }
  }

  #page(session: string, before: string | undefined): Promise<Page<Message>> {
    return this.#options.transport.send({
      path: messagesPath(session, before),
      decoder: page(decodeMessage),
    });
  }

  /** All that is shown, after the stream had to begin anew. */
  refreshAll(): void {
    for (const session of this.#watchers.keys()) {
      void this.refresh(session);
    }
  }

  /** Fetches messages of turns that others have begun, unless the own answer will name them. */
  check(session: string): void {
    const { store, sending } = this.#options;
    const thread = store.get().threads[session];
    if (thread === undefined || !this.watched(session) || sending(session)) {
      return;
    }
    const unknown = Object.values(store.get().turns).filter(
      (turn) =>
        turn.session === session &&
        !this.#asked.has(turn.turn) &&
        turn.lanes.some((lane) => !thread.messages.has(lane.message)),
    );
    if (unknown.length > 0) {
      for (const turn of unknown) {
        this.#asked.add(turn.turn);
      }
      void this.refresh(session);
    }
  }

  /** Brings what is cached of sessions that nobody looks at up to date. */
  async settle(view: TurnView): Promise<void> {
    const { cache } = this.#options;
    if (this.watched(view.session)) {
      return;
    }
    const cached = await cache().loadThread(view.session);
    const lanes = new Map(view.lanes.map((lane) => [lane.message, lane]));
    if (cached?.messages.some((message) => lanes.has(message.id))) {
      await cache().saveThread({
        ...cached,
        messages: cached.messages.map((message) => {
          const lane = lanes.get(message.id);
          return lane === undefined
            ? message
            : storedOf(message, lane, view.endedAt ?? message.updatedAt);
        }),
      });
    }
  }

  #changed(): void {
    const { clock } = this.#options;
    this.#cancelSave ??= clock.after(SAVE_MILLIS, () => this.saveAll());
  }

  /** Caches what has changed. */
  saveAll(): void {
    this.#cancelSave?.();
    this.#cancelSave = undefined;
    for (const session of this.#watchers.keys()) {
      this.#save(session);
    }
  }

  #save(session: string): void {
    const { store, cache, clock } = this.#options;
    const thread = store.get().threads[session];
    const before = this.#saved.get(session);
    if (
      thread === undefined ||
      thread.status !== 'ready' ||
      (before !== undefined && before.messages === thread.messages && before.older === thread.older)
    ) {
      return;
    }
    this.#saved.set(session, thread);
    void cache().saveThread({
      session,
      usedAt: clock.now(),
      ...(thread.older === undefined ? {} : { older: thread.older }),
      messages: [...thread.messages.values()],
    });
  }

  clear(): void {
    this.#cancelSave?.();
    this.#cancelSave = undefined;
    for (const cancel of this.#retries.values()) {
      cancel();
    }
    this.#retries.clear();
    this.#saved.clear();
    this.#asked.clear();
  }

  /** Loads what is looked at again, for another account. */
  reopen(): void {
    for (const session of this.#watchers.keys()) {
      this.#options.store.dispatch({ type: 'thread.opened', session });
      void this.#begin(session);
    }
  }
}

export function messagesPath(session: string, before: string | undefined): string {
  const path = `/v1/sessions/${encodeURIComponent(session)}/messages?limit=${PAGE}`;
  return before === undefined ? path : `${path}&before=${encodeURIComponent(before)}`;
}

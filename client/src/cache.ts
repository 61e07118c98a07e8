/**
 * What the browser keeps: the list of sessions, messages of the last sessions, running turns with
 * the cursor behind which they go on, and what is unsent. One database per account. It may be lost at
 * any time, and whatever in it is not what it should be is taken for missing: the server has it all.
 *
 * <pre>
 *   threads   session -> {session, usedAt, older?, messages}
 *   outbox    localId -> Outgoing without its error
 *   meta      'sessions' -> Session[]      'unseen' -> ActivityItem[]
 *             'inbox' -> {cursor, savedAt, turns: Snapshot[]}, written at once: they belong together
 * </pre>
 */
import type { Clock } from './clock.ts';
import { type Decoder, integer, json, list, map, object, oneOf, optional, text } from './json.ts';
import { decodeSnapshot, type Snapshot } from './log.ts';
import type { Outgoing } from './store.ts';
import type { ActivityItem, SendInput } from './views.ts';
import {
  decodeFile,
  decodeMessage,
  decodeSession,
  decodeTurnState,
  type Message,
  type Session,
} from './wire.ts';

/** Raised whenever a record changes its shape; older databases are emptied. */
export const VERSION = 1;
export const MAX_THREADS = 50;
export const MAX_MESSAGES = 200;
export const MAX_SESSIONS = 200;
/** A browser that does not answer is gone on without. */
const OPEN_MILLIS = 3_000;
/** The server's cursors are good for a day. */
export const CURSOR_MILLIS = 23 * 3_600_000;

const STORES = { threads: 'session', outbox: 'localId', meta: 'name' } as const;
type StoreName = keyof typeof STORES;

export interface CachedThread {
  readonly session: string;
  readonly usedAt: number;
  readonly older?: string;
  readonly messages: readonly Message[];
}

export interface CachedInbox {
  readonly cursor: string;
  readonly savedAt: number;
  readonly turns: readonly Snapshot[];
}

const decodeThread: Decoder<CachedThread> = object({
  session: text,
  usedAt: integer,
  older: optional(text),
  messages: list(decodeMessage),
});
const decodeInbox = object({
  value: object({ cursor: text, savedAt: integer, turns: list(decodeSnapshot) }),
});
const decodeSessions = object({ value: list(decodeSession) });
const decodeUnseen = object({
  value: list(object({ turn: text, session: text, state: decodeTurnState, at: integer })),
});
const decodeInput: Decoder<SendInput> = object({
  text,
  files: optional(list(decodeFile)),
  models: optional(list(text)),
  fallbacks: optional(list(text)),
  instructions: optional(text),
  whenBusy: optional(oneOf(['reject', 'enqueue', 'interrupt'])),
  recovery: optional(oneOf(['restart', 'fail'])),
  tools: optional(list(text)),
  params: optional(map(number)),
  parentId: (value, at) => (value === null ? null : optional(text)(value, at)),
});
const decodeOutgoing: Decoder<Outgoing> = object({
  localId: text,
  key: text,
  session: text,
  input: decodeInput,
  again: optional(text),
  state: oneOf(['sending', 'unconfirmed', 'refused']),
  at: integer,
});

function number(value: unknown, at: string): number {
  return typeof value === 'number' ? value : integer(value, at);
}

export class Cache {
  readonly #factory: IDBFactory | undefined;
  readonly #name: string;
  readonly #clock: Clock;
  #db: IDBDatabase | undefined;
  #closed = false;
  /** Threads that were used a moment ago, so that going back and forth takes no time at all. */
  readonly #recent = new Map<string, CachedThread>();

  /** @param factory undefined for a cache that keeps nothing */
  constructor(factory: IDBFactory | undefined, name: string, clock: Clock) {
    this.#factory = factory;
    this.#name = name;
    this.#clock = clock;
  }

  /** Opens the database; a broken one is thrown away, and without any it goes on too. */
  async open(): Promise<void> {
    const factory = this.#factory;
    if (factory === undefined) {
      return;
    }
    for (const again of [false, true]) {
      try {
        if (again) {
          await within(this.#clock, asPromise(factory.deleteDatabase(this.#name)));
        }
        const db = await within(this.#clock, this.#openOnce(factory));
        if (this.#closed) {
          db.close();
          return;
        }
        this.#db = db;
        // A database may open and be broken all the same.
        await asPromise(db.transaction('meta').objectStore('meta').count());
        return;
      } catch {
        this.#db?.close();
        this.#db = undefined;
      }
    }
  }

  #openOnce(factory: IDBFactory): Promise<IDBDatabase> {
    const request = factory.open(this.#name, VERSION);
    request.onupgradeneeded = () => {
      const db = request.result;
      for (const old of [...db.objectStoreNames]) {
        db.deleteObjectStore(old);
      }
      for (const [store, keyPath] of Object.entries(STORES)) {
        db.createObjectStore(store, { keyPath });
      }
      request.transaction?.objectStore('threads').createIndex('usedAt', 'usedAt');
    };
    return asPromise(request).then((db) => {
      // A newer version of this page wants to change it: do not stand in its way.
      db.onversionchange = () => {
        db.close();
        this.#db = undefined;
      };
      db.onclose = () => {
        this.#db = undefined;
      };
      return db;
    });
  }

  async loadThread(session: string): Promise<CachedThread | undefined> {
    return (
      this.#recent.get(session) ??
      (await this.#read('threads', decodeThread, (store) => store.get(session)))
    );
  }

  async saveThread(thread: CachedThread): Promise<void> {
    const messages = thread.messages.toSorted((a, b) => a.position - b.position);
    const cut = messages.slice(-MAX_MESSAGES);
    const oldest = cut[0];
    const kept: CachedThread =
      cut.length === messages.length || oldest === undefined
        ? { ...thread, messages }
        : { ...thread, messages: cut, older: String(oldest.position) };
    this.#recent.delete(thread.session);
    this.#recent.set(thread.session, kept);
    for (const session of [...this.#recent.keys()].slice(0, -10)) {
      this.#recent.delete(session);
    }
    await this.#write('threads', (store) => {
      store.put(kept);
      const count = store.count();
      count.onsuccess = () => dropOldest(store, count.result - MAX_THREADS);
    });
  }

  async dropThread(session: string): Promise<void> {
    this.#recent.delete(session);
    await this.#write('threads', (store) => store.delete(session));
  }

  async threads(): Promise<readonly CachedThread[]> {
    const all = await this.#read('threads', list(json), (store) => store.getAll());
    return (all ?? []).flatMap((value) => {
      const thread = tried(decodeThread, value);
      return thread === undefined ? [] : [thread];
    });
  }

  async loadInbox(): Promise<CachedInbox | undefined> {
    const found = await this.#read('meta', decodeInbox, (store) => store.get('inbox'));
    return found !== undefined && this.#clock.now() - found.value.savedAt < CURSOR_MILLIS
      ? found.value
      : undefined;
  }

  saveInbox(inbox: CachedInbox): Promise<void> {
    return this.#write('meta', (store) => store.put({ name: 'inbox', value: inbox }));
  }

  async loadSessions(): Promise<readonly Session[] | undefined> {
    return (await this.#read('meta', decodeSessions, (store) => store.get('sessions')))?.value;
  }

  saveSessions(sessions: readonly Session[]): Promise<void> {
    const value = sessions.slice(0, MAX_SESSIONS);
    return this.#write('meta', (store) => store.put({ name: 'sessions', value }));
  }

  async loadUnseen(): Promise<readonly ActivityItem[]> {
    return (await this.#read('meta', decodeUnseen, (store) => store.get('unseen')))?.value ?? [];
  }

  saveUnseen(value: readonly ActivityItem[]): Promise<void> {
    return this.#write('meta', (store) => store.put({ name: 'unseen', value }));
  }

  async outbox(): Promise<readonly Outgoing[]> {
    const all = await this.#read('outbox', list(json), (store) => store.getAll());
    return (all ?? [])
      .flatMap((value) => {
        const outgoing = tried(decodeOutgoing, value);
        return outgoing === undefined ? [] : [outgoing];
      })
      .sort((a, b) => a.at - b.at);
  }

  putOutgoing({ error: _, ...outgoing }: Outgoing): Promise<void> {
    return this.#write('outbox', (store) => store.put(outgoing));
  }

  dropOutgoing(localId: string): Promise<void> {
    return this.#write('outbox', (store) => store.delete(localId));
  }

  close(): void {
    this.#closed = true;
    this.#recent.clear();
    this.#db?.close();
    this.#db = undefined;
  }

  /** Forgets all that it holds, of this account. */
  async destroy(): Promise<void> {
    this.close();
    if (this.#factory !== undefined) {
      await within(this.#clock, asPromise(this.#factory.deleteDatabase(this.#name))).catch(
        () => undefined,
      );
    }
  }

  async #read<T>(
    name: StoreName,
    decoder: Decoder<T>,
    ask: (store: IDBObjectStore) => IDBRequest,
  ): Promise<T | undefined> {
    try {
      const found: unknown =
        this.#db && (await asPromise(ask(this.#db.transaction(name).objectStore(name))));
      return found === undefined ? undefined : decoder(found, name);
    } catch {
      return undefined;
    }
  }

  async #write(name: StoreName, change: (store: IDBObjectStore) => void): Promise<void> {
    try {
      const transaction = this.#db?.transaction(name, 'readwrite');
      if (transaction !== undefined) {
        change(transaction.objectStore(name));
        await new Promise<void>((resolve, reject) => {
          transaction.oncomplete = () => resolve();
          transaction.onerror = () => reject(transaction.error);
          transaction.onabort = () => reject(transaction.error);
        });
      }
    } catch {
      // Full, closed or broken: the server has it all.
    }
  }
}

function dropOldest(store: IDBObjectStore, count: number): void {
  if (count <= 0) {
    return;
  }
  let left = count;
  const walk = store.index('usedAt').openCursor();
  walk.onsuccess = () => {
    const cursor = walk.result;
    if (cursor !== null && left > 0) {
      left -= 1;
      cursor.delete();
      cursor.continue();
    }
  };
}

function tried<T>(decoder: Decoder<T>, value: unknown): T | undefined {
  try {
    return decoder(value, 'cache');
  } catch {
    return undefined;
  }
}

function asPromise<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function within<T>(clock: Clock, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(OPEN_MILLIS, () => reject(new Error('The database is silent.')));
    promise.then(resolve, reject).finally(cancel);
  });
}

import { IDBFactory } from 'fake-indexeddb';
import type { ClientOptions, PerdureClient } from '../src/api.ts';
import { createClient } from '../src/client.ts';
import type { ReplyEntry, ThreadView } from '../src/views.ts';
import { HandClock } from './clock.ts';
import type { FakeServer } from './server.ts';

interface Held {
  readonly release: () => void;
  readonly rob: () => void;
}

/** Web Locks of one browser. */
export class FakeLocks {
  #held: Held | undefined;
  readonly #waiting: (() => void)[] = [];

  request = (
    _name: string,
    options: { signal?: AbortSignal; steal?: boolean },
    callback: () => Promise<void>,
  ): Promise<void> =>
    new Promise((resolve, reject) => {
      const grant = () => {
        let over = false;
        const end = (how: () => void) => {
          if (!over) {
            over = true;
            if (this.#held === held) {
              this.#held = undefined;
              this.#waiting.shift()?.();
            }
            how();
          }
        };
        const held: Held = {
          release: () => end(resolve),
          rob: () => end(() => reject(new DOMException('stolen', 'AbortError'))),
        };
        this.#held = held;
        callback().then(held.release, held.release);
      };
      if (options.steal === true) {
        const robbed = this.#held;
        this.#held = undefined;
        grant();
        robbed?.rob();
      } else if (this.#held === undefined) {
        grant();
      } else {
        this.#waiting.push(grant);
        options.signal?.addEventListener('abort', () => {
          const at = this.#waiting.indexOf(grant);
          if (at >= 0) {
            this.#waiting.splice(at, 1);
            reject(new DOMException('aborted', 'AbortError'));
          }
        });
      }
    });
}

/** BroadcastChannels of one browser. */
export class FakeChannels {
  readonly #open = new Set<FakeChannel>();

  make = (name: string): BroadcastChannel =>
    new FakeChannel(name, this.#open) as unknown as BroadcastChannel;

  /** Lets nothing through that the nth tab posts; returns what mends it. */
  silence(nth: number): () => void {
    const channel = [...this.#open][nth];
    if (channel === undefined) {
      throw new Error(`There is no tab ${nth}`);
    }
    channel.silent = true;
    return () => {
      channel.silent = false;
    };
  }
}

class FakeChannel {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  silent = false;

  constructor(
    readonly name: string,
    readonly others: Set<FakeChannel>,
  ) {
    others.add(this);
  }

  postMessage(message: unknown): void {
    if (this.silent) {
      return;
    }
    const data = structuredClone(message);
    for (const other of this.others) {
      if (other !== this && other.name === this.name) {
        queueMicrotask(() => other.onmessage?.({ data }));
      }
    }
  }

  close(): void {
    this.others.delete(this);
  }
}

/** A browser with tabs that talk to a server. */
export class FakeBrowser {
  readonly clock = new HandClock();
  readonly indexedDB = new IDBFactory();
  readonly locks = new FakeLocks();
  readonly channels = new FakeChannels();
  readonly texts = new Map<string, string>();
  readonly server: FakeServer;
  readonly #tabs = new Set<PerdureClient>();
  #ids = 0;

  constructor(server: FakeServer) {
    this.server = server;
  }

  tab(options: Partial<ClientOptions> = {}): PerdureClient {
    const client = createClient({
      baseUrl: 'http://server',
      fetch: this.server.fetch,
      clock: this.clock,
      random: () => 0.5,
      newId: () => {
        this.#ids += 1;
        return `id${this.#ids}`;
      },
      indexedDB: this.indexedDB,
      locks: this.locks as unknown as LockManager,
      channel: this.channels.make,
      storage: {
        getItem: (name) => this.texts.get(name) ?? null,
        setItem: (name, value) => this.texts.set(name, value),
        removeItem: (name) => this.texts.delete(name),
      },
      autoTitle: false,
      ...options,
    });
    client.subscribe(() => {});
    this.#tabs.add(client);
    return client;
  }

  close(): void {
    for (const tab of this.#tabs) {
      tab.close();
    }
  }
}

export function thread(client: PerdureClient, session: string): ThreadView {
  const view = client.getSnapshot().threads[session];
  if (view === undefined) {
    throw new Error(`${session} is not open`);
  }
  return view;
}

/** The last reply of the branch that is shown. */
export function reply(client: PerdureClient, session: string): ReplyEntry | undefined {
  const entry = client
    .getSnapshot()
    .threads[session]?.branch.findLast((other) => other.kind === 'reply');
  return entry?.kind === 'reply' ? entry : undefined;
}

export function said(client: PerdureClient, session: string): string {
  return (
    reply(client, session)
      ?.lanes[0]?.parts.map((part) => part.text)
      .join('') ?? ''
  );
}

/** The conversation in short: `> question`, `< answer`. */
export function shown(client: PerdureClient, session: string): string[] {
  return thread(client, session).branch.map((entry) =>
    entry.kind === 'user'
      ? `> ${entry.text}${entry.delivery === 'stored' ? '' : ` (${entry.delivery})`}`
      : `< ${entry.lanes.map((lane) => lane.parts.map((part) => part.text).join('')).join(' | ')}`,
  );
}

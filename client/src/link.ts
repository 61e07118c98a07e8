/**
 * Brings activities to this tab, from the server or from the tab that is connected to it, and tells
 * other tabs. Whoever leads owns the connection and the cached cursor.
 */
import type { Cache, CachedInbox } from './cache.ts';
import type { Clock } from './clock.ts';
import { type Connection, statusOf } from './connection.ts';
import { activityOf, Feed } from './feed.ts';
import { type Decoder, isRecord, list, object, oneOf, optional, text } from './json.ts';
import type { Live } from './live.ts';
import { decodeSnapshot, type Snapshot } from './log.ts';
import type { Frame } from './sse.ts';
import type { Store } from './store.ts';
import { Tabs } from './tabs.ts';
import type { Transport } from './transport.ts';
import type { ConnectionView } from './views.ts';
import { decodeSession, type Session } from './wire.ts';

/** How often the cursor and the turns that go with it are cached, while something comes. */
const SAVE_MILLIS = 2_000;

interface TabStatus {
  readonly status: ConnectionView['status'];
  readonly via: ConnectionView['via'];
}

/** What tabs tell one another. */
export type TabMessage =
  | { readonly type: 'ask' }
  | {
      readonly type: 'state';
      readonly cursor?: string;
      readonly turns: readonly Snapshot[];
      readonly connection: TabStatus;
    }
  | { readonly type: 'beat'; readonly connection: TabStatus }
  | { readonly type: 'frames'; readonly frames: readonly Frame[] }
  | { readonly type: 'nudge' }
  | { readonly type: 'lost' }
  | { readonly type: 'fresh' }
  | { readonly type: 'session'; readonly session: Session }
  | { readonly type: 'gone'; readonly session: string }
  | { readonly type: 'seen'; readonly session: string };

const decodeConnection: Decoder<TabStatus> = object({
  status: oneOf(['connecting', 'live', 'reconnecting', 'offline', 'degraded']),
  via: oneOf(['stream', 'poll']),
});
const decoders: ReadonlyMap<string, Decoder<TabMessage>> = new Map<string, Decoder<TabMessage>>([
  ['ask', object({ type: oneOf(['ask']) })],
  [
    'state',
    object({
      type: oneOf(['state']),
      cursor: optional(text),
      turns: list(decodeSnapshot),
      connection: decodeConnection,
    }),
  ],
  ['beat', object({ type: oneOf(['beat']), connection: decodeConnection })],
  [
    'frames',
    object({
      type: oneOf(['frames']),
      frames: list(object({ event: text, id: optional(text), data: optional(text) })),
    }),
  ],
  ['nudge', object({ type: oneOf(['nudge']) })],
  ['lost', object({ type: oneOf(['lost']) })],
  ['fresh', object({ type: oneOf(['fresh']) })],
  ['session', object({ type: oneOf(['session']), session: decodeSession })],
  ['gone', object({ type: oneOf(['gone']), session: text })],
  ['seen', object({ type: oneOf(['seen']), session: text })],
]);

export interface LinkOptions {
  readonly name: string;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: () => number;
  readonly locks: LockManager | undefined;
  readonly channel: ((name: string) => BroadcastChannel) | undefined;
  readonly visible: () => boolean;
  readonly store: Store;
  readonly live: Live;
  readonly cache: Cache;
  /** Where the cache says that this browser stood. */
  readonly inbox: CachedInbox | undefined;
  /** The stream began anew: what is shown may have moved on unseen. */
  readonly onFresh: () => void;
  /** The server is reached again. */
  readonly onLive: () => void;
  readonly onTab: (message: TabMessage) => void;
}

export class Link {
  readonly #options: LinkOptions;
  readonly #feed: Feed;
  readonly #tabs: Tabs;
  #cursor: string | undefined;
  /** What the leader says of its connection, in a tab that follows. */
  #leader: TabStatus = { status: 'connecting', via: 'stream' };
  /** A follower takes frames once it knows what they build upon. */
  #awaiting = true;
  /** What this tab, as the leader, has said last of its connection. */
  #told: TabStatus['status'] | undefined;
  /** Counts the gaps: what comes behind one is of no use. */
  #gaps = 0;
  #cancelSave: (() => void) | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#cursor = options.inbox?.cursor;
    this.#feed = new Feed({
      transport: options.transport,
      clock: options.clock,
      random: options.random,
      onFrames: (frames) => this.#fromServer(frames),
      onState: (at) => this.#stateIs(at),
      onLost: () => {
        this.#cursor = undefined;
        this.post({ type: 'lost' });
      },
      onFresh: () => {
        this.post({ type: 'fresh' });
        options.onFresh();
      },
    });
    this.#tabs = new Tabs({
      name: options.name,
      locks: options.locks,
      channel: options.channel,
      clock: options.clock,
      visible: options.visible,
      onLead: () => {
        this.#awaiting = false;
        this.#feed.start(this.#cursor);
        this.#show();
      },
      onFollow: () => {
        this.#feed.stop();
        this.#awaiting = true;
        this.#show();
      },
      onMessage: (message) => this.#fromTab(message),
      ask: () => this.post({ type: 'ask' }),
      beat: () => this.post({ type: 'beat', connection: this.#status() }),
    });
  }

  get leads(): boolean {
    return this.#tabs.leads;
  }

  start(): void {
    this.#tabs.start();
  }

  stop(): void {
    this.#cancelSave?.();
    this.#tabs.stop();
    this.#feed.stop();
  }

  post(message: TabMessage): void {
    this.#tabs.post(message);
  }

  /** An event is missing: the leader begins anew, a follower asks it. */
  gap(): void {
    this.#gaps += 1;
    if (this.#tabs.leads) {
      this.#feed.restart();
    } else if (!this.#awaiting) {
      this.#awaiting = true;
      this.#cursor = undefined;
      this.post({ type: 'ask' });
    }
  }

  nudge(): void {
    if (this.#tabs.leads) {
      this.#feed.happens({ type: 'nudge' });
    } else {
      this.post({ type: 'nudge' });
    }
  }

  online(is: boolean): void {
    this.#feed.happens({ type: is ? 'online' : 'offline' });
  }

  shown(): void {
    this.#feed.happens({ type: 'visible' });
    this.#tabs.shown();
  }

  notice(code: string): void {
    if (code === 'degraded' || code === 'recovered') {
      this.#feed.happens({ type: 'notice', degraded: code === 'degraded' });
    }
  }

  #fromServer(frames: readonly Frame[]): void {
    this.post({ type: 'frames', frames });
    this.#take(frames);
  }

  #take(frames: readonly Frame[]): void {
    const gaps = this.#gaps;
    for (const frame of frames) {
      const activity = activityOf(frame);
      if (activity !== undefined) {
        this.#options.live.take(activity);
      }
      if (gaps !== this.#gaps) {
        return;
      }
      // Only now: behind it stands what has been taken.
      this.#cursor = frame.id ?? this.#cursor;
    }
    if (this.#tabs.leads) {
      this.#cancelSave ??= this.#options.clock.after(SAVE_MILLIS, () => this.save());
    }
  }

  /** Caches where this browser stands: the cursor, and the turns up to it, belong together. */
  save(): void {
    this.#cancelSave?.();
    this.#cancelSave = undefined;
    if (this.#tabs.leads && this.#cursor !== undefined) {
      void this.#options.cache.saveInbox({
        cursor: this.#cursor,
        savedAt: this.#options.clock.now(),
        turns: this.#options.live.snapshots(),
      });
    }
  }

  #stateIs(at: Connection): void {
    const before = this.#options.store.get().connection.status;
    this.#show();
    const now = this.#status();
    if (this.#tabs.leads && now.status !== this.#told) {
      this.#told = now.status;
      this.post({ type: 'beat', connection: now });
    }
    if (at.name === 'live' && before !== 'live' && before !== 'degraded') {
      this.#options.onLive();
    }
  }

  #status(): TabStatus {
    const { state } = this.#feed;
    return { status: statusOf(state, this.#options.clock.now()), via: state.via };
  }

  #show(): void {
    const { store } = this.#options;
    const next = this.#view();
    const before = store.get().connection;
    const same =
      before.status === next.status &&
      before.via === next.via &&
      before.leader === next.leader &&
      before.retryAt === next.retryAt &&
      before.error === next.error;
    if (!same) {
      store.dispatch({ type: 'connection', connection: next });
    }
  }

  #view(): ConnectionView {
    if (!this.#tabs.leads) {
      return { ...this.#leader, leader: false };
    }
    const { state } = this.#feed;
    const waits = state.name === 'waiting';
    return {
      ...this.#status(),
      ...(waits ? { retryAt: state.until } : {}),
      ...(waits && state.error !== undefined ? { error: state.error } : {}),
      leader: true,
    };
  }

  #fromTab(value: unknown): void {
    let message: TabMessage | undefined;
    try {
      const type = isRecord(value) && typeof value.type === 'string' ? value.type : '';
      message = decoders.get(type)?.(value, 'message');
    } catch {
      // Of a tab with another version of this page.
    }
    if (message === undefined) {
      return;
    }
    switch (message.type) {
      case 'ask':
        if (this.#tabs.leads) {
          this.post({
            type: 'state',
            ...(this.#cursor === undefined ? {} : { cursor: this.#cursor }),
            turns: this.#options.live.snapshots(),
            connection: this.#status(),
          });
        }
        return;
      case 'nudge':
        if (this.#tabs.leads) {
          this.nudge();
        }
        return;
      case 'state':
      case 'beat':
      case 'frames':
      case 'lost':
      case 'fresh':
        if (!this.#tabs.leads) {
          this.#tabs.heardLeader();
          this.#fromLeader(message);
        }
        return;
      default:
        this.#options.onTab(message);
    }
  }

  #fromLeader(
    message: Extract<TabMessage, { type: 'state' | 'beat' | 'frames' | 'lost' | 'fresh' }>,
  ): void {
    switch (message.type) {
      case 'beat':
        this.#leaderIs(message.connection);
        if (this.#awaiting) {
          // Its answer, or the question, was lost.
          this.post({ type: 'ask' });
        }
        return;
      case 'lost':
        this.#cursor = undefined;
        return;
      case 'fresh':
        this.#options.onFresh();
        return;
      case 'frames':
        if (!this.#awaiting) {
          this.#take(message.frames);
        }
        return;
      case 'state': {
        this.#awaiting = false;
        const known = new Set(message.turns.map((turn) => turn.turn));
        const missed = this.#options.live.open().some((turn) => !known.has(turn.turn));
        for (const turn of message.turns) {
          this.#options.live.restore(turn);
        }
        this.#cursor = message.cursor;
        this.#leaderIs(message.connection);
        if (missed) {
          this.#options.onFresh();
        }
      }
    }
  }

  #leaderIs(connection: TabStatus): void {
    const before = this.#leader.status;
    this.#leader = connection;
    this.#show();
    if (connection.status === 'live' && before !== 'live') {
      this.#options.onLive();
    }
  }
}

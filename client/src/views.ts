/** What the client shows: immutable, and identical by reference as long as nothing in it changes. */
import type { PerdureError } from './errors.ts';
import type { Json } from './json.ts';
import type { WaitFor } from './log.ts';
import type {
  Failure,
  Finish,
  LaneState,
  Message,
  Session,
  Source,
  StoredFile,
  TurnState,
  Usage,
} from './wire.ts';

/** A stretch of a reply. While it streams, its text only grows or the part goes away. */
export interface PartView {
  readonly part: number;
  readonly step: number;
  /** `text`, `reasoning`, or a kind that this client does not know. */
  readonly kind: string;
  readonly text: string;
  readonly ended: boolean;
}

/** A call of a tool. */
export interface CallView {
  readonly call: string;
  readonly tool: string;
  readonly input: Json;
  /** How many parts of the lane stand before it. */
  readonly after: number;
  readonly waiting?: {
    readonly for: WaitFor;
    readonly inputHash?: string;
    readonly until?: number;
  };
  readonly output?: Json;
  readonly error?: Failure;
}

/** One try of a model call. The last one of a lane is the one that is shown. */
export interface AttemptView {
  readonly attempt: number;
  readonly step: number;
  readonly model: string;
  /** Why it was made: the failure before, `fallback`, `takeover`, `retry`; absent for the first. */
  readonly reason?: string;
}

/** One model's reply, live or stored. */
export interface LaneView {
  readonly turn: string;
  readonly lane: number;
  readonly message: string;
  readonly model: string;
  readonly state: LaneState;
  /** 0 before the first; of a stored reply the last one that has a reason, else 1. */
  readonly attempt: number;
  /** Of a stored reply only those that have a reason. */
  readonly attempts: readonly AttemptView[];
  readonly parts: readonly PartView[];
  readonly calls: readonly CallView[];
  /** What the reply rests on. */
  readonly sources: readonly Source[];
  readonly usage?: Usage;
  readonly finish?: Finish;
  readonly error?: Failure;
  /** What is true of the lane now, as `retrying`; gone with the next event. */
  readonly notice?: { readonly code: string; readonly text: string };
}

/** A turn that is followed, or was a moment ago. */
export interface TurnView {
  readonly turn: string;
  readonly session: string;
  readonly userMessage: string;
  readonly state: TurnState;
  /** The last event that is in it; -1 before the first. */
  readonly seq: number;
  readonly lanes: readonly LaneView[];
  readonly error?: Failure;
  readonly acceptedAt?: number;
  readonly startedAt?: number;
  readonly endedAt?: number;
}

/** What else stands at the same place of the conversation, for going from one branch to another. */
export interface Siblings {
  /** From 0, in the order of time. */
  readonly index: number;
  readonly count: number;
  /** To be passed to `select`; absent at either end. */
  readonly previous?: string;
  readonly next?: string;
}

/**
 * How far a message of one's own has got: `sending`; `unconfirmed`, it may have arrived and is
 * repeated with the same key; `refused`, it was not accepted and can be sent again; `stored`.
 */
export type Delivery = 'sending' | 'unconfirmed' | 'refused' | 'stored';

/** A message of the user. */
export interface UserEntry {
  readonly kind: 'user';
  /** Stays the same from the moment of sending on. */
  readonly key: string;
  /** Of the stored message; absent until it is. */
  readonly id?: string;
  /** Of an unsent one: for `resend` and `discard`. */
  readonly localId?: string;
  readonly text: string;
  readonly files: readonly StoredFile[];
  readonly delivery: Delivery;
  readonly error?: PerdureError;
  readonly createdAt: number;
  readonly siblings: Siblings;
}

/** What answers it: one lane, or several side by side. */
export interface ReplyEntry {
  readonly kind: 'reply';
  readonly key: string;
  /** Absent while it is being asked for. */
  readonly turn?: string;
  /** Of a reply that is asked for again and not accepted yet: for `resend` and `discard`. */
  readonly localId?: string;
  /** The message that it answers. */
  readonly userMessage?: string;
  readonly state: TurnState;
  readonly lanes: readonly LaneView[];
  readonly delivery: Delivery;
  /** Why it was refused or has failed. */
  readonly error?: Failure;
  readonly createdAt: number;
  readonly endedAt?: number;
  readonly siblings: Siblings;
}

export type Entry = UserEntry | ReplyEntry;

/** A session's conversation along one branch, from its root to its leaf. */
export interface ThreadView {
  readonly session: string;
  readonly branch: readonly Entry[];
  /** `cached`: painted from the cache, and being brought up to date. */
  readonly status: 'loading' | 'cached' | 'ready' | 'error';
  readonly error?: PerdureError;
  readonly hasOlder: boolean;
  readonly loadingOlder: boolean;
  /** The turn that is open, if any: the newest. */
  readonly open?: string;
}

/** What a session is doing: `unseen` and `failed` stand until the session is looked at. */
export type SessionState = 'idle' | 'running' | 'waiting' | 'unseen' | 'failed';

export interface SessionView extends Session {
  readonly state: SessionState;
}

export interface SessionsView {
  /** The most recently active first. */
  readonly items: readonly SessionView[];
  readonly status: 'loading' | 'cached' | 'ready' | 'error';
  readonly error?: PerdureError;
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
  /** Sessions that are gone for the eye and will be deleted in some seconds. */
  readonly removing: readonly Session[];
}

/** A turn that goes on or has ended, in any session. */
export interface ActivityItem {
  readonly turn: string;
  readonly session: string;
  readonly state: TurnState;
  readonly at: number;
}

/**
 * `degraded`: connected, but the server waits for its database, so that events are late. A break of
 * less than a second and a half still counts as `live`.
 */
export type ConnectionStatus = 'connecting' | 'live' | 'reconnecting' | 'offline' | 'degraded';

export interface ConnectionView {
  readonly status: ConnectionStatus;
  /** `poll` where something in between holds streams back. */
  readonly via: 'stream' | 'poll';
  /** When it is tried again, while it is not live. */
  readonly retryAt?: number;
  /** Why the server refuses, as `unauthenticated`. */
  readonly error?: PerdureError;
  readonly leader: boolean;
}

export interface ActivityView {
  readonly running: readonly ActivityItem[];
  readonly waiting: readonly ActivityItem[];
  /** What has ended while nobody looked, the newest first. */
  readonly finishedUnseen: readonly ActivityItem[];
  readonly connection: ConnectionView;
}

/** Everything at one moment. */
export interface ClientState {
  readonly account?: string;
  readonly sessions: SessionsView;
  readonly threads: Readonly<Record<string, ThreadView>>;
  readonly turns: Readonly<Record<string, TurnView>>;
  readonly activity: ActivityView;
}

/** A message to be sent. */
export interface SendInput {
  readonly text: string;
  /** What `upload` has given. */
  readonly files?: readonly StoredFile[];
  /** `provider/model`, one lane each; without it the server's default. */
  readonly models?: readonly string[];
  readonly fallbacks?: readonly string[];
  readonly instructions?: string;
  readonly whenBusy?: 'reject' | 'enqueue' | 'interrupt';
  readonly recovery?: 'restart' | 'fail';
  readonly tools?: readonly string[];
  readonly params?: {
    readonly maxOutputTokens?: number;
    readonly temperature?: number;
    readonly topP?: number;
  };
  /**
   * The message that this one follows, null for the beginning; without it the end of the branch
   * that is shown.
   */
  readonly parentId?: string | null;
}

/** A search's result. */
export interface Found {
  readonly session: Session;
  /** A piece of the message that holds the words; absent if the title does. */
  readonly excerpt?: string;
}

export type { Message, Session };

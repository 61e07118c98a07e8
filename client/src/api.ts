/** The client as its users see it. */
import type { Clock } from './clock.ts';
import type { Later } from './later.ts';
import type { ClientState, Found, SendInput } from './views.ts';
import type {
  Answer,
  Message,
  Models,
  ServerStatus,
  Session,
  SessionSettings,
  StoredFile,
} from './wire.ts';

/** Keeps small texts across reloads, as `localStorage` does. */
export interface TextStorage {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
}

export interface ClientOptions {
  /** Of the server; by default that of the page. */
  readonly baseUrl?: string;
  /** An API key or JWT, or what fetches a fresh one; called before each request. */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>);
  /** Sent with each request. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Who the user is: the name under which things are cached. By default it is made of the token: a
   * JWT's claims, else the token's SHA-256.
   */
  readonly account?: string;
  readonly fetch?: typeof fetch;
  /** For drafts; by default `localStorage`. */
  readonly storage?: TextStorage;
  /** For the cache; by default the browser's. `null` for none. */
  readonly indexedDB?: IDBFactory | null;
  /** For sharing one connection between tabs; by default the browser's. `null` for none. */
  readonly locks?: LockManager | null;
  readonly channel?: ((name: string) => BroadcastChannel) | null;
  /** Time and timers. */
  readonly clock?: Clock;
  /** A number from 0 to below 1. */
  readonly random?: () => number;
  /** Makes keys of requests. */
  readonly newId?: () => string;
  /** Gives a session without a title the beginning of its first message. Default true. */
  readonly autoTitle?: boolean;
}

/**
 * Follows everything that the caller has on a server, and speaks for the user. Nothing is connected
 * until somebody subscribes. Methods that return nothing show their outcome in the state.
 */
export interface PerdureClient {
  subscribe(listener: () => void): () => void;
  getSnapshot(): ClientState;

  /** Fetches the next page of sessions. */
  loadMoreSessions(): Promise<void>;
  /** Fetches the sessions anew. */
  refreshSessions(): Promise<void>;
  createSession(settings?: SessionSettings): Promise<Session>;
  updateSession(session: string, settings: SessionSettings): Promise<Session>;
  /** Takes a session away; after some seconds it is deleted, unless `undoRemove` comes first. */
  removeSession(session: string): void;
  undoRemove(session: string): void;
  /** Titles and the user's messages on the server, and all texts of what is cached. */
  search(words: string, signal?: AbortSignal): Promise<readonly Found[]>;

  /** Shows a session: from the cache at once, then from the server. Returns what lets go of it. */
  open(session: string): () => void;
  loadOlder(session: string): Promise<void>;
  /** Fetches the newest messages again, after an error. */
  reload(session: string): Promise<void>;
  /** Shows a message at once and sends it. Returns its local id. */
  send(session: string, input: SendInput): string;
  /** Sends again what was refused, or is unconfirmed, with the same key. */
  resend(session: string, localId: string): void;
  /** Takes away what was refused; returns its text. */
  discard(session: string, localId: string): string;
  /** Sends another message in the place of one, which makes a branch. */
  edit(session: string, message: string, text: string, input?: Omit<SendInput, 'text'>): string;
  /** Has a user's message answered once more. */
  regenerate(session: string, userMessage: string, models?: readonly string[]): string;
  /** Shows the branch that `Siblings.previous` or `next` names. */
  select(session: string, sibling: string): void;

  cancel(turn: string): Promise<void>;
  cancelSession(session: string): Promise<void>;
  cancelLane(turn: string, lane: number): Promise<void>;
  retryLane(turn: string, lane: number): Promise<void>;
  answer(turn: string, answer: Answer): Promise<void>;

  /** Turns for later, turns that wait, and schedules: listed, made, moved, ended. `cancel` cancels a turn. */
  readonly later: Later;

  /** What was typed and not sent; it survives a reload. */
  draft(session: string): string;
  setDraft(session: string, text: string): void;

  /** Says that the user has seen how a session's turns have ended. */
  markSeen(session: string): void;

  /** Stores a file, to be sent with messages; `models()` says how large it may be. */
  upload(name: string, content: Blob, signal?: AbortSignal): Promise<StoredFile>;
  models(): Promise<Models>;
  status(): Promise<ServerStatus>;
  /** One page of stored messages, the newest first; passes the cache by. */
  messages(session: string, before?: string): Promise<readonly Message[]>;

  /** Tries to connect at once, as after a new token. */
  reconnect(): void;
  /** Forgets everything of this account that is stored in the browser, and stops. */
  signOut(): Promise<void>;
  /** Stops. The cache stays. */
  close(): void;
}

/** The state as a value, what can happen to it, and a store that tells listeners. */
import { PerdureError } from './errors.ts';
import { newThread, reduceThread, settle, type ThreadAction } from './thread.ts';
import type { ActivityItem, ConnectionView, SendInput, TurnView } from './views.ts';
import { isTerminal, type Message, type Session, type Turn } from './wire.ts';

/** A message, or the wish for another reply, that the server has not confirmed. */
export interface Outgoing {
  readonly localId: string;
  /** The Idempotency-Key: the same however often it is sent. */
  readonly key: string;
  readonly session: string;
  readonly input: SendInput;
  /** The user's message to be answered once more; then there is no text. */
  readonly again?: string;
  readonly state: 'sending' | 'unconfirmed' | 'refused';
  readonly error?: PerdureError;
  readonly at: number;
}

export interface SessionsState {
  readonly items: readonly Session[];
  readonly status: 'loading' | 'cached' | 'ready' | 'error';
  readonly error?: PerdureError;
  readonly next?: string;
  readonly loadingMore: boolean;
  readonly removing: readonly Session[];
}

export interface ThreadState {
  readonly session: string;
  readonly messages: ReadonlyMap<string, Message>;
  readonly outgoing: readonly Outgoing[];
  /** Keys of entries that were shown before their message had an id. */
  readonly keys: Readonly<Record<string, string>>;
  readonly status: 'loading' | 'cached' | 'ready' | 'error';
  readonly error?: PerdureError;
  /** Where older messages begin; undefined if there are none. */
  readonly older?: string;
  readonly loadingOlder: boolean;
  /** A message through which the branch is to go; else it ends with the newest. */
  readonly through?: string;
}

export interface State {
  readonly account?: string;
  readonly sessions: SessionsState;
  readonly threads: Readonly<Record<string, ThreadState>>;
  readonly turns: Readonly<Record<string, TurnView>>;
  readonly unseen: Readonly<Record<string, ActivityItem>>;
  readonly connection: ConnectionView;
}

export const EMPTY: State = {
  sessions: { items: [], status: 'loading', loadingMore: false, removing: [] },
  threads: {},
  turns: {},
  unseen: {},
  connection: { status: 'connecting', via: 'stream', leader: false },
};

export type Action =
  | { readonly type: 'account'; readonly account: string }
  | { readonly type: 'forgotten' }
  | { readonly type: 'connection'; readonly connection: ConnectionView }
  | { readonly type: 'sessions.cached'; readonly items: readonly Session[] }
  | { readonly type: 'sessions.loading' }
  | {
      readonly type: 'sessions.page';
      readonly items: readonly Session[];
      readonly next?: string;
      readonly first: boolean;
    }
  | { readonly type: 'sessions.failed'; readonly error: PerdureError }
  | { readonly type: 'session.put'; readonly session: Session }
  | { readonly type: 'session.active'; readonly session: string; readonly at: number }
  | { readonly type: 'session.removing'; readonly session: string }
  | { readonly type: 'session.kept'; readonly session: string }
  | { readonly type: 'session.gone'; readonly session: string }
  | { readonly type: 'thread.opened'; readonly session: string }
  | { readonly type: 'thread.closed'; readonly session: string }
  | {
      readonly type: 'thread.cached';
      readonly session: string;
      readonly messages: readonly Message[];
      readonly older?: string;
    }
  | {
      readonly type: 'thread.newest';
      readonly session: string;
      readonly messages: readonly Message[];
      readonly next?: string;
    }
  | { readonly type: 'thread.loadingOlder'; readonly session: string }
  | {
      readonly type: 'thread.older';
      readonly session: string;
      readonly messages: readonly Message[];
      readonly next?: string;
    }
  | { readonly type: 'thread.failed'; readonly session: string; readonly error: PerdureError }
  | { readonly type: 'thread.through'; readonly session: string; readonly message: string }
  | { readonly type: 'outgoing.put'; readonly outgoing: Outgoing }
  | { readonly type: 'outgoing.dropped'; readonly session: string; readonly localId: string }
  | { readonly type: 'outgoing.accepted'; readonly outgoing: Outgoing; readonly turn: Turn }
  | { readonly type: 'turns'; readonly views: readonly TurnView[] }
  | { readonly type: 'turns.gone'; readonly turns: readonly string[] }
  | { readonly type: 'unseen'; readonly items: readonly ActivityItem[] }
  | { readonly type: 'seen'; readonly session: string };

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case 'account':
      return { ...state, account: action.account };
    case 'forgotten':
      return EMPTY;
    case 'connection':
      return { ...state, connection: action.connection };
    case 'turns':
      return takeTurns(state, action.views);
    case 'turns.gone':
      return { ...state, turns: without(state.turns, action.turns) };
    case 'unseen':
      return {
        ...state,
        unseen: {
          ...state.unseen,
          ...Object.fromEntries(action.items.map((item) => [item.session, item])),
        },
      };
    case 'seen':
      return action.session in state.unseen
        ? { ...state, unseen: without(state.unseen, [action.session]) }
        : state;
    case 'sessions.cached':
    case 'sessions.loading':
    case 'sessions.page':
    case 'sessions.failed':
    case 'session.put':
    case 'session.active':
    case 'session.removing':
    case 'session.kept':
      return { ...state, sessions: reduceSessions(state.sessions, action) };
    case 'session.gone':
      return {
        ...state,
        sessions: reduceSessions(state.sessions, action),
        threads: emptied(state.threads, action.session),
        turns: Object.fromEntries(
          Object.entries(state.turns).filter(([, turn]) => turn.session !== action.session),
        ),
        unseen: without(state.unseen, [action.session]),
      };
    case 'thread.opened':
      return action.session in state.threads
        ? state
        : { ...state, threads: { ...state.threads, [action.session]: newThread(action.session) } };
    case 'thread.closed':
      return closeThread(state, action.session);
    default:
      return reduceThreads(state, action);
  }
}

type SessionsAction = Extract<Action, { type: `session.${string}` | `sessions.${string}` }>;

function reduceSessions(at: SessionsState, action: SessionsAction): SessionsState {
  switch (action.type) {
    case 'sessions.cached':
      return at.status === 'ready'
        ? at
        : { ...at, items: byActivity(action.items), status: 'cached' };
    case 'sessions.loading':
      return { ...at, loadingMore: true };
    case 'sessions.failed':
      return { ...at, error: action.error, status: 'error', loadingMore: false };
    case 'sessions.page':
      return takePage(at, action);
    case 'session.put':
      return { ...at, items: put(at.items, action.session) };
    case 'session.active':
      return {
        ...at,
        items: byActivity(
          at.items.map((session) =>
            session.id === action.session && session.updatedAt < action.at
              ? { ...session, updatedAt: action.at }
              : session,
          ),
        ),
      };
    case 'session.removing': {
      const session = at.items.find((item) => item.id === action.session);
      return session === undefined
        ? at
        : {
            ...at,
            items: at.items.filter((item) => item !== session),
            removing: [...at.removing, session],
          };
    }
    case 'session.kept': {
      const session = at.removing.find((item) => item.id === action.session);
      return session === undefined
        ? at
        : {
            ...at,
            items: put(at.items, session),
            removing: at.removing.filter((item) => item !== session),
          };
    }
    case 'session.gone':
      return {
        ...at,
        items: at.items.filter((item) => item.id !== action.session),
        removing: at.removing.filter((item) => item.id !== action.session),
      };
  }
}

function takePage(
  at: SessionsState,
  action: Extract<Action, { type: 'sessions.page' }>,
): SessionsState {
  const { error: _, next: __, ...rest } = at;
  const hidden = new Set(at.removing.map((session) => session.id));
  const fresh = action.items.filter((session) => !hidden.has(session.id));
  const known = action.first ? [] : at.items;
  const ids = new Set(fresh.map((session) => session.id));
  return {
    ...rest,
    items: byActivity([...known.filter((session) => !ids.has(session.id)), ...fresh]),
    status: 'ready',
    loadingMore: false,
    ...(action.next === undefined ? {} : { next: action.next }),
  };
}

function put(items: readonly Session[], session: Session): readonly Session[] {
  return byActivity([...items.filter((item) => item.id !== session.id), session]);
}

function byActivity(items: readonly Session[]): readonly Session[] {
  return items.toSorted((a, b) => b.updatedAt - a.updatedAt || (a.id < b.id ? 1 : -1));
}

/** Who looks at a session that was deleted is told. */
function emptied(threads: State['threads'], session: string): State['threads'] {
  const error = new PerdureError('not_found', 'This session is not there any more.', 404, false);
  return session in threads
    ? { ...threads, [session]: { ...newThread(session), status: 'error', error } }
    : threads;
}

/** What is unsent stays; the rest comes back from the cache. */
function closeThread(state: State, session: string): State {
  const ended = Object.values(state.turns)
    .filter((turn) => turn.session === session && isTerminal(turn.state))
    .map((turn) => turn.turn);
  const thread = state.threads[session];
  return {
    ...state,
    turns: without(state.turns, ended),
    threads:
      thread !== undefined && thread.outgoing.length > 0
        ? state.threads
        : without(state.threads, [session]),
  };
}

function reduceThreads(state: State, action: ThreadAction): State {
  const session = 'outgoing' in action ? action.outgoing.session : action.session;
  const thread = state.threads[session];
  if (thread === undefined) {
    return state;
  }
  const next = reduceThread(thread, action, state.turns);
  return next === thread ? state : { ...state, threads: { ...state.threads, [session]: next } };
}

/** Takes new views of turns. */
function takeTurns(state: State, views: readonly TurnView[]): State {
  let { threads } = state;
  const turns = { ...state.turns };
  for (const view of views) {
    turns[view.turn] = view;
    const thread = threads[view.session];
    if (thread !== undefined && isTerminal(view.state)) {
      threads = { ...threads, [view.session]: settle(thread, view) };
    }
  }
  return { ...state, turns, threads };
}

function without<T>(
  record: Readonly<Record<string, T>>,
  names: readonly string[],
): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}

/** Holds the state and tells listeners of every change. */
export interface Store {
  get(): State;
  dispatch(action: Action): void;
  subscribe(listener: () => void): () => void;
}

export function createStore(): Store {
  let state = EMPTY;
  const listeners = new Set<() => void>();
  return {
    get: () => state,
    dispatch(action) {
      const next = reduce(state, action);
      if (next !== state) {
        state = next;
        for (const listener of listeners) {
          listener();
        }
      }
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/**
 * React on top of the client: hooks that read its state and pass on what the user does. A component
 * is rendered again only when what it reads has changed; text comes at most once per frame.
 */
import {
  createContext,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
} from 'react';
import type { PerdureClient } from '../api.ts';
import type {
  ActivityView,
  ClientState,
  Found,
  SendInput,
  SessionsView,
  ThreadView,
} from '../views.ts';
import type { Answer, Session, SessionSettings } from '../wire.ts';

const Context = createContext<PerdureClient | undefined>(undefined);

export function PerdureProvider(props: { client: PerdureClient; children?: ReactNode }) {
  return <Context.Provider value={props.client}>{props.children}</Context.Provider>;
}

/** The client that the provider holds. */
export function usePerdure(): PerdureClient {
  const client = useContext(Context);
  if (client === undefined) {
    throw new Error('There is no PerdureProvider above this component. Wrap the app in one.');
  }
  return client;
}

/** A piece of the client's state. `read` must return the same reference while nothing changes. */
export function usePerdureState<T>(read: (state: ClientState) => T): T {
  const client = usePerdure();
  const get = () => read(client.getSnapshot());
  return useSyncExternalStore(client.subscribe, get, get);
}

export interface Sessions extends Omit<SessionsView, 'items'> {
  /** The most recently active first. */
  readonly sessions: SessionsView['items'];
  loadMore(): Promise<void>;
  create(settings?: SessionSettings): Promise<Session>;
  rename(session: string, title: string): Promise<Session>;
  /** Undoable for some seconds, during which the session stands in `removing`. */
  remove(session: string): void;
  undoRemove(session: string): void;
  search(words: string, signal?: AbortSignal): Promise<readonly Found[]>;
}

/** The sessions of the user. */
export function useSessions(): Sessions {
  const client = usePerdure();
  const { items, ...view } = usePerdureState((state) => state.sessions);
  const actions = useMemo(
    () => ({
      loadMore: client.loadMoreSessions,
      create: client.createSession,
      rename: (session: string, title: string) => client.updateSession(session, { title }),
      remove: client.removeSession,
      undoRemove: client.undoRemove,
      search: client.search,
    }),
    [client],
  );
  return { ...view, sessions: items, ...actions };
}

export interface Turns extends ThreadView {
  loadOlder(): Promise<void>;
  reload(): Promise<void>;
  /** Shows the message at once and sends it; takes the draft away. Returns its local id. */
  send(input: SendInput | string): string;
  resend(localId: string): void;
  discard(localId: string): string;
  edit(message: string, text: string, input?: Omit<SendInput, 'text'>): string;
  regenerate(userMessage: string, models?: readonly string[]): string;
  /** Shows the branch that `Siblings.previous` or `next` names. */
  select(sibling: string): void;
  cancel(turn: string): Promise<void>;
  cancelLane(turn: string, lane: number): Promise<void>;
  retryLane(turn: string, lane: number): Promise<void>;
  answer(turn: string, answer: Answer): Promise<void>;
  readonly draft: string;
  setDraft(text: string): void;
}

const NOTHING: ThreadView = {
  session: '',
  branch: [],
  status: 'loading',
  hasOlder: false,
  loadingOlder: false,
};

/** The conversation of a session along its branch, with replies as they are written. */
export function useTurns(session: string): Turns {
  const client = usePerdure();
  useEffect(() => client.open(session), [client, session]);
  const thread = usePerdureState((state) => state.threads[session]) ?? NOTHING;
  const [draft, setDraft] = useDraft(session);
  const actions = useMemo(
    () => ({
      loadOlder: () => client.loadOlder(session),
      reload: () => client.reload(session),
      resend: (localId: string) => client.resend(session, localId),
      discard: (localId: string) => client.discard(session, localId),
      edit: (message: string, text: string, input?: Omit<SendInput, 'text'>) =>
        client.edit(session, message, text, input),
      regenerate: (message: string, models?: readonly string[]) =>
        client.regenerate(session, message, models),
      select: (sibling: string) => client.select(session, sibling),
      cancel: client.cancel,
      cancelLane: client.cancelLane,
      retryLane: client.retryLane,
      answer: client.answer,
    }),
    [client, session],
  );
  const send = useCallback(
    (input: SendInput | string) => {
      setDraft('');
      return client.send(session, typeof input === 'string' ? { text: input } : input);
    },
    [client, session, setDraft],
  );
  return { ...thread, session, ...actions, send, draft, setDraft };
}

/** What was typed for a session and not sent yet; any name will do for a session to come. */
export function useDraft(session: string): [string, (text: string) => void] {
  const client = usePerdure();
  // Whose drafts they are is known a moment after the beginning.
  const account = usePerdureState((state) => state.account);
  const [typed, setTyped] = useState<{ session: string; account?: string; text: string }>();
  const own = typed?.session === session && typed.account === account;
  const text = own ? typed.text : client.draft(session);
  const setDraft = useCallback(
    (next: string) => {
      client.setDraft(session, next);
      setTyped({ session, text: next, ...(account === undefined ? {} : { account }) });
    },
    [client, session, account],
  );
  return [text, setDraft];
}

export interface Activity extends Omit<ActivityView, 'connection'> {
  readonly connection: ActivityView['connection']['status'];
  readonly link: ActivityView['connection'];
  markSeen(session: string): void;
  reconnect(): void;
}

/** What goes on in the background, and how well the server is reached. */
export function useActivity(): Activity {
  const client = usePerdure();
  const view = usePerdureState((state) => state.activity);
  return {
    running: view.running,
    waiting: view.waiting,
    finishedUnseen: view.finishedUnseen,
    connection: view.connection.status,
    link: view.connection,
    markSeen: client.markSeen,
    reconnect: client.reconnect,
  };
}

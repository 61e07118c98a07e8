/** Puts the parts together, and answers to what happens to the page. */
import type { ClientOptions, PerdureClient } from './api.ts';
import { filesOf } from './branch.ts';
import {
  browserChannel,
  browserLocks,
  isVisible,
  listenToPage,
  localStorageOf,
  randomId,
} from './browser.ts';
import { Cache } from './cache.ts';
import { browserClock } from './clock.ts';
import { Doubts } from './doubts.ts';
import { Drafts } from './drafts.ts';
import { asPerdureError } from './errors.ts';
import { Identity } from './identity.ts';
import { Later } from './later.ts';
import { Link, type TabMessage } from './link.ts';
import { Live } from './live.ts';
import { Outbox } from './outbox.ts';
import { Requests } from './requests.ts';
import { Selector } from './select.ts';
import { Sessions } from './sessions.ts';
import { createStore, type Outgoing } from './store.ts';
import { Threads } from './threads.ts';
import { HttpTransport } from './transport.ts';
import type { ActivityItem, SendInput, TurnView } from './views.ts';
import { isTerminal, type Turn } from './wire.ts';

export function createClient(options: ClientOptions = {}): PerdureClient {
  return new Client(options);
}

/** Methods are arrows, so that components can pass them on. */
class Client implements PerdureClient {
  readonly #options: ClientOptions;
  readonly #clock;
  readonly #identity: Identity;
  readonly #store = createStore();
  readonly #selector = new Selector();
  readonly #transport: HttpTransport;
  readonly #requests: Requests;
  readonly #drafts: Drafts;
  readonly #outbox: Outbox;
  readonly #live: Live;
  readonly #threads: Threads;
  readonly #sessions: Sessions;
  readonly later: Later;
  #cache: Cache;
  #link: Link | undefined;
  #ready: Promise<void> | undefined;
  #closed = false;
  readonly #doubts: Doubts;
  readonly #leave = new AbortController();

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? browserClock;
    const baseUrl = (options.baseUrl ?? '').replace(/\/+$/, '');
    this.#identity = new Identity(baseUrl, options);
    this.#cache = new Cache(undefined, '', this.#clock);
    this.#drafts = new Drafts(options.storage ?? localStorageOf(), () => this.#identity.account);
    const newId = options.newId ?? randomId;
    const store = this.#store;
    const cache = () => this.#cache;
    const ready = () => this.#begin();
    const clock = this.#clock;
    const transport = this.#transportTo(baseUrl);
    this.#transport = transport;
    this.#requests = new Requests(transport, newId);
    this.later = new Later(transport, newId);
    this.#live = new Live({
      clock,
      store,
      onGap: () => this.#link?.gap(),
      onBegun: (views) => this.#begun(views),
      onEnded: (views) => this.#ended(views),
      onExpired: (_, session) => void this.#threads.refresh(session),
      onNotice: (code) => this.#link?.notice(code),
    });
    this.#doubts = new Doubts({
      transport,
      clock,
      live: this.#live,
      onEnded: (view) => {
        this.#ended([view]);
        void this.#threads.refresh(view.session);
      },
    });
    this.#threads = new Threads({
      transport,
      store,
      cache,
      clock,
      ready,
      sending: (session) => this.#outbox.sending(session),
      onGone: (session) => this.#sessions.gone(session),
    });
    this.#sessions = new Sessions({
      transport,
      store,
      cache,
      clock,
      ready,
      onChanged: (session) => this.#link?.post({ type: 'session', session }),
      onGone: (session) => this.#link?.post({ type: 'gone', session }),
    });
    this.#outbox = new Outbox({
      transport,
      store,
      cache,
      clock,
      random: options.random ?? Math.random,
      newId,
      onAccepted: (outgoing, turn) => this.#accepted(outgoing, turn),
      onRefused: (outgoing) => this.#threads.check(outgoing.session),
    });
  }

  #transportTo(baseUrl: string): HttpTransport {
    const { headers, fetch } = this.#options;
    return new HttpTransport({
      baseUrl,
      token: () => this.#freshToken(),
      headers: headers ?? {},
      fetch: fetch ?? ((input, init) => globalThis.fetch(input, init)),
      timeout: (millis) => AbortSignal.timeout(millis),
      user: () => this.#identity.account,
    });
  }

  subscribe = (listener: () => void): (() => void) => {
    void this.#begin();
    return this.#store.subscribe(listener);
  };

  getSnapshot = () => this.#selector.view(this.#store.get());

  // ---- beginning and end ----

  #begin(): Promise<void> {
    if (this.#closed) {
      return Promise.resolve();
    }
    if (this.#ready === undefined) {
      this.#ready = this.#prepare();
      this.#listen();
      void this.#sessions.refresh();
    }
    return this.#ready;
  }

  /** Finds out who the user is, and shows what is cached of them. */
  async #prepare(): Promise<void> {
    await this.#identity.begin();
    await this.#enter();
  }

  async #enter(): Promise<void> {
    const { account } = this.#identity;
    const store = this.#store;
    const factory =
      this.#options.indexedDB === undefined ? globalThis.indexedDB : this.#options.indexedDB;
    const cache = new Cache(
      account === undefined ? undefined : (factory ?? undefined),
      `perdure ${account ?? ''}`,
      this.#clock,
    );
    this.#cache = cache;
    await cache.open();
    const [sessions, unseen, inbox, outbox] = await Promise.all([
      cache.loadSessions(),
      cache.loadUnseen(),
      cache.loadInbox(),
      cache.outbox(),
    ]);
    if (this.#closed || cache !== this.#cache) {
      return;
    }
    if (account !== undefined) {
      store.dispatch({ type: 'account', account });
    }
    if (sessions !== undefined) {
      store.dispatch({ type: 'sessions.cached', items: sessions });
    }
    if (unseen.length > 0) {
      store.dispatch({ type: 'unseen', items: unseen });
    }
    for (const turn of inbox?.turns ?? []) {
      this.#live.restore(turn);
    }
    this.#live.flush();
    this.#link = this.#connect(account, inbox);
    this.#link.start();
    this.#outbox.resume(outbox);
  }

  #connect(account: string | undefined, inbox: Awaited<ReturnType<Cache['loadInbox']>>): Link {
    const { locks, channel, random } = this.#options;
    const shared = account !== undefined;
    return new Link({
      name: `perdure ${account ?? ''}`,
      transport: this.#transport,
      clock: this.#clock,
      random: random ?? Math.random,
      locks: shared ? ((locks === undefined ? browserLocks() : locks) ?? undefined) : undefined,
      channel: shared
        ? ((channel === undefined ? browserChannel() : channel) ?? undefined)
        : undefined,
      visible: isVisible,
      store: this.#store,
      live: this.#live,
      cache: this.#cache,
      inbox,
      onFresh: () => this.#fresh(),
      onLive: () => {
        this.#outbox.nudge();
        this.#threads.nudge();
        if (this.#store.get().sessions.status !== 'ready') {
          void this.#sessions.refresh();
        }
        void this.#doubts.settle();
      },
      onTab: (message) => this.#fromTab(message),
    });
  }

  #listen(): void {
    listenToPage(this.#leave.signal, {
      onOnline: (is) => this.#link?.online(is),
      onShown: () => this.#shown(),
      onHidden: () => this.#save(false),
      onLeave: () => this.#save(true),
    });
  }

  #shown(): void {
    this.#link?.shown();
    for (const session of Object.keys(this.#store.get().unseen)) {
      if (this.#threads.watched(session)) {
        this.markSeen(session);
      }
    }
    void this.#sessions.refresh();
  }

  #save(leaving: boolean): void {
    this.#live.flush();
    this.#link?.save();
    this.#threads.saveAll();
    if (leaving) {
      this.#sessions.flush();
    }
  }

  close = (): void => {
    if (!this.#closed) {
      this.#save(true);
      this.#closed = true;
      this.#stop();
      this.#leave.abort();
      this.#cache.close();
    }
  };

  signOut = async (): Promise<void> => {
    this.#closed = true;
    this.#stop();
    this.#leave.abort();
    this.#drafts.clear();
    await this.#cache.destroy();
    this.#store.dispatch({ type: 'forgotten' });
  };

  #stop(): void {
    this.#link?.stop();
    this.#link = undefined;
    this.#doubts.clear();
    this.#outbox.stop();
    this.#live.clear();
    this.#threads.clear();
  }

  // ---- who the user is ----

  /** The token for a request. If it is somebody else's, nothing of the one before stays. */
  async #freshToken(): Promise<string | undefined> {
    const { token, changed } = await this.#identity.fresh();
    if (changed && !this.#closed) {
      this.#switch();
      throw asPerdureError(new Error('the user has changed'));
    }
    return token;
  }

  #switch(): void {
    this.#stop();
    this.#cache.close();
    this.#store.dispatch({ type: 'forgotten' });
    this.#ready = this.#enter();
    this.#threads.reopen();
    void this.#ready.then(() => this.#sessions.refresh());
  }

  // ---- what comes from the server and from other tabs ----

  #begun(views: readonly TurnView[]): void {
    for (const view of views) {
      if (!isTerminal(view.state)) {
        this.#sessions.active(view.session, view.acceptedAt ?? 0);
      }
      this.#threads.check(view.session);
    }
  }

  #ended(views: readonly TurnView[]): void {
    const unseen: ActivityItem[] = [];
    const gone: string[] = [];
    for (const view of views) {
      const watched = this.#threads.watched(view.session);
      if (watched && isVisible()) {
        this.#link?.post({ type: 'seen', session: view.session });
      } else {
        const { turn, session, state } = view;
        unseen.push({ turn, session, state, at: view.endedAt ?? this.#clock.now() });
      }
      if (!watched) {
        gone.push(view.turn);
        void this.#threads.settle(view);
      }
    }
    if (unseen.length > 0) {
      this.#store.dispatch({ type: 'unseen', items: unseen });
      this.#saveUnseen();
    }
    if (gone.length > 0) {
      this.#store.dispatch({ type: 'turns.gone', turns: gone });
    }
  }

  /** The stream has begun anew. */
  #fresh(): void {
    this.#threads.refreshAll();
    void this.#sessions.refresh();
    this.#doubts.fresh();
  }

  #accepted(outgoing: Outgoing, turn: Turn): void {
    this.#sessions.active(turn.session, turn.createdAt);
    this.#threads.check(turn.session);
    const thread = this.#store.get().threads[turn.session];
    const first = thread !== undefined && thread.messages.size <= 1 + turn.lanes.length;
    if (first && outgoing.again === undefined && this.#options.autoTitle !== false) {
      const { text, files = [] } = outgoing.input;
      void this.#sessions.nameAfter(turn.session, text.trim() || (files[0]?.name ?? ''));
    }
  }

  #fromTab(message: TabMessage): void {
    switch (message.type) {
      case 'session':
        this.#store.dispatch({ type: 'session.put', session: message.session });
        return;
      case 'gone':
        this.#sessions.gone(message.session);
        return;
      case 'seen':
        this.#store.dispatch({ type: 'seen', session: message.session });
        this.#saveUnseen();
    }
  }

  #saveUnseen(): void {
    void this.#cache.saveUnseen(Object.values(this.#store.get().unseen));
  }

  // ---- what the user does ----

  loadMoreSessions = () => this.#sessions.more();
  refreshSessions = () => this.#sessions.refresh();
  createSession: PerdureClient['createSession'] = (settings) => this.#sessions.create(settings);
  updateSession: PerdureClient['updateSession'] = (id, settings) =>
    this.#sessions.update(id, settings);
  removeSession = (id: string) => this.#sessions.remove(id);
  undoRemove = (id: string) => this.#sessions.undoRemove(id);
  search: PerdureClient['search'] = (words, signal) => this.#sessions.search(words, signal);

  open = (session: string): (() => void) => {
    void this.#begin();
    const release = this.#threads.open(session);
    if (isVisible()) {
      this.markSeen(session);
    }
    return release;
  };

  loadOlder = (session: string) => this.#threads.older(session);
  reload = (session: string) => this.#threads.refresh(session);

  send = (session: string, input: SendInput): string => {
    this.#store.dispatch({ type: 'thread.opened', session });
    return this.#outbox.send(session, { ...this.#place(session), ...input });
  };

  /** Where a message goes that does not say: the end of the branch, if that is not the newest. */
  #place(session: string): Pick<SendInput, 'parentId'> {
    const thread = this.#store.get().threads[session];
    if (thread?.through === undefined) {
      return {};
    }
    const reply = this.getSnapshot().threads[session]?.branch.at(-1);
    const lane =
      reply?.kind === 'reply'
        ? (reply.lanes.find((one) => one.state === 'completed') ?? reply.lanes[0])
        : undefined;
    return lane === undefined ? {} : { parentId: lane.message };
  }

  resend = (session: string, localId: string) => this.#outbox.resend(session, localId);
  discard = (session: string, localId: string) => this.#outbox.discard(session, localId);

  edit: PerdureClient['edit'] = (session, message, text, input) => {
    const edited = this.#store.get().threads[session]?.messages.get(message);
    const files = edited?.parts.flatMap(filesOf) ?? [];
    return this.send(session, { files, ...input, text, parentId: edited?.parent ?? null });
  };

  regenerate: PerdureClient['regenerate'] = (session, userMessage, models) =>
    this.#outbox.send(
      session,
      { text: '', ...(models === undefined ? {} : { models }) },
      userMessage,
    );

  select = (session: string, sibling: string) =>
    this.#store.dispatch({ type: 'thread.through', session, message: sibling });

  cancel: PerdureClient['cancel'] = (turn) => this.#requests.cancel(turn);
  cancelLane: PerdureClient['cancelLane'] = (turn, lane) => this.#requests.cancelLane(turn, lane);
  cancelSession: PerdureClient['cancelSession'] = (session) =>
    this.#requests.cancelSession(session);
  retryLane: PerdureClient['retryLane'] = (turn, lane) => this.#requests.retryLane(turn, lane);
  answer: PerdureClient['answer'] = (turn, answer) => this.#requests.answer(turn, answer);

  draft = (session: string) => this.#drafts.get(session);
  setDraft = (session: string, text: string) => this.#drafts.set(session, text);

  markSeen = (session: string): void => {
    if (session in this.#store.get().unseen) {
      this.#store.dispatch({ type: 'seen', session });
      this.#link?.post({ type: 'seen', session });
      this.#saveUnseen();
    }
  };

  upload: PerdureClient['upload'] = (name, content) => this.#requests.upload(name, content);
  models = () => this.#requests.models();
  status = () => this.#requests.status();
  messages: PerdureClient['messages'] = (session, before) =>
    this.#requests.messages(session, before);

  reconnect = (): void => {
    this.#link?.nudge();
    this.#outbox.nudge();
  };
}

/** From the state to what is shown. Whatever has not changed is the same object as before. */
import { ThreadSelector } from './branch.ts';
import type { State } from './store.ts';
import type {
  ActivityItem,
  ActivityView,
  ClientState,
  SessionState,
  SessionsView,
  SessionView,
  ThreadView,
  TurnView,
} from './views.ts';
import { isTerminal, type Session } from './wire.ts';

export class Selector {
  #state: State | undefined;
  #shown: ClientState | undefined;
  #activity: ActivityView | undefined;
  #sessions: SessionsView | undefined;
  #from: State['sessions'] | undefined;
  readonly #threads = new Map<string, ThreadSelector>();
  #threadViews: Readonly<Record<string, ThreadView>> = {};
  readonly #items = new WeakMap<TurnView, ActivityItem>();
  #itemOf = new Map<string, ActivityItem>();
  readonly #sessionViews = new WeakMap<Session, SessionView>();

  view(state: State): ClientState {
    if (state === this.#state && this.#shown !== undefined) {
      return this.#shown;
    }
    const activity = this.#activityOf(state);
    const sessions = this.#sessionsOf(state, activity);
    const threads = this.#threadsOf(state);
    this.#state = state;
    const before = this.#shown;
    const same =
      before !== undefined &&
      before.activity === activity &&
      before.sessions === sessions &&
      before.threads === threads &&
      before.turns === state.turns &&
      before.account === state.account;
    this.#shown = same
      ? before
      : {
          ...(state.account === undefined ? {} : { account: state.account }),
          sessions,
          threads,
          turns: state.turns,
          activity,
        };
    return this.#shown;
  }

  #threadsOf(state: State): Readonly<Record<string, ThreadView>> {
    const views: Record<string, ThreadView> = {};
    for (const [session, thread] of Object.entries(state.threads)) {
      let selector = this.#threads.get(session);
      if (selector === undefined) {
        selector = new ThreadSelector();
        this.#threads.set(session, selector);
      }
      views[session] = selector.view(thread, state.turns);
    }
    for (const session of this.#threads.keys()) {
      if (!(session in views)) {
        this.#threads.delete(session);
      }
    }
    if (!sameRecord(views, this.#threadViews)) {
      this.#threadViews = views;
    }
    return this.#threadViews;
  }

  #activityOf(state: State): ActivityView {
    const open = Object.values(state.turns)
      .filter((turn) => !isTerminal(turn.state))
      .map((turn) => this.#item(turn))
      .sort((a, b) => a.at - b.at || (a.turn < b.turn ? -1 : 1));
    this.#itemOf = new Map(open.map((item) => [item.turn, item]));
    const before = this.#activity;
    const next: ActivityView = {
      running: reuse(
        before?.running,
        open.filter((item) => item.state !== 'waiting'),
      ),
      waiting: reuse(
        before?.waiting,
        open.filter((item) => item.state === 'waiting'),
      ),
      finishedUnseen: reuse(
        before?.finishedUnseen,
        Object.values(state.unseen).sort((a, b) => b.at - a.at),
      ),
      connection: state.connection,
    };
    this.#activity = before !== undefined && sameRecord(next, before) ? before : next;
    return this.#activity;
  }

  /** An item is kept as long as the turn's state is the same, however much text comes. */
  #item(turn: TurnView): ActivityItem {
    const known = this.#items.get(turn) ?? this.#itemOf.get(turn.turn);
    const at = turn.startedAt ?? turn.acceptedAt ?? 0;
    const item =
      known !== undefined && known.state === turn.state && known.at === at
        ? known
        : { turn: turn.turn, session: turn.session, state: turn.state, at };
    this.#items.set(turn, item);
    return item;
  }

  #sessionsOf(state: State, activity: ActivityView): SessionsView {
    const { items, ...rest } = state.sessions;
    const shown = reuse(
      this.#sessions?.items,
      items.map((session) => this.#sessionView(session, stateOf(session.id, state, activity))),
    );
    if (
      this.#sessions === undefined ||
      this.#from !== state.sessions ||
      shown !== this.#sessions.items
    ) {
      const { next, ...others } = rest;
      this.#sessions = { ...others, items: shown, hasMore: next !== undefined };
      this.#from = state.sessions;
    }
    return this.#sessions;
  }

  #sessionView(session: Session, state: SessionState): SessionView {
    const known = this.#sessionViews.get(session);
    if (known !== undefined && known.state === state) {
      return known;
    }
    const view = { ...session, state };
    this.#sessionViews.set(session, view);
    return view;
  }
}

function stateOf(session: string, state: State, activity: ActivityView): SessionState {
  const of = (item: ActivityItem) => item.session === session;
  if (activity.running.some(of)) {
    return 'running';
  }
  if (activity.waiting.some(of)) {
    return 'waiting';
  }
  const ended = state.unseen[session];
  return ended === undefined ? 'idle' : ended.state === 'failed' ? 'failed' : 'unseen';
}

function reuse<T>(before: readonly T[] | undefined, next: readonly T[]): readonly T[] {
  return before !== undefined &&
    before.length === next.length &&
    next.every((item, index) => item === before[index])
    ? before
    : next;
}

function sameRecord(one: object, other: object): boolean {
  const left = Object.entries(one);
  const right = new Map(Object.entries(other));
  return (
    left.length === right.size &&
    left.every(([name, value]) => right.has(name) && right.get(name) === value)
  );
}

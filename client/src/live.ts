/**
 * The turns that go on: takes what comes of them, event by event, and shows it once per frame.
 * Nothing is taken twice, whoever sends it; what is missing is noticed.
 */
import type { Clock } from './clock.ts';
import { FoldError, TurnFold } from './fold.ts';
import type { Activity, Snapshot, TurnEvent } from './log.ts';
import type { Store } from './store.ts';
import type { TurnView } from './views.ts';
import { isTerminal } from './wire.ts';

/** How long a turn that has ended is kept for tabs that are behind. */
const AFTERLIFE_MILLIS = 60_000;
/** Ended turns that are remembered, so that none counts twice. */
const MAX_ENDED = 2_000;

export interface LiveOptions {
  readonly clock: Clock;
  readonly store: Store;
  /** Something is missing of a turn: all of it must come anew. */
  readonly onGap: () => void;
  /** Turns that were not known before, after they are shown. */
  readonly onBegun: (views: readonly TurnView[]) => void;
  /** Turns that have ended, after that is shown. */
  readonly onEnded: (views: readonly TurnView[]) => void;
  /** The rest of a turn can only be read from its messages. */
  readonly onExpired: (turn: string, session: string) => void;
  readonly onNotice: (code: string) => void;
}

export class Live {
  readonly #options: LiveOptions;
  readonly #folds = new Map<string, TurnFold>();
  /** When each ended; those that are gone from `#folds` too. */
  readonly #ended = new Map<string, number>();
  readonly #dirty = new Set<string>();
  readonly #begun = new Set<string>();
  #cancelFrame: (() => void) | undefined;

  constructor(options: LiveOptions) {
    this.#options = options;
  }

  take(activity: Activity): void {
    switch (activity.kind) {
      case 'event':
        this.#event(activity.turn, activity.event);
        return;
      case 'snapshot':
        this.restore(activity.snapshot);
        return;
      case 'expired':
        this.drop(activity.turn);
        this.#options.onExpired(activity.turn, activity.session);
        return;
      case 'notice':
        this.#options.onNotice(activity.code);
    }
  }

  #event(turn: string, event: TurnEvent): void {
    let fold = this.#folds.get(turn);
    if (fold === undefined) {
      if (this.#ended.has(turn)) {
        return;
      }
      fold = new TurnFold();
    }
    try {
      fold.apply(event);
    } catch (thrown) {
      if (!(thrown instanceof FoldError)) {
        throw thrown;
      }
      // What is known of it stays until a snapshot comes, or the server says what became of it.
      this.#options.onGap();
      return;
    }
    if (!this.#folds.has(turn)) {
      this.#folds.set(turn, fold);
      this.#begun.add(turn);
    }
    this.#touch(turn);
  }

  /** Takes a snapshot, unless more is known already. */
  restore(snapshot: Snapshot): void {
    const { turn } = snapshot;
    const known = this.#folds.get(turn);
    if (this.#ended.has(turn) || (known !== undefined && known.seq >= snapshot.seq)) {
      return;
    }
    if (known === undefined) {
      this.#begun.add(turn);
    }
    this.#folds.set(turn, TurnFold.from(snapshot));
    this.#touch(turn);
  }

  /** All that is known, for a tab or a time that begins without it. */
  snapshots(): readonly Snapshot[] {
    return [...this.#folds.values()].map((fold) => fold.snapshot());
  }

  /** The turns that go on as far as is known. */
  open(): readonly TurnView[] {
    return [...this.#folds.values()]
      .map((fold) => fold.view())
      .filter((view) => !isTerminal(view.state));
  }

  drop(turn: string): void {
    this.#folds.delete(turn);
    this.#dirty.delete(turn);
    this.#begun.delete(turn);
    this.#remember(turn);
    this.#options.store.dispatch({ type: 'turns.gone', turns: [turn] });
  }

  clear(): void {
    this.#folds.clear();
    this.#dirty.clear();
    this.#begun.clear();
    this.#ended.clear();
    this.#cancelFrame?.();
    this.#cancelFrame = undefined;
  }

  #touch(turn: string): void {
    this.#dirty.add(turn);
    this.#cancelFrame ??= this.#options.clock.frame(() => this.flush());
  }

  /** Shows what has come since the last time. */
  flush(): void {
    this.#cancelFrame?.();
    this.#cancelFrame = undefined;
    const views: TurnView[] = [];
    for (const turn of this.#dirty) {
      const view = this.#folds.get(turn)?.view();
      if (view !== undefined) {
        views.push(view);
      }
    }
    if (views.length === 0) {
      return;
    }
    const begun = views.filter((view) => this.#begun.has(view.turn));
    const ended = views.filter((view) => isTerminal(view.state) && !this.#ended.has(view.turn));
    this.#dirty.clear();
    this.#begun.clear();
    for (const view of ended) {
      this.#remember(view.turn);
    }
    this.#options.store.dispatch({ type: 'turns', views });
    if (begun.length > 0) {
      this.#options.onBegun(begun);
    }
    if (ended.length > 0) {
      this.#options.onEnded(ended);
    }
  }

  #remember(turn: string): void {
    const now = this.#options.clock.now();
    this.#ended.set(turn, now);
    for (const [old, at] of this.#ended) {
      if (now - at > AFTERLIFE_MILLIS) {
        this.#folds.delete(old);
      }
      if (this.#ended.size > MAX_ENDED) {
        this.#ended.delete(old);
      }
    }
  }
}

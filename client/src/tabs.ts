/**
 * One connection for all tabs of a browser. The tab that holds a Web Lock leads: it is connected and
 * tells the others what comes, frame by frame, over a BroadcastChannel. When it goes, the browser
 * gives the lock to another one, which goes on behind the last frame that it was told.
 */
import type { Clock } from './clock.ts';

/** A leader says so this often. */
export const BEAT_MILLIS = 5_000;
/** A tab that is looked at takes over from a leader that has been silent for so long. */
export const SILENT_LEADER_MILLIS = 12_000;
/** How long a leader is waited for by somebody who asks it. */
export const ANSWER_MILLIS = 3_000;

export interface TabsOptions {
  readonly name: string;
  readonly locks: LockManager | undefined;
  readonly channel: ((name: string) => BroadcastChannel) | undefined;
  readonly clock: Clock;
  /** Whether this tab is looked at. */
  readonly visible: () => boolean;
  readonly onLead: () => void;
  readonly onFollow: () => void;
  /** What another tab has posted. */
  readonly onMessage: (message: unknown) => void;
  /** Asks the leader where everything stands; whatever it posts counts as an answer. */
  readonly ask: () => void;
  /** Posts that this tab leads, and how it is connected. */
  readonly beat: () => void;
}

export class Tabs {
  readonly #options: TabsOptions;
  readonly #stopped = new AbortController();
  #waiting = new AbortController();
  #channel: BroadcastChannel | undefined;
  #leads = false;
  #release = () => {};
  #cancelTimer = () => {};

  constructor(options: TabsOptions) {
    this.#options = options;
  }

  get leads(): boolean {
    return this.#leads;
  }

  start(): void {
    const { locks, channel, name } = this.#options;
    if (locks === undefined || channel === undefined) {
      this.#lead();
      return;
    }
    this.#channel = channel(name);
    this.#channel.onmessage = (event: MessageEvent<unknown>) => {
      if (!this.#stopped.signal.aborted) {
        this.#options.onMessage(event.data);
      }
    };
    this.#queue(locks, false);
    this.#options.ask();
    this.#watch(ANSWER_MILLIS);
  }

  stop(): void {
    this.#stopped.abort();
    this.#waiting.abort();
    this.#leads = false;
    this.#cancelTimer();
    this.#release();
    this.#channel?.close();
    this.#channel = undefined;
  }

  post(message: unknown): void {
    this.#channel?.postMessage(message);
  }

  /** The leader has been heard. */
  heardLeader(): void {
    if (!this.#leads) {
      this.#watch(SILENT_LEADER_MILLIS);
    }
  }

  /** This tab has come to the front: is the leader still awake? */
  shown(): void {
    if (!this.#leads && this.#channel !== undefined) {
      this.#options.ask();
      this.#watch(ANSWER_MILLIS);
    }
  }

  #queue(locks: LockManager, steal: boolean): void {
    // A tab stands in the queue once at the most.
    this.#waiting.abort();
    const waiting = new AbortController();
    this.#waiting = waiting;
    const held = (): Promise<void> => {
      if (waiting.signal.aborted) {
        return Promise.resolve();
      }
      this.#lead();
      return new Promise((release) => {
        this.#release = release;
      });
    };
    // A lock cannot be both stolen and given up while waiting for it.
    const request = steal
      ? locks.request(this.#options.name, { steal }, held)
      : locks.request(this.#options.name, { signal: waiting.signal }, held);
    request.catch(() => {
      // Stolen by a tab that found this one asleep, or not wanted any more.
      if (!waiting.signal.aborted) {
        this.#follow();
        this.#queue(locks, false);
      }
    });
  }

  #lead(): void {
    this.#leads = true;
    this.#options.onLead();
    if (this.#channel !== undefined) {
      this.#beat();
    }
  }

  #beat(): void {
    this.#cancelTimer();
    this.#options.beat();
    this.#cancelTimer = this.#options.clock.after(BEAT_MILLIS, () => this.#beat());
  }

  #follow(): void {
    if (this.#leads) {
      this.#leads = false;
      this.#options.onFollow();
      this.#options.ask();
    }
    this.#watch(SILENT_LEADER_MILLIS);
  }

  #watch(millis: number): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#options.clock.after(millis, () => {
      const { locks } = this.#options;
      if (this.#leads || locks === undefined) {
        return;
      }
      if (this.#options.visible()) {
        this.#queue(locks, true);
      } else {
        this.#watch(SILENT_LEADER_MILLIS);
      }
    });
  }
}

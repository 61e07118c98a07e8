import type { Clock } from '../src/clock.ts';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Time that stands still until it is turned. */
export class HandClock implements Clock {
  #now = 1_763_712_000_000;
  #order = 0;
  #timers: Timer[] = [];

  now(): number {
    return this.#now;
  }

  after(millis: number, callback: () => void): () => void {
    this.#order += 1;
    const timer = { at: this.#now + millis, order: this.#order, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  frame(callback: () => void): () => void {
    return this.after(16, callback);
  }

  /** Lets so much time pass, timer by timer, and everything that follows from each. */
  async pass(millis: number): Promise<void> {
    const end = this.#now + millis;
    for (;;) {
      await settled();
      const [next] = this.#timers
        .filter((timer) => timer.at <= end)
        .sort((a, b) => a.at - b.at || a.order - b.order);
      if (next === undefined) {
        break;
      }
      this.#now = Math.max(this.#now, next.at);
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.callback();
    }
    this.#now = end;
    await settled();
  }

  /** Lets time pass until something is so. */
  async until(condition: () => boolean, what: string, limitMillis = 600_000): Promise<void> {
    const end = this.#now + limitMillis;
    await settled();
    while (!condition()) {
      if (this.#now > end) {
        throw new Error(`It never came to pass: ${what}`);
      }
      await this.pass(20);
    }
  }
}

/** Waits until what is under way without timers is done: promises, streams, IndexedDB. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 8; i += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Numbers from a seed, so that a failure can be repeated. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

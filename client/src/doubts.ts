/** Turns of which it is not known whether they go on: asks the server, until it has answered. */
import type { Clock } from './clock.ts';
import { asPerdureError } from './errors.ts';
import type { Live } from './live.ts';
import type { Transport } from './transport.ts';
import type { TurnView } from './views.ts';
import { decodeTurn, isTerminal } from './wire.ts';

/** After so long the server is asked again. */
const AGAIN_MILLIS = 5_000;

export interface DoubtsOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly live: Live;
  /** A turn has ended without being told; its text is in the messages. */
  readonly onEnded: (view: TurnView) => void;
}

export class Doubts {
  readonly #options: DoubtsOptions;
  /** Turns whose end may have been missed. */
  readonly #turns = new Set<string>();
  #cancelAgain = () => {};

  constructor(options: DoubtsOptions) {
    this.#options = options;
  }

  /** The stream has begun anew, so the end of what was open before may never be told. */
  fresh(): void {
    for (const view of this.#options.live.open()) {
      this.#turns.add(view.turn);
    }
    void this.settle();
  }

  /** Asks what became of turns in doubt, and whether the others are still there. */
  async settle(): Promise<void> {
    const { live, clock } = this.#options;
    let failed = false;
    for (const view of live.open()) {
      try {
        await this.#ask(view);
      } catch (thrown) {
        if (asPerdureError(thrown).code !== 'not_found') {
          failed = true;
        } else if (await this.#isGone(view.session)) {
          live.drop(view.turn);
        }
      }
    }
    if (failed && this.#turns.size > 0) {
      this.#cancelAgain();
      this.#cancelAgain = clock.after(AGAIN_MILLIS, () => void this.settle());
    }
  }

  async #ask(view: TurnView): Promise<void> {
    const { transport, live, onEnded } = this.#options;
    const turn = await transport.send({ path: turnPath(view.turn), decoder: decodeTurn });
    const missed = this.#turns.delete(view.turn) && isTerminal(turn.state);
    if (missed && live.open().some((other) => other.turn === view.turn)) {
      live.drop(view.turn);
      onEnded({ ...view, state: turn.state });
    }
  }

  /** A turn is deleted with its session only; who may just read a session may not ask for turns. */
  async #isGone(session: string): Promise<boolean> {
    try {
      const path = `/v1/sessions/${encodeURIComponent(session)}`;
      await this.#options.transport.send({ path, decoder: () => undefined });
      return false;
    } catch (thrown) {
      return asPerdureError(thrown).code === 'not_found';
    }
  }

  clear(): void {
    this.#cancelAgain();
    this.#turns.clear();
  }
}

export function turnPath(turn: string): string {
  return `/v1/turns/${encodeURIComponent(turn)}`;
}

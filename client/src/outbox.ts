/**
 * Messages on their way to the server. Each has an Idempotency-Key from the beginning and is kept
 * until the server has said what became of it; what may have arrived is repeated with the same key,
 * also after a reload. One at a time and in order per session.
 */
import type { Cache } from './cache.ts';
import { type Clock, pause } from './clock.ts';
import { backoff } from './connection.ts';
import { asPerdureError, PerdureError } from './errors.ts';
import type { Outgoing, Store } from './store.ts';
import type { Transport } from './transport.ts';
import type { SendInput } from './views.ts';
import { decodeTurn, type StoredFile, type Turn } from './wire.ts';

/** Repeats by itself before it waits to be told. */
export const MAX_TRIES = 12;
/** The server remembers keys for a day by default: later a repeat would be another message. */
export const KEY_MILLIS = 23 * 3_600_000;

export interface OutboxOptions {
  readonly transport: Transport;
  readonly store: Store;
  readonly cache: () => Cache;
  readonly clock: Clock;
  readonly random: () => number;
  readonly newId: () => string;
  readonly onAccepted: (outgoing: Outgoing, turn: Turn) => void;
  readonly onRefused: (outgoing: Outgoing) => void;
}

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #busy = new Set<string>();
  #stopped = new AbortController();
  /** Ends the waits for the next try. */
  #hurry = new AbortController();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  send(session: string, input: SendInput, again?: string): string {
    const { newId, clock } = this.#options;
    const outgoing: Outgoing = {
      localId: `local_${newId()}`,
      key: newId(),
      session,
      input,
      ...(again === undefined ? {} : { again }),
      state: 'sending',
      at: clock.now(),
    };
    this.#put(outgoing);
    this.#start(session);
    return outgoing.localId;
  }

  resend(session: string, localId: string): void {
    const outgoing = this.#find(session, localId);
    if (outgoing !== undefined) {
      const { error: _, ...rest } = outgoing;
      this.#put({ ...rest, state: 'sending' });
      this.nudge();
      this.#start(session);
    }
  }

  /** Takes away what was not accepted; what is on its way cannot be called back. */
  discard(session: string, localId: string): string {
    const outgoing = this.#find(session, localId);
    if (outgoing === undefined || outgoing.state === 'sending') {
      return '';
    }
    this.#drop(outgoing);
    return outgoing.input.text;
  }

  /** Goes on with what an earlier page, or another tab, has left. */
  resume(left: readonly Outgoing[]): void {
    const now = this.#options.clock.now();
    for (const outgoing of left) {
      if (this.#find(outgoing.session, outgoing.localId) === undefined) {
        this.#options.store.dispatch({ type: 'thread.opened', session: outgoing.session });
        this.#put(now - outgoing.at > KEY_MILLIS ? this.#tooOld(outgoing) : outgoing);
        this.#start(outgoing.session);
      }
    }
  }

  #tooOld(outgoing: Outgoing): Outgoing {
    return {
      ...outgoing,
      key: this.#options.newId(),
      state: 'refused',
      error: new PerdureError(
        'unreachable',
        'This message is a day old and may have been sent. Look whether it is there before you send it again.',
        0,
        true,
      ),
    };
  }

  /** The server can be reached again: what waits is tried at once. */
  nudge(): void {
    this.#hurry.abort();
    this.#hurry = new AbortController();
    for (const [session, thread] of Object.entries(this.#options.store.get().threads)) {
      if (thread.outgoing.some((outgoing) => outgoing.state !== 'refused')) {
        this.#start(session);
      }
    }
  }

  stop(): void {
    this.#stopped.abort();
    this.#stopped = new AbortController();
    this.#hurry.abort();
    this.#hurry = new AbortController();
  }

  /** Whether something of this session is on its way, so that news of it may be one's own. */
  sending(session: string): boolean {
    return this.#all(session).some((outgoing) => outgoing.state !== 'refused');
  }

  #start(session: string): void {
    if (!this.#busy.has(session)) {
      this.#busy.add(session);
      void this.#drain(session, this.#stopped.signal).finally(() => {
        this.#busy.delete(session);
        // Something may have been sent in the moment after the last look.
        if (this.#all(session).some((outgoing) => outgoing.state === 'sending')) {
          this.#start(session);
        }
      });
    }
  }

  async #drain(session: string, stopped: AbortSignal): Promise<void> {
    let tries = 0;
    for (;;) {
      const next = this.#all(session).find((outgoing) => outgoing.state !== 'refused');
      if (next === undefined || tries >= MAX_TRIES || stopped.aborted) {
        return;
      }
      await this.#options.cache().putOutgoing(next);
      try {
        const turn = await this.#post(next);
        if (stopped.aborted) {
          return;
        }
        tries = 0;
        this.#accepted(next, turn);
      } catch (thrown) {
        if (stopped.aborted) {
          return;
        }
        const error = asPerdureError(thrown);
        if (error.mayHaveArrived || error.code === 'draining') {
          this.#put({ ...next, state: 'unconfirmed', error });
          await this.#wait(tries, error);
          tries += 1;
        } else {
          tries = 0;
          this.#refused({ ...next, state: 'refused', error });
        }
      }
    }
  }

  #post({ session, key, input, again }: Outgoing): Promise<Turn> {
    const { parentId, text, files, ...rest } = input;
    return this.#options.transport.send({
      method: 'POST',
      path: `/v1/sessions/${encodeURIComponent(session)}/turns`,
      key,
      body: {
        ...rest,
        ...(again === undefined ? contentOf(text, files ?? []) : { again }),
        ...(parentId === undefined ? {} : { under: parentId }),
      },
      decoder: decodeTurn,
    });
  }

  #wait(tries: number, error: PerdureError): Promise<void> {
    const { clock, random } = this.#options;
    const millis = backoff(tries, { now: clock.now(), random });
    return pause(clock, Math.max(millis, error.retryAfterMillis ?? 0), this.#hurry.signal);
  }

  #accepted(outgoing: Outgoing, turn: Turn): void {
    void this.#options.cache().dropOutgoing(outgoing.localId);
    this.#options.store.dispatch({ type: 'outgoing.accepted', outgoing, turn });
    this.#options.onAccepted(outgoing, turn);
  }

  #refused(outgoing: Outgoing): void {
    this.#put(outgoing);
    this.#options.onRefused(outgoing);
  }

  #put(outgoing: Outgoing): void {
    this.#options.store.dispatch({ type: 'outgoing.put', outgoing });
    void this.#options.cache().putOutgoing(outgoing);
  }

  #drop({ session, localId }: Outgoing): void {
    void this.#options.cache().dropOutgoing(localId);
    this.#options.store.dispatch({ type: 'outgoing.dropped', session, localId });
  }

  #all(session: string): readonly Outgoing[] {
    return this.#options.store.get().threads[session]?.outgoing ?? [];
  }

  #find(session: string, localId: string): Outgoing | undefined {
    return this.#all(session).find((outgoing) => outgoing.localId === localId);
  }
}

/** A message without files is told in the short form. */
function contentOf(text: string, files: readonly StoredFile[]): object {
  if (files.length === 0) {
    return { text };
  }
  const words = text.trim() === '' ? [] : [{ type: 'text', text }];
  return { parts: [...words, ...files.map(({ id }) => ({ type: 'file', file: id }))] };
}

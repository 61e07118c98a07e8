/** What was typed and not sent, per account and session. Never throws: a full storage keeps nothing. */
import type { TextStorage } from './api.ts';

const PREFIX = 'perdure draft';
/** A longer one is kept in memory only, in UTF-16 code units. */
const MAX_CHARS = 200_000;

export class Drafts {
  readonly #storage: TextStorage | undefined;
  readonly #account: () => string | undefined;
  readonly #typed = new Map<string, string>();

  constructor(storage: TextStorage | undefined, account: () => string | undefined) {
    this.#storage = storage;
    this.#account = account;
  }

  get(session: string): string {
    const name = this.#name(session);
    const typed = this.#typed.get(name);
    if (typed !== undefined) {
      return typed;
    }
    try {
      return (this.#named() && this.#storage?.getItem(name)) || '';
    } catch {
      return '';
    }
  }

  set(session: string, text: string): void {
    const name = this.#name(session);
    this.#typed.set(name, text);
    try {
      if (!this.#named()) {
        return;
      }
      if (text === '' || text.length > MAX_CHARS) {
        this.#storage?.removeItem(name);
      } else {
        this.#storage?.setItem(name, text);
      }
    } catch {
      // It is still there until the page goes.
    }
  }

  /** Forgets those of this account that were typed since, or are in the storage. */
  clear(): void {
    const names = new Set(this.#typed.keys());
    const storage = this.#storage;
    if (storage !== undefined && 'length' in storage && typeof storage.length === 'number') {
      for (const name of Object.keys(storage)) {
        if (name.startsWith(this.#name(''))) {
          names.add(name);
        }
      }
    }
    this.#typed.clear();
    for (const name of names) {
      try {
        storage?.removeItem(name);
      } catch {
        // Nothing can be done.
      }
    }
  }

  /** Whose they are is not known at first, and nobody else's are to be seen. */
  #named(): boolean {
    return this.#account() !== undefined;
  }

  #name(session: string): string {
    return `${PREFIX} ${this.#account() ?? ''} ${session}`;
  }
}

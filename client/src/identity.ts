/** Who the user is: asks for the token, and notices when it has become somebody else's. */
import { accountOf } from './account.ts';
import type { ClientOptions } from './api.ts';

export class Identity {
  readonly #baseUrl: string;
  readonly #options: Pick<ClientOptions, 'token' | 'account'>;
  #token: string | undefined;
  #account: string | undefined;

  constructor(baseUrl: string, options: Pick<ClientOptions, 'token' | 'account'>) {
    this.#baseUrl = baseUrl;
    this.#options = options;
  }

  /** The name under which things are cached; undefined before `begin`, or if there is none. */
  get account(): string | undefined {
    return this.#account;
  }

  /** Finds out who it is. A token that cannot be fetched now is asked for again with each request. */
  async begin(): Promise<void> {
    this.#token = await this.#ask().catch(() => undefined);
    this.#account = await this.#accountNow();
  }

  /** The token for a request, and whether it is somebody else's than the one before. */
  async fresh(): Promise<{ readonly token: string | undefined; readonly changed: boolean }> {
    const token = await this.#ask();
    if (token === this.#token) {
      return { token, changed: false };
    }
    this.#token = token;
    const before = this.#account;
    this.#account = await this.#accountNow();
    return { token, changed: this.#account !== before };
  }

  async #ask(): Promise<string | undefined> {
    const { token } = this.#options;
    return typeof token === 'function' ? await token() : token;
  }

  #accountNow(): Promise<string | undefined> {
    return accountOf({
      baseUrl: this.#baseUrl,
      token: this.#token,
      account: this.#options.account,
    });
  }
}

import type { ClientOptions, PerdureClient } from './api.ts';
export function createClient(_options: ClientOptions = {}): PerdureClient {
  throw new Error('later');
}

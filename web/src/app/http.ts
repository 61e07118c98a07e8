/** The few requests that the client library has no method for. */
import { settings } from './settings.ts';

export class RequestError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export async function request(method: string, path: string, body?: unknown): Promise<unknown> {
  const { key } = settings();
  const response = await fetch(path, {
    method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json: unknown = text === '' ? undefined : JSON.parse(text);
  if (!response.ok) {
    const detail = (json as { detail?: unknown } | undefined)?.detail;
    throw new RequestError(
      response.status,
      typeof detail === 'string' ? detail : `The server answered ${response.status}.`,
    );
  }
  return json;
}

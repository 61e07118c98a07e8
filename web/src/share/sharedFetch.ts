/**
 * Lets the client library show a session that somebody has shared: requests for the session's things go
 * to those that the link opens, and everything else is answered here, without asking the server.
 */
export interface Shared {
  readonly session: string;
  readonly title?: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly expiresAt: number;
}

const json = (value: unknown) =>
  new Response(JSON.stringify(value), { headers: { 'content-type': 'application/json' } });

export function sharedFetch(shared: Shared): typeof fetch {
  const own = `/v1/sessions/${shared.session}`;
  const session = {
    id: shared.session,
    createdAt: shared.createdAt,
    updatedAt: shared.updatedAt,
    ...(shared.title === undefined ? {} : { title: shared.title }),
  };
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input, location.href);
    const to = (path: string) => fetch(`${path}${url.search}`, init);
    switch (url.pathname) {
      case '/v1/inbox/events':
      case `${own}/events`:
        return to('/v1/shared/events');
      case `${own}/messages`:
        return to('/v1/shared/messages');
      case own:
        return json(session);
      case '/v1/sessions':
        return json({ items: [session] });
      case '/v1/turns':
        return json({ items: [] });
      default:
        return new Response(
          JSON.stringify({
            code: 'not_found',
            status: 404,
            title: 'Not found',
            detail: 'This can only be read.',
            retryable: false,
          }),
          { status: 404, headers: { 'content-type': 'application/problem+json' } },
        );
    }
  };
}

import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PerdureClient } from '../src/api.ts';
import { FakeBrowser, reply, shown, thread } from './browser.ts';
import { FakeServer } from './server.ts';

let server: FakeServer;
let browser: FakeBrowser;
let session: string;

beforeEach(() => {
  server = new FakeServer();
  browser = new FakeBrowser(server);
  session = server.session();
});

afterEach(() => browser.close());

async function opened(): Promise<PerdureClient> {
  const client = browser.tab();
  client.open(session);
  await browser.clock.until(() => thread(client, session).status === 'ready', 'loaded');
  return client;
}

function sent(): { key: string | null; text: unknown }[] {
  return server.requests
    .filter((request) => request.path.endsWith('/turns'))
    .map(({ key, body }) => ({ key, text: (body as { text?: string }).text }));
}

test('what was refused is shown as refused, and sent again with one click', async () => {
  const client = await opened();
  server.refusals.push({ status: 429, code: 'too_many_turns' });
  const localId = client.send(session, { text: 'Hello' });
  await browser.clock.until(
    () => thread(client, session).branch[0]?.delivery === 'refused',
    'refused',
  );
  const entry = thread(client, session).branch[0];
  expect(entry?.kind === 'user' && entry.error?.code).toBe('too_many_turns');
  await browser.clock.pass(60_000);
  expect(sent()).toHaveLength(1);
  client.resend(session, localId);
  await browser.clock.until(() => reply(client, session) !== undefined, 'accepted');
  expect(shown(client, session)).toEqual(['> Hello', '< ']);
  expect(new Set(sent().map((request) => request.key)).size).toBe(1);
});

test('what was refused can be taken back, with its text', async () => {
  const client = await opened();
  server.refusals.push({ status: 400, code: 'invalid_request' });
  const localId = client.send(session, { text: 'Hello' });
  await browser.clock.until(
    () => thread(client, session).branch[0]?.delivery === 'refused',
    'refused',
  );
  expect(client.discard(session, localId)).toBe('Hello');
  expect(thread(client, session).branch).toEqual([]);
});

test('what may have arrived is repeated with the same key, and is there once', async () => {
  const client = await opened();
  server.refusals.push('lost answer', 'lost', { status: 503, code: 'database_unavailable' });
  client.send(session, { text: 'Hello' });
  await browser.clock.until(() => reply(client, session) !== undefined, 'accepted');
  expect(sent()).toHaveLength(4);
  expect(new Set(sent().map((request) => request.key)).size).toBe(1);
  expect(shown(client, session)).toEqual(['> Hello', '< ']);
  expect([...server.messages.values()].filter((message) => message.role === 'user')).toHaveLength(
    1,
  );
});

test('a page that goes in the middle of sending leaves the message to the next one', async () => {
  const first = await opened();
  server.refusals.push('lost answer');
  server.offline = false;
  first.send(session, { text: 'Hello' });
  await browser.clock.until(
    () => thread(first, session).branch[0]?.delivery === 'unconfirmed',
    'unconfirmed',
  );
  first.close();
  const second = await opened();
  await browser.clock.until(() => reply(second, session) !== undefined, 'accepted');
  expect(new Set(sent().map((request) => request.key)).size).toBe(1);
  expect(shown(second, session)).toEqual(['> Hello', '< ']);
  await browser.clock.pass(5_000);
  second.close();
  const third = await opened();
  expect(shown(third, session)).toEqual(['> Hello', '< ']);
  expect(sent()).toHaveLength(2);
});

test('after a day the server has forgotten the key, so nothing is repeated unasked', async () => {
  const first = await opened();
  server.refusals.push('lost', 'lost');
  first.send(session, { text: 'Hello' });
  await browser.clock.until(
    () => thread(first, session).branch[0]?.delivery === 'unconfirmed',
    'unconfirmed',
  );
  first.close();
  const before = sent().length;
  await browser.clock.pass(24 * 3_600_000);
  const second = await opened();
  await browser.clock.pass(60_000);
  expect(thread(second, session).branch[0]?.delivery).toBe('refused');
  expect(sent()).toHaveLength(before);
});

test('messages go one after another, in the order in which they were written', async () => {
  const client = await opened();
  server.refusals.push('lost');
  client.send(session, { text: 'one' });
  client.send(session, { text: 'two' });
  client.send(session, { text: 'three' });
  expect(shown(client, session)).toEqual([
    '> one (sending)',
    '> two (sending)',
    '> three (sending)',
  ]);
  await browser.clock.until(() => shown(client, session).length === 6, 'all accepted');
  expect(shown(client, session)).toEqual(['> one', '< ', '> two', '< ', '> three', '< ']);
});

test('a draft survives a reload, and is of one session and one account', async () => {
  const first = await opened();
  first.setDraft(session, 'half a thou');
  first.close();
  const second = await opened();
  expect(second.draft(session)).toBe('half a thou');
  expect(second.draft('another')).toBe('');
  const other = browser.tab({ account: 'somebody else' });
  await browser.clock.until(() => other.getSnapshot().account !== undefined, 'account');
  expect(other.draft(session)).toBe('');
});

test('a session is named after its first message, and removed after some seconds', async () => {
  const client = browser.tab({ autoTitle: true });
  const made = (await Promise.all([client.createSession(), browser.clock.pass(100)]))[0];
  client.open(made.id);
  client.send(made.id, {
    text: 'How do I prune an old apple tree in early spring without harming it?\nIt is big.',
  });
  const title = () =>
    client.getSnapshot().sessions.items.find((item) => item.id === made.id)?.title;
  await browser.clock.until(() => title() !== undefined, 'named');
  expect(title()).toBe('How do I prune an old apple tree in early spring without…');
  client.removeSession(made.id);
  expect(title()).toBe(undefined);
  client.undoRemove(made.id);
  expect(title()).not.toBe(undefined);
  client.removeSession(made.id);
  await browser.clock.pass(3_000);
  expect(server.sessions.has(made.id)).toBe(true);
  await browser.clock.pass(4_000);
  expect(server.sessions.has(made.id)).toBe(false);
  expect(client.getSnapshot().sessions.removing).toEqual([]);
});

import { IDBFactory } from 'fake-indexeddb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { accountOf } from '../src/account.ts';
import { Cache, MAX_MESSAGES, MAX_THREADS, VERSION } from '../src/cache.ts';
import type { Message } from '../src/wire.ts';
import { FakeBrowser, said, shown, thread } from './browser.ts';
import { HandClock } from './clock.ts';
import { FakeServer } from './server.ts';

let factory: IDBFactory;
let clock: HandClock;

beforeEach(() => {
  factory = new IDBFactory();
  clock = new HandClock();
});

const message = (session: string, position: number): Message => ({
  id: `msg_${position}`,
  session,
  turn: 'turn_1',
  role: 'user',
  position,
  status: 'complete',
  parts: [{ type: 'text', text: `${position}` }],
  createdAt: 1,
  updatedAt: 1,
});

async function opened(name = 'a'): Promise<Cache> {
  const cache = new Cache(factory, name, clock);
  await cache.open();
  return cache;
}

const thread1 = { session: 's', usedAt: 1, messages: [message('s', 0)] };

function openRaw(version: number, upgrade: (db: IDBDatabase) => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = factory.open('a', version);
    request.onupgradeneeded = () => upgrade(request.result);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

test('the last fifty sessions are kept, and of a long one its newest messages', async () => {
  const cache = await opened();
  for (let i = 0; i < MAX_THREADS + 5; i += 1) {
    await cache.saveThread({ session: `s${i}`, usedAt: i, messages: [message(`s${i}`, 0)] });
  }
  await cache.saveThread({
    session: 'long',
    usedAt: 999,
    messages: Array.from({ length: MAX_MESSAGES + 10 }, (_, i) => message('long', i)),
  });
  cache.close();
  const again = await opened();
  const kept = await again.threads();
  expect(kept).toHaveLength(MAX_THREADS);
  expect(await again.loadThread('s5')).toBe(undefined);
  expect(await again.loadThread('s6')).toMatchObject({ session: 's6' });
  const long = await again.loadThread('long');
  expect(long?.messages).toHaveLength(MAX_MESSAGES);
  expect(long?.older).toBe('10');
  expect(long?.messages[0]?.position).toBe(10);
});

test('a database of an older version is emptied, and works', async () => {
  const old = await openRaw(VERSION, (db) => {
    db.createObjectStore('conversations');
  });
  old.close();
  // The same version with other stores is as strange as an older one.
  const cache = await opened();
  await cache.saveThread(thread1);
  cache.close();
  expect(await (await opened()).loadThread('s')).toEqual(thread1);
});

test('a database of a newer version is thrown away rather than misread', async () => {
  const newer = await openRaw(VERSION + 7, (db) => {
    db.createObjectStore('threads', { keyPath: 'other' });
  });
  newer.close();
  const cache = await opened();
  await cache.saveThread(thread1);
  cache.close();
  expect(await (await opened()).loadThread('s')).toEqual(thread1);
});

test('records that are not what they should be are taken for missing', async () => {
  const cache = await opened();
  await cache.saveThread(thread1);
  await cache.saveInbox({ cursor: 'c1', savedAt: clock.now(), turns: [] });
  cache.close();
  const raw = await openRaw(VERSION, () => {});
  const transaction = raw.transaction(['threads', 'meta', 'outbox'], 'readwrite');
  transaction.objectStore('threads').put({ session: 's', usedAt: 'never', messages: 'none' });
  transaction.objectStore('meta').put({ name: 'inbox', value: { cursor: 7 } });
  transaction.objectStore('meta').put({ name: 'sessions', value: [{ id: 1 }] });
  transaction.objectStore('outbox').put({ localId: 'l', text: 'half' });
  await new Promise((resolve) => {
    transaction.oncomplete = resolve;
  });
  raw.close();
  const again = await opened();
  expect(await again.loadThread('s')).toBe(undefined);
  expect(await again.loadInbox()).toBe(undefined);
  expect(await again.loadSessions()).toBe(undefined);
  expect(await again.outbox()).toEqual([]);
  await again.saveThread(thread1);
  again.close();
  expect(await (await opened()).loadThread('s')).toEqual(thread1);
});

test('a browser whose databases fail or say nothing is gone on without', async () => {
  const failing = {
    open: () => {
      throw new Error('broken');
    },
  } as unknown as IDBFactory;
  const broken = new Cache(failing, 'a', clock);
  await broken.open();
  await broken.saveThread(thread1);
  expect(await broken.loadThread('s')).toEqual(thread1);
  expect(await broken.loadSessions()).toBe(undefined);
  const silent = { open: () => ({}), deleteDatabase: () => ({}) } as unknown as IDBFactory;
  const hanging = new Cache(silent, 'a', clock);
  await Promise.all([hanging.open(), clock.pass(20_000)]);
  expect(await hanging.loadSessions()).toBe(undefined);
});

test('a cursor that the server has forgotten is not offered to it', async () => {
  const cache = await opened();
  await cache.saveInbox({ cursor: 'c1', savedAt: clock.now(), turns: [] });
  expect((await cache.loadInbox())?.cursor).toBe('c1');
  await clock.pass(24 * 3_600_000);
  expect(await cache.loadInbox()).toBe(undefined);
});

// ---- accounts ----

const browsers: FakeBrowser[] = [];
afterEach(() => {
  for (const browser of browsers.splice(0)) {
    browser.close();
  }
});

function jwt(claims: object): string {
  return `h.${btoa(JSON.stringify(claims)).replaceAll('=', '')}.s`;
}

test('an account is who the token is for, and never the token', async () => {
  const of = (token: string | undefined, account?: string) =>
    accountOf({ baseUrl: 'u', token, account });
  expect(await of('secret')).not.toContain('secret');
  expect(await of('secret')).not.toBe(await of('other'));
  const first = await of(jwt({ sub: 'a', iss: 'x', exp: 1, iat: 1, jti: '1' }));
  expect(await of(jwt({ iss: 'x', sub: 'a', exp: 2, iat: 2, jti: '2' }))).toBe(first);
  expect(await of(jwt({ iss: 'x', sub: 'b' }))).not.toBe(first);
  expect(await of(jwt({ iss: 'x', sub: 'a', tenant: 't' }))).not.toBe(first);
  expect(await of('secret', 'anna')).toBe(await of('later', 'anna'));
});

test('after a change of user nothing of the other one is shown, kept or sent', async () => {
  const server = new FakeServer();
  const browser = new FakeBrowser(server);
  browsers.push(browser);
  const annas = server.session('anna');
  const turn = server.accept(annas, { text: 'a secret' });
  let token = 'anna';
  const client = browser.tab({ token: () => token });
  client.open(annas);
  client.setDraft(annas, 'before it is known who types');
  server.say(turn, 'for Anna only');
  await browser.clock.until(() => said(client, annas) === 'for Anna only', 'shown to Anna');
  client.setDraft(annas, 'a secret draft');
  await browser.clock.pass(5_000);
  const before = client.getSnapshot().account;
  const bens = server.session('ben');
  token = 'ben';
  void client.refreshSessions();
  await browser.clock.until(
    () => client.getSnapshot().sessions.items.some((item) => item.id === bens),
    'the sessions of Ben',
  );
  server.say(turn, '!');
  await browser.clock.pass(5_000);
  expect(client.getSnapshot().account).not.toBe(before);
  expect(client.getSnapshot().sessions.items.map((item) => item.id)).toEqual([bens]);
  expect(JSON.stringify(client.getSnapshot())).not.toContain('Anna');
  expect(JSON.stringify(client.getSnapshot())).not.toContain('secret');
  expect(client.draft(annas)).toBe('');
  expect(thread(client, annas).error?.code).toBe('not_found');
  client.close();
  // Anna comes back, without a network.
  token = 'anna';
  server.offline = true;
  const again = browser.tab({ token: () => token });
  again.open(annas);
  await browser.clock.until(() => said(again, annas) === 'for Anna only', 'painted for Anna');
  expect(again.draft(annas)).toBe('a secret draft');
});

test('who signs out leaves nothing behind', async () => {
  const server = new FakeServer();
  const browser = new FakeBrowser(server);
  browsers.push(browser);
  const session = server.session();
  const turn = server.accept(session, { text: 'question' });
  const client = browser.tab();
  client.open(session);
  server.say(turn, 'answer');
  await browser.clock.until(() => said(client, session) === 'answer', 'shown');
  client.setDraft(session, 'draft');
  await browser.clock.pass(5_000);
  await client.signOut();
  expect(client.getSnapshot().threads).toEqual({});
  expect(await browser.indexedDB.databases()).toEqual([]);
  expect([...browser.texts.values()]).toEqual([]);
  server.offline = true;
  const next = browser.tab();
  next.open(session);
  await browser.clock.pass(5_000);
  expect(shown(next, session)).toEqual([]);
});

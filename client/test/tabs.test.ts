import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PerdureClient } from '../src/api.ts';
import { GRACE_MILLIS } from '../src/connection.ts';
import { FakeBrowser, reply, said } from './browser.ts';
import { seeded } from './clock.ts';
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

function tab(): PerdureClient {
  const client = browser.tab();
  client.open(session);
  return client;
}

const leads = (client: PerdureClient) => client.getSnapshot().activity.connection.leader;
const isLive = (client: PerdureClient) =>
  client.getSnapshot().activity.connection.status === 'live';

test('ten tabs have one connection, and all of them show the same', async () => {
  const tabs = Array.from({ length: 10 }, tab);
  await browser.clock.until(() => tabs.every(isLive), 'live');
  expect(server.streams).toBe(1);
  expect(tabs.filter(leads)).toHaveLength(1);
  const turn = server.accept(session, { text: 'a' });
  server.say(turn, 'Hello');
  await browser.clock.until(() => tabs.every((one) => said(one, session) === 'Hello'), 'shown');
  server.finish(turn);
  await browser.clock.until(
    () => tabs.every((one) => reply(one, session)?.state === 'completed'),
    'completed',
  );
  expect(server.streams).toBe(1);
});

test('a tab that comes in mid-reply has what was said before', async () => {
  const first = tab();
  const turn = server.accept(session, { text: 'a' });
  server.say(turn, 'said before, ');
  await browser.clock.until(() => said(first, session) !== '', 'shown');
  const second = tab();
  await browser.clock.until(() => said(second, session) === 'said before, ', 'handed on');
  server.say(turn, 'and after');
  await browser.clock.until(() => said(second, session) === 'said before, and after', 'both');
  expect(server.streams).toBe(1);
});

test('that the server is away, and back, is said in all tabs in a moment', async () => {
  const tabs = [tab(), tab()];
  const status = (client: PerdureClient) => client.getSnapshot().activity.connection.status;
  await browser.clock.until(() => tabs.every(isLive), 'live');
  server.offline = true;
  server.cut();
  await browser.clock.pass(GRACE_MILLIS - 100);
  expect(tabs.map(status)).toEqual(['live', 'live']);
  await browser.clock.pass(200);
  expect(tabs.map(status)).toEqual(['reconnecting', 'reconnecting']);
  server.offline = false;
  // Whoever does not want to wait for the next try asks for it, in whichever tab.
  tabs.find((one) => !leads(one))?.reconnect();
  await browser.clock.pass(100);
  expect(tabs.map(status)).toEqual(['live', 'live']);
  expect(server.streams).toBe(1);
});

test('a leader that sleeps with its lock is relieved, and finds its place again', async () => {
  const first = tab();
  await browser.clock.until(() => leads(first), 'first leads');
  const second = tab();
  await browser.clock.until(() => isLive(second), 'second follows');
  // Nothing that the first one posts arrives any more, and it still holds the lock.
  const silent = browser.channels.silence(0);
  const turn = server.accept(session, { text: 'a' });
  server.say(turn, 'unheard');
  await browser.clock.until(() => leads(second), 'second leads');
  await browser.clock.until(() => said(second, session) === 'unheard', 'nothing is lost');
  silent();
  expect(leads(first)).toBe(false);
  server.say(turn, ' and heard');
  await browser.clock.until(() => said(first, session) === 'unheard and heard', 'follows');
  expect(server.streams).toBe(1);
});

describe('leaders come and go', () => {
  const seeds = Array.from({ length: 8 }, (_, seed) => seed);

  test.each(seeds)('and every tab has the whole text, once (seed %i)', async (seed) => {
    const random = seeded(seed);
    let tabs = [tab(), tab(), tab()];
    await browser.clock.pass(200);
    const turn = server.accept(session, { text: 'a' });
    for (let step = 0; step < 60; step += 1) {
      server.say(turn, ` ${step}`);
      if (random() < 0.15) {
        const leader = tabs.find(leads);
        leader?.close();
        tabs = [...tabs.filter((one) => one !== leader), tab()];
      }
      if (random() < 0.1) {
        server.cut();
      }
      await browser.clock.pass(random() * 300);
    }
    await browser.clock.until(
      () => tabs.every((one) => said(one, session) === server.text(turn)),
      'all of it in each tab',
    );
    expect(server.streams).toBe(1);
    server.finish(turn);
    await browser.clock.until(
      () => tabs.every((one) => reply(one, session)?.state === 'completed'),
      'completed',
    );
  });
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeBrowser, reply, said, shown, thread } from './browser.ts';
import { seeded } from './clock.ts';
import { FakeServer } from './server.ts';

let server: FakeServer;
let browser: FakeBrowser;

beforeEach(() => {
  server = new FakeServer();
  browser = new FakeBrowser(server);
});

afterEach(() => browser.close());

const WORDS = 'one two three four five six seven eight nine ten'.split(' ');

test('a message is shown at once, then what the server makes of it, at most once per frame', async () => {
  const client = browser.tab();
  const session = server.session();
  client.open(session);
  await browser.clock.until(() => thread(client, session).status === 'ready', 'loaded');
  client.send(session, { text: 'Hello' });
  expect(shown(client, session)).toEqual(['> Hello (sending)']);
  const key = thread(client, session).branch[0]?.key;
  await browser.clock.until(() => reply(client, session) !== undefined, 'accepted');
  expect(thread(client, session).branch[0]?.key).toBe(key);
  const turn = reply(client, session)?.turn ?? '';
  let changes = 0;
  const stop = client.subscribe(() => {
    changes += 1;
  });
  for (const word of WORDS) {
    server.say(turn, word);
  }
  await browser.clock.pass(40);
  stop();
  expect(said(client, session)).toBe(WORDS.join(''));
  expect(changes).toBeLessThan(4);
  const before = thread(client, session);
  server.say(turn, '!');
  await browser.clock.pass(40);
  const after = thread(client, session);
  expect(after).not.toBe(before);
  expect(after.branch[0]).toBe(before.branch[0]);
  expect(after.branch[1]).not.toBe(before.branch[1]);
  server.finish(turn);
  await browser.clock.pass(40);
  expect(reply(client, session)?.state).toBe('completed');
  expect(client.getSnapshot().activity.running).toEqual([]);
});

test('what runs elsewhere is shown as running, and as unseen when it has ended, until it is looked at', async () => {
  const client = browser.tab();
  const session = server.session();
  const turn = server.accept(session, { text: 'a' });
  const stateOf = () =>
    client.getSnapshot().sessions.items.find((item) => item.id === session)?.state;
  await browser.clock.until(() => stateOf() === 'running', 'running');
  server.say(turn, 'text');
  server.finish(turn);
  await browser.clock.until(() => stateOf() === 'unseen', 'unseen');
  expect(client.getSnapshot().activity.finishedUnseen.map((item) => item.turn)).toEqual([turn]);
  client.open(session);
  expect(stateOf()).toBe('idle');
  await browser.clock.until(() => said(client, session) === 'text', 'read');
});

test('a reload goes on behind the cached cursor, and paints before it asks', async () => {
  const session = server.session();
  const first = browser.tab();
  first.open(session);
  const turn = server.accept(session, { text: 'a' });
  server.say(turn, 'half of ');
  await browser.clock.until(() => said(first, session) === 'half of ', 'half');
  await browser.clock.pass(5_000);
  first.close();
  server.say(turn, 'it, and ');
  server.offline = true;
  const second = browser.tab();
  second.open(session);
  await browser.clock.until(() => said(second, session) === 'half of ', 'painted without a server');
  expect(thread(second, session).status).not.toBe('ready');
  server.offline = false;
  server.say(turn, 'the rest');
  await browser.clock.until(() => said(second, session) === server.text(turn), 'whole');
  server.finish(turn);
  await browser.clock.until(() => reply(second, session)?.state === 'completed', 'completed');
  expect(said(second, session)).toBe('half of it, and the rest');
});

test('a cursor that has expired is given up, and what has ended meanwhile is read from the messages', async () => {
  const session = server.session();
  const client = browser.tab();
  client.open(session);
  const turn = server.accept(session, { text: 'a' });
  server.say(turn, 'half');
  await browser.clock.until(() => said(client, session) === 'half', 'half');
  server.offline = true;
  server.cut();
  await browser.clock.pass(5_000);
  server.say(turn, ' and all');
  server.finish(turn);
  server.expiredBefore = Number.POSITIVE_INFINITY;
  server.offline = false;
  await browser.clock.until(() => reply(client, session)?.state === 'completed', 'completed');
  expect(said(client, session)).toBe('half and all');
  expect(client.getSnapshot().activity.running).toEqual([]);
});

test('where streams are held back it polls, and misses nothing', async () => {
  server.buffering = true;
  const session = server.session();
  const client = browser.tab();
  client.open(session);
  await browser.clock.until(
    () => client.getSnapshot().activity.connection.via === 'poll',
    'polling',
  );
  await browser.clock.until(
    () => client.getSnapshot().activity.connection.status === 'live',
    'live',
  );
  const turn = server.accept(session, { text: 'a' });
  for (const word of WORDS) {
    server.say(turn, word);
    await browser.clock.pass(50);
  }
  server.finish(turn);
  await browser.clock.until(() => reply(client, session)?.state === 'completed', 'completed');
  expect(said(client, session)).toBe(WORDS.join(''));
  expect(client.getSnapshot().activity.connection.status).toBe('live');
});

test('a message from another device appears, and a branch can be gone back to', async () => {
  const session = server.session();
  const client = browser.tab();
  client.open(session);
  const first = server.accept(session, { text: 'one' });
  server.say(first, 'A');
  server.finish(first);
  await browser.clock.until(() => said(client, session) === 'A', 'first');
  const user = thread(client, session).branch[0];
  client.edit(session, (user?.kind === 'user' && user.id) || '', 'uno');
  await browser.clock.until(() => reply(client, session)?.turn !== first, 'edited');
  const second = reply(client, session)?.turn ?? '';
  server.say(second, 'B');
  server.finish(second);
  await browser.clock.until(() => reply(client, session)?.state === 'completed', 'second');
  expect(shown(client, session)).toEqual(['> uno', '< B']);
  const edited = thread(client, session).branch[0];
  expect(edited?.siblings).toMatchObject({ index: 1, count: 2 });
  client.select(session, edited?.siblings.previous ?? '');
  expect(shown(client, session)).toEqual(['> one', '< A']);
  client.send(session, { text: 'two' });
  await browser.clock.until(() => shown(client, session).length === 4, 'behind the older branch');
  expect(shown(client, session)).toEqual(['> one', '< A', '> two', '< ']);
  const { userMessage } = reply(client, session) ?? {};
  const third = reply(client, session)?.turn ?? '';
  server.say(third, 'C');
  server.finish(third);
  await browser.clock.until(() => said(client, session) === 'C', 'third');
  client.regenerate(session, userMessage ?? '');
  await browser.clock.until(
    () => reply(client, session)?.turn !== third && reply(client, session)?.turn !== undefined,
    'again',
  );
  expect(shown(client, session)).toEqual(['> one', '< A', '> two', '< ']);
  expect(reply(client, session)?.siblings).toMatchObject({ index: 1, count: 2 });
});

test('the server that waits for its database is told of, calmly', async () => {
  const client = browser.tab();
  const status = () => client.getSnapshot().activity.connection.status;
  await browser.clock.until(() => status() === 'live', 'live');
  server.notice('degraded');
  await browser.clock.until(() => status() === 'degraded', 'degraded');
  server.notice('recovered');
  await browser.clock.until(() => status() === 'live', 'live again');
  server.cut();
  await browser.clock.pass(300);
  expect(status()).toBe('live');
  server.offline = true;
  server.cut();
  await browser.clock.pass(4_000);
  expect(status()).toBe('reconnecting');
  server.offline = false;
  await browser.clock.until(() => status() === 'live', 'live at last');
});

test('who may only read a session, and not ask for its turns, sees it live all the same', async () => {
  const session = server.session();
  const turn = server.accept(session, { text: 'a' });
  server.say(turn, 'begun');
  const guest: typeof fetch = (input, init) =>
    String(input).includes('/v1/turns/')
      ? Promise.resolve(
          new Response(
            JSON.stringify({ code: 'not_found', detail: '', status: 404, retryable: false }),
            { status: 404 },
          ),
        )
      : server.fetch(input, init);
  const client = browser.tab({ fetch: guest });
  client.open(session);
  await browser.clock.until(() => said(client, session) === 'begun', 'begun');
  server.offline = true;
  server.cut();
  await browser.clock.pass(10_000);
  server.offline = false;
  server.say(turn, ', and gone on');
  await browser.clock.until(() => said(client, session) === 'begun, and gone on', 'gone on');
  server.sessions.delete(session);
  server.cut();
  server.offline = true;
  await browser.clock.pass(10_000);
  server.offline = false;
  await browser.clock.until(
    () => client.getSnapshot().activity.running.length === 0,
    'gone with its session',
  );
});

describe('whatever the network does', () => {
  const seeds = Array.from({ length: 24 }, (_, seed) => seed);

  test.each(seeds)('every reply is whole and nothing is doubled (seed %i)', async (seed) => {
    const random = seeded(seed);
    const chance = (share: number) => random() < share;
    server.pieces = (text) => {
      const at = Math.floor(random() * text.length);
      return chance(0.5) ? [text.slice(0, at), text.slice(at)] : [text];
    };
    const sessions = [server.session(), server.session()];
    const tabs = [browser.tab()];
    const open = new Map<string, number>();
    const turns: { session: string; turn: string }[] = [];
    for (const session of sessions) {
      tabs[0]?.open(session);
    }
    await browser.clock.pass(100);
    for (let step = 0; step < 120; step += 1) {
      const session = sessions[Math.floor(random() * 2)] ?? '';
      if (
        open.size < 2 &&
        chance(0.3) &&
        ![...open.keys()].some((turn) =>
          turns.some((known) => known.turn === turn && known.session === session),
        )
      ) {
        const turn = server.accept(session, { text: `question ${step}` });
        open.set(turn, 0);
        turns.push({ session, turn });
      }
      for (const [turn, count] of open) {
        server.say(turn, ` ${turn}:${count}`);
        open.set(turn, count + 1);
        if (chance(0.05)) {
          server.finish(turn);
          open.delete(turn);
        }
      }
      if (chance(0.15)) {
        server.cut();
      }
      if (chance(0.05)) {
        server.end();
      }
      if (chance(0.05)) {
        server.offline = !server.offline;
      }
      if (chance(0.03)) {
        server.expiredBefore = Math.floor(random() * step * 3);
      }
      if (chance(0.04)) {
        // A reload in the middle of it all.
        tabs.pop()?.close();
        const tab = browser.tab();
        for (const one of sessions) {
          tab.open(one);
        }
        tabs.push(tab);
      }
      await browser.clock.pass(random() * 400);
    }
    server.offline = false;
    server.expiredBefore = 0;
    for (const turn of open.keys()) {
      server.finish(turn);
    }
    const [client] = tabs;
    for (const session of sessions) {
      const last = turns.findLast((turn) => turn.session === session);
      if (client !== undefined && last !== undefined) {
        await browser.clock.until(
          () =>
            thread(client, session).branch.every(
              (entry) => entry.kind === 'user' || entry.state === 'completed',
            ) && reply(client, session)?.turn === last.turn,
          `the end of ${last.turn} (seed ${seed})`,
        );
        const stored = turns.filter((turn) => turn.session === session);
        expect(shown(client, session).filter((line) => line.startsWith('<'))).toEqual(
          stored.map(({ turn }) => `< ${server.text(turn)}`),
        );
      }
    }
    expect(client?.getSnapshot().activity.running).toEqual([]);
  });
});

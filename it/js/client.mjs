// The client library of this project, as it is built, against a real server. What the server stores is the
// judge of what the client shows.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { api, ask, base, cutAfter, main, say, skip, storedReplies, test, until, words } from './harness.mjs';

const built = new URL('../../client/dist/index.js', import.meta.url);
if (!existsSync(built)) {
  skip('the client library', 'client/dist is missing: npm run build --workspace client');
}
const { createClient } = await import(built);

const MODELS = ['openai/fake'];

/** Time that passes four times as fast, for clients that would wait for long. */
const began = Date.now();
const hurried = {
  now: () => began + (Date.now() - began) * 4,
  after: (millis, callback) => {
    const timer = setTimeout(callback, millis / 4);
    return () => clearTimeout(timer);
  },
  frame: callback => hurried.after(16, callback),
};

/** A client whose network can be cut; the server may come back at another address. */
function connect(network = response => response, clock = undefined) {
  const client = createClient({
    baseUrl: 'http://perdure',
    indexedDB: null,
    clock,
    fetch: async (url, init) => network(await fetch(String(url).replace('http://perdure', base), init)),
  });
  client.subscribe(() => {});
  return client;
}

const branch = (client, session) => client.getSnapshot().threads[session]?.branch ?? [];
const lanes = (client, session) => branch(client, session).flatMap(entry => (entry.kind === 'reply' ? entry.lanes : []));
const textOf = lane => lane.parts.filter(part => part.kind === 'text').map(part => part.text).join('');
const settled = (client, session, replies) =>
  until('the end of all replies', () => {
    const all = branch(client, session).filter(entry => entry.kind === 'reply');
    return all.length === replies && all.every(entry => ['completed', 'failed', 'cancelled'].includes(entry.state));
  });

/** A session that is open in a client. */
async function open(client) {
  const { id } = await client.createSession();
  client.open(id);
  await until('the session', () => client.getSnapshot().threads[id]?.status === 'ready');
  return id;
}

async function agrees(client, session) {
  const stored = await storedReplies(session);
  const shown = new Map(lanes(client, session).map(lane => [lane.message, textOf(lane)]));
  for (const message of stored.filter(one => shown.has(one.id))) {
    assert.equal(shown.get(message.id), message.text);
  }
  return stored;
}

test('several sessions at once over one connection that is cut again and again', async () => {
  let streams = 0;
  const client = connect(response => {
    if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) return response;
    streams += 1;
    return new Response(response.body.pipeThrough(cutAfter(streams < 12 ? 7 * streams : 100_000)), response);
  });
  const sessions = await Promise.all([open(client), open(client), open(client)]);
  for (const session of sessions) {
    client.send(session, { text: say(words(60), 10), models: MODELS });
    client.send(session, { text: say(words(20), 10), models: MODELS });
  }
  for (const session of sessions) {
    await settled(client, session, 2);
    assert.deepEqual(lanes(client, session).map(textOf), [words(60), words(20)]);
    assert.equal((await agrees(client, session)).length, 2);
  }
  assert.ok(streams > 2, `${streams} streams`);
  client.close();
});

test('a killed server: the message is there once, and the reply whole', async () => {
  const client = connect();
  const session = await open(client);
  client.send(session, { text: say(words(80), 40), models: MODELS });
  await until('the middle', () => lanes(client, session).some(lane => textOf(lane).includes('w20')));
  const killed = ask('kill');
  client.send(session, { text: say('still here', 1), models: MODELS });
  await killed;
  // On a slow machine the reply may have been over before the kill.
  const cut = lanes(client, session)[0].state === 'streaming';
  client.reconnect();
  await settled(client, session, 2);
  const [first] = lanes(client, session);
  assert.equal(textOf(first), words(80));
  assert.ok(!cut || first.attempts.length > 1, 'the second attempt is told of');
  assert.equal((await agrees(client, session)).length, 2);
  client.close();
});

test('stop, edit, ask again, compare, go back', async () => {
  const client = connect();
  const session = await open(client);
  client.send(session, { text: say(words(200), 30), models: MODELS });
  const running = await until('text', () => lanes(client, session).find(lane => textOf(lane).includes('w3')));
  await client.cancel(running.turn);
  await settled(client, session, 1);
  assert.equal(lanes(client, session)[0].state, 'cancelled');
  const [asked] = branch(client, session);
  client.edit(session, asked.id, say('shorter', 1), { models: ['openai/fake', 'anthropic/fake'] });
  await until('the comparison', () => lanes(client, session).length === 2);
  await settled(client, session, 1);
  assert.deepEqual(lanes(client, session).map(textOf), ['shorter', 'shorter']);
  const [edited, compared] = branch(client, session);
  assert.deepEqual([edited.siblings.index, edited.siblings.count], [1, 2]);
  client.regenerate(session, edited.id, MODELS);
  await until('another reply', () => branch(client, session)[1]?.siblings.count === 2);
  await settled(client, session, 1);
  assert.deepEqual(lanes(client, session).map(textOf), ['shorter']);
  client.select(session, branch(client, session)[1].siblings.previous);
  assert.equal(branch(client, session)[1].turn, compared.turn);
  client.select(session, edited.siblings.previous);
  assert.equal(branch(client, session)[0].id, asked.id);
  assert.equal(lanes(client, session)[0].state, 'cancelled');
  await agrees(client, session);
  client.close();
});

test('a refusal is told, nothing is stored, and the next try is taken', async () => {
  const client = connect();
  const session = await open(client);
  const localId = client.send(session, { text: 'Hello', models: ['nobody/nothing'] });
  await until('the refusal', () => branch(client, session)[0]?.delivery === 'refused');
  assert.equal(branch(client, session)[0].error.code, 'unknown_model');
  assert.equal(client.discard(session, localId), 'Hello');
  assert.deepEqual(branch(client, session), []);
  client.send(session, { text: say('Hello yourself', 1), models: MODELS });
  await settled(client, session, 1);
  await agrees(client, session);
  client.close();
});

test('where streams are held back until they end, polls bring all of it', async () => {
  const client = connect(async response => {
    if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) return response;
    return new Response(await response.text(), response);
  }, hurried);
  const session = await open(client);
  await until('polling', () => {
    const { via, status } = client.getSnapshot().activity.connection;
    return via === 'poll' && status === 'live';
  });
  client.send(session, { text: say(words(30), 20), models: MODELS });
  await settled(client, session, 1);
  assert.deepEqual(lanes(client, session).map(textOf), [words(30)]);
  client.close();
});

test('turns for later, turns that wait and schedules are listed, moved and cancelled', async () => {
  const client = connect();
  const { later } = client;
  const { id } = await client.createSession();
  const first = await later.send(id, { text: '/echo later' }, { delay: 'PT1H' }, 'k1');
  assert.equal(first.state, 'scheduled');
  assert.equal((await later.send(id, { text: '/echo later' }, { delay: 'PT1H' }, 'k1')).turn, first.turn);
  const second = await later.send(id, { text: '/echo never' }, { notBefore: Date.now() + 7_200_000 });
  const listed = (await later.scheduled()).filter(turn => turn.session === id);
  assert.deepEqual(listed.map(turn => turn.turn), [first.turn, second.turn]);
  assert.equal(listed[0].parts[0].text, '/echo later');
  const was = listed[0].notBefore;
  await assert.rejects(later.move(first.turn, { delay: 'PT0S' }, was - 1), { code: 'conflict' });
  await later.move(first.turn, { delay: 'PT0S' }, was);
  await client.cancel(second.turn);
  assert.equal((await later.scheduled()).some(turn => turn.turn === second.turn), false);
  await until('the reply', async () => (await api('GET', `/v1/turns/${first.turn}`)).state === 'completed');

  const { id: other } = await client.createSession();
  client.open(other);
  const wait = await api('POST', `/v1/sessions/${other}/turns`, { text: '/tool wait {"for":"P1D"}', tools: ['wait'] });
  await until('the wait', async () => (await later.waiting()).some(turn => turn.turn === wait.turn));
  const { waiting } = (await api('GET', `/v1/turns/${wait.turn}`)).lanes[0].calls[0];
  assert.equal(waiting.for, 'time');
  const moved = await later.move(wait.turn, { delay: 'P2D' }, waiting.until);
  assert.equal(moved.state, 'waiting');
  await client.cancel(wait.turn);
  assert.equal((await later.waiting()).some(turn => turn.turn === wait.turn), false);

  const made = await later.addSchedule(id, { text: 'Hi' }, { cron: '0 9 * * *', zone: 'UTC' }, 'k2');
  const again = await later.addSchedule(id, { text: 'Hi' }, { cron: '0 9 * * *', zone: 'UTC' }, 'k2');
  assert.equal(again.id, made.id);
  assert.equal(made.upcoming.length, 5);
  assert.equal((await later.changeSchedule(made.id, { paused: true })).state, 'paused');
  assert.equal((await later.schedules()).items.find(one => one.id === made.id).state, 'paused');
  assert.equal((await later.schedule(made.id)).cron, '0 9 * * *');
  await later.deleteSchedule(made.id);
  await assert.rejects(later.schedule(made.id), { code: 'not_found' });
  client.close();
});

await main();

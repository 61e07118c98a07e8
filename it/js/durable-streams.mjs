// The client of Durable Streams, and EventSource, against a real server: what is not in chat-cases.mjs.

import assert from 'node:assert/strict';
import { stream } from '@durable-streams/client';
import { EventSource } from 'eventsource';
import { api, base, main, say, test, until, words } from './harness.mjs';

async function submit(text) {
  const session = await api('POST', '/v1/sessions', {});
  return api('POST', `/v1/sessions/${session.id}/turns`, { text, models: ['openai/fake'] });
}

const url = turn => `${base}/streams/turns/${turn}`;
const textOf = events => events.filter(e => e.type === 'part.delta').map(e => e.text).join('');
const ended = turn => until('the end', async () => (await api('GET', `/v1/turns/${turn}`)).state === 'completed');

async function read(options) {
  const response = await stream({ json: true, warnOnHttp: false, ...options });
  const items = [];
  for await (const item of response.jsonStream()) items.push(item);
  return { items, response };
}

for (const live of ['sse', 'long-poll']) {
  test(`a turn is followed live by ${live} to its end`, async () => {
    const { turn } = await submit(say(words(30), 10));
    const { items } = await read({ url: url(turn), live });
    assert.equal(textOf(items), words(30));
    assert.deepEqual(items.map(item => item.seq), items.map((_, i) => i));
    assert.equal(items.at(-1).type, 'turn.ended');
  });
}

test('a stream is read from any offset on', async () => {
  const { turn } = await submit(say(words(5), 1));
  await ended(turn);
  const { items } = await read({ url: url(turn), live: false });
  assert.equal(items.at(-1).type, 'turn.ended');
  for (let seq = 0; seq < items.length; seq++) {
    const offset = String(seq).padStart(16, '0');
    for (const live of [false, 'sse', 'long-poll']) {
      const rest = await read({ url: url(turn), live, offset });
      assert.deepEqual(rest.items, items.slice(seq + 1), `${live} from ${seq}`);
    }
  }
  assert.deepEqual((await read({ url: url(turn), live: 'sse', offset: 'now' })).items, []);
});

test('headers say where the reader stands', async () => {
  const { turn } = await submit(say(words(5), 1));
  await ended(turn);
  const whole = await fetch(url(turn));
  assert.equal(whole.headers.get('stream-up-to-date'), 'true');
  assert.equal(whole.headers.get('stream-closed'), 'true');
  assert.match(whole.headers.get('cache-control'), /private/);
  assert.match(whole.headers.get('content-type'), /^application\/json/);
  const items = await whole.json();
  const next = whole.headers.get('stream-next-offset');
  assert.equal(Number(next), items.at(-1).seq);
  const etag = whole.headers.get('etag');
  assert.equal((await fetch(url(turn), { headers: { 'if-none-match': etag } })).status, 304);
  const among = { 'if-none-match': `"other", W/${etag}` };
  assert.equal((await fetch(url(turn), { headers: among })).status, 304);
  const head = await fetch(url(turn), { method: 'HEAD' });
  assert.equal(head.headers.get('stream-next-offset'), next);
  assert.equal(await head.text(), '');
  assert.deepEqual(await (await fetch(`${url(turn)}?offset=${next}`)).json(), []);
});

test('a reader by SSE is told that it is up to date once it is, and not before', async () => {
  const { turn } = await submit(say(words(30), 1));
  await ended(turn);
  const controls = async query => {
    const text = await (await fetch(`${url(turn)}?live=sse${query}`)).text();
    return [...text.matchAll(/^event: control\ndata: (.*)$/gm)].map(match => JSON.parse(match[1]));
  };
  const all = await controls('');
  assert.ok(all.length > 30);
  assert.deepEqual([...new Set(all.slice(0, -1).map(control => control.upToDate))], [undefined]);
  assert.ok(all.at(-1).upToDate && all.at(-1).streamClosed);
  assert.deepEqual(await controls(`&offset=${all.at(-1).streamNextOffset}`), [all.at(-1)]);
  const waits = (await submit('/stall 60s')).turn;
  await until('the start', async () => (await (await fetch(url(waits))).json()).some(e => e.type === 'attempt.started'));
  const tail = (await fetch(`${url(waits)}?live=sse&offset=now`)).body.getReader();
  assert.match(new TextDecoder().decode((await tail.read()).value), /event: control\ndata: .*"upToDate":true/);
  await tail.cancel();
  await api('POST', `/v1/turns/${waits}/cancel`);
});

test('a poll at the tail of what goes on waits for more, and its cursor is taken', async () => {
  const { turn } = await submit(say(words(40), 25));
  const first = await fetch(`${url(turn)}?live=long-poll`);
  const cursor = first.headers.get('stream-cursor');
  assert.ok(cursor);
  const seen = await first.json();
  const offset = first.headers.get('stream-next-offset');
  const more = await fetch(`${url(turn)}?offset=${offset}&live=long-poll&cursor=${cursor}`);
  const rest = await more.json();
  assert.equal(rest[0].seq, seen.at(-1).seq + 1);
  assert.equal((await fetch(`${url(turn)}?live=long-poll&cursor=${'c'.repeat(65)}`)).status, 400);
});

test('what cannot be read is refused', async () => {
  const { turn } = await submit(say('x', 1));
  assert.equal((await fetch(url('turn_00000000000000000000000000'))).status, 404);
  assert.equal((await fetch(`${url(turn)}?offset=wrong`)).status, 400);
  assert.equal((await fetch(`${url(turn)}?live=dance`)).status, 400);
  for (const method of ['POST', 'PUT', 'DELETE']) {
    assert.equal((await fetch(url(turn), { method })).status, 405);
  }
});

test('EventSource follows a turn, comes back when it is cut, and stops at its end', async () => {
  const { turn } = await submit(say(words(60), 10));
  const seen = [];
  let connections = 0;
  const source = new EventSource(`${base}/v1/turns/${turn}/events`, {
    fetch: async (target, init) => {
      connections++;
      const response = await fetch(target, init);
      if (connections > 1 || response.status !== 200) return response;
      let frames = 0;
      const cut = new TransformStream({
        transform(bytes, controller) {
          controller.enqueue(bytes);
          if (++frames === 5) controller.error(new TypeError('network error'));
        },
      });
      return new Response(response.body.pipeThrough(cut), { status: 200, headers: response.headers });
    },
  });
  const over = new Promise(resolve => {
    source.onmessage = message => {
      seen.push(JSON.parse(message.data));
      if (seen.at(-1).type === 'turn.ended') resolve();
    };
  });
  await over;
  await until('the 204', () => source.readyState === EventSource.CLOSED);
  assert.deepEqual(seen.map(event => event.seq), seen.map((_, i) => i));
  assert.equal(textOf(seen), words(60));
  assert.ok(connections >= 3);
});

await main();

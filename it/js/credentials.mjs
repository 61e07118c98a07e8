// The clients of the AI SDK's and the Durable Streams door against a server that asks for a credential.

import assert from 'node:assert/strict';
import { Chat } from '@ai-sdk/react';
import { createDurableChatTransport } from '@durable-streams/aisdk-transport';
import { stream } from '@durable-streams/client';
import { DefaultChatTransport, WebSocketChatTransport } from 'ai';
import { EventSource } from 'eventsource';
import { WebSocket } from 'ws';
import { PerdureChatTransport } from './chat-clients.mjs';
import { base, forEach, main, say, test, words } from './harness.mjs';

const [ANN, BOB] = ['annas-key-of-24-characters', 'bobs-key-of-24-characters-'];
const bearer = key => ({ authorization: `Bearer ${key}` });
const body = { model: 'openai/fake' };
let nextId = 0;
const newId = () => `credential-${process.pid}-${nextId++}`;

async function ask(key, method, path, json) {
  const headers = { ...bearer(key), ...(json && { 'content-type': 'application/json' }) };
  return fetch(base + path, { method, headers, body: json && JSON.stringify(json) });
}

const token = async (key, path) =>
  (await (await ask(key, 'POST', '/v1/stream-tokens', path ? { path } : {})).json()).token;

const CLIENTS = [
  { name: 'useChat', transport: key => new DefaultChatTransport({ api: `${base}/api/chat`, headers: bearer(key), body }) },
  {
    name: 'useChat over WebSocket',
    transport: key =>
      new WebSocketChatTransport({
        url: `${base}/api/chat`,
        params: async () => ({ token: (await token(key, '/api/chat')) ?? 'none' }),
        webSocket: WebSocket,
        body,
      }),
  },
  {
    name: 'PerdureChatTransport',
    transport: key => new PerdureChatTransport({ api: `${base}/api/chat`, headers: () => bearer(key), body }),
  },
  {
    name: 'aisdk-transport of Durable Streams',
    transport: key =>
      createDurableChatTransport({
        api: `${base}/api/chat`,
        headers: { ...bearer(key), prefer: 'respond-async' },
        fetchClient: (url, init) =>
          fetch(url, { ...init, body: init.body && JSON.stringify({ ...body, ...JSON.parse(init.body) }) }),
      }),
  },
];

const open = (client, key, id = newId(), messages = []) =>
  new Chat({ id, messages, transport: client.transport(key), onError: () => {} });
const reply = chat =>
  (chat.messages.at(-1)?.role === 'assistant' ? chat.messages.at(-1).parts : [])
    .filter(part => part.type === 'text')
    .map(part => part.text)
    .join('');

forEach(CLIENTS, 'a caller with a key sends, streams and resumes', async client => {
  const chat = open(client, ANN);
  await chat.sendMessage({ text: say(words(20), 5) });
  assert.equal(chat.error, undefined);
  assert.equal(reply(chat), words(20));
  const again = open(client, ANN, chat.id, chat.messages.slice(0, 1));
  await again.resumeStream();
  assert.equal(again.error, undefined);
  assert.equal(reply(again), words(20));
});

forEach(CLIENTS, 'a caller without a valid key is refused, and is told so', async client => {
  const chat = open(client, `${ANN}x`);
  await chat.sendMessage({ text: say('x', 1) });
  assert.equal(chat.status, 'error');
  const socket = client.name.includes('WebSocket');
  if (!socket) assert.match(chat.error.message, /credential/i);
  if (client.name === 'useChat') assert.equal(chat.error.statusCode, 401);
});

forEach(CLIENTS, "the id of another's chat is a chat of one's own", async client => {
  const chat = open(client, ANN);
  await chat.sendMessage({ text: say('for Ann only', 1) });
  const foreign = open(client, BOB, chat.id);
  await foreign.resumeStream();
  assert.deepEqual([foreign.status, foreign.messages], ['ready', []]);
  await foreign.sendMessage({ text: say("Bob's", 1) });
  assert.equal(reply(foreign), "Bob's");
  const loaded = await (await ask(ANN, 'GET', `/api/chat/${chat.id}/messages`)).text();
  assert.ok(loaded.includes('for Ann only') && !loaded.includes("Bob's"));
});

test('a page that loads a chat can show its files, and nobody else can', async () => {
  const chat = open(CLIENTS[0], ANN);
  const url = `data:text/plain;base64,${Buffer.from('for Ann').toString('base64')}`;
  await chat.sendMessage({ text: say('x', 1), files: [{ type: 'file', mediaType: 'text/plain', url }] });
  const [asked] = await (await ask(ANN, 'GET', `/api/chat/${chat.id}/messages`)).json();
  const file = new URL(asked.parts[0].url, base);
  assert.equal(await (await fetch(file)).text(), 'for Ann');
  assert.equal((await fetch(new URL(file.pathname, base))).status, 401);
  for (const [key, status] of [[ANN, 200], [BOB, 404]]) {
    const message = { id: newId(), role: 'user', parts: [asked.parts[0], { type: 'text', text: say('y', 1) }] };
    const sent = await ask(key, 'POST', '/api/chat', { id: newId(), messages: [message], ...body });
    assert.equal(sent.status, status, await sent.text());
  }
});

async function turnOf(key) {
  const session = await (await ask(key, 'POST', '/v1/sessions', {})).json();
  const accepted = await ask(key, 'POST', `/v1/sessions/${session.id}/turns`, { text: say(words(20), 5), models: [body.model] });
  return (await accepted.json()).turn;
}

test('a reader of Durable Streams sends a credential or a token, and sees what is its own', async () => {
  const turn = await turnOf(ANN);
  const url = `${base}/streams/turns/${turn}`;
  const read = async (headers, query = '') => {
    const events = [];
    const response = await stream({ url: url + query, live: 'sse', json: true, warnOnHttp: false, headers });
    for await (const event of response.jsonStream()) events.push(event);
    return events;
  };
  const whole = await read(bearer(ANN));
  assert.equal(whole.at(-1).type, 'turn.ended');
  assert.deepEqual(await read({}, `?token=${await token(ANN, `/streams/turns/${turn}`)}`), whole);
  assert.deepEqual(await read({}, `?token=${await token(ANN)}`), whole);
  assert.equal((await fetch(url)).status, 401);
  assert.equal((await fetch(url, { headers: bearer(BOB) })).status, 404);
  assert.equal((await fetch(`${url}?token=${await token(BOB)}`)).status, 404);
  assert.equal((await fetch(`${url}?token=${await token(ANN, '/v1/inbox/events')}`)).status, 401);
});

test('EventSource has a token', async () => {
  const turn = await turnOf(ANN);
  const source = new EventSource(`${base}/v1/turns/${turn}/events?token=${await token(ANN)}`);
  const types = [];
  await new Promise(resolve => {
    source.onmessage = message => {
      types.push(JSON.parse(message.data).type);
      if (types.at(-1) === 'turn.ended') resolve();
    };
  });
  source.close();
  assert.equal(types[0], 'turn.accepted');
});

await main();

// WebSocketChatTransport of the AI SDK as it is published: what is its own. The rest is in chat-cases.mjs.

import assert from 'node:assert/strict';
import { Chat } from '@ai-sdk/react';
import {
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
  WebSocketChatTransport,
} from 'ai';
import { WebSocket } from 'ws';
import { api, base, main, say, storedReplies, test, until, words } from './harness.mjs';

const MODEL = 'openai/fake';
let nextId = 0;
const newId = () => `socket-${process.pid}-${nextId++}`;

/** A transport that counts its connections and keeps what the server has sent. */
function transport(options = {}) {
  const sockets = [];
  const received = [];
  const webSocket = class extends WebSocket {
    constructor(...args) {
      super(...args);
      sockets.push(this);
      this.addEventListener('message', event => received.push(String(event.data)));
    }
  };
  const made = new WebSocketChatTransport({ url: `${base}/api/chat`, webSocket, body: { model: MODEL }, ...options });
  return Object.assign(made, { sockets, received });
}

function open(over = transport(), id = newId(), messages = []) {
  const problems = [];
  const chat = new Chat({
    id,
    messages,
    transport: over,
    onError: error => problems.push(error),
    sendAutomaticallyWhen: all =>
      lastAssistantMessageIsCompleteWithApprovalResponses(all) || lastAssistantMessageIsCompleteWithToolCalls(all),
  });
  return Object.assign(chat, { problems, over });
}

const textOf = message => message.parts.filter(part => part.type === 'text').map(part => part.text).join('');
const reply = chat => (chat.messages.at(-1)?.role === 'assistant' ? textOf(chat.messages.at(-1)) : '');
const toolPart = chat => chat.messages.at(-1).parts.find(part => part.type.startsWith('tool-'));

test('chats share one connection, and each has its own replies', async () => {
  const over = transport();
  const chats = Array.from({ length: 8 }, () => open(over));
  await Promise.all(chats.map((chat, i) => chat.sendMessage({ text: say(`chat ${i} says ${words(20)}`, 5) })));
  for (const [i, chat] of chats.entries()) {
    assert.deepEqual(chat.problems, []);
    assert.equal(reply(chat), `chat ${i} says ${words(20)}`);
    assert.equal((await storedReplies(chat.messages.at(-1).metadata.session))[0].text, reply(chat));
  }
  assert.equal(over.sockets.length, 1);
});

test('its chunks are those of the event stream, byte for byte, each time', async () => {
  const chat = open();
  await chat.sendMessage({ text: say(words(30), 2, '/think', '/error 529 at 40') });
  const chunks = over =>
    over.received
      .map(frame => JSON.parse(frame))
      .filter(({ type }) => type === 'chunk')
      .map(({ sequence, chunk }) => `${sequence} ${JSON.stringify(chunk)}`);
  const events = await (await fetch(`${base}/api/chat/${chat.id}/stream`)).text();
  const expected = events
    .split('\n\n')
    .filter(frame => frame.startsWith('data: {'))
    .map((frame, i) => `${i} ${frame.slice('data: '.length)}`);
  assert.deepEqual(chunks(chat.over), expected);
  const again = open(transport(), chat.id);
  await again.resumeStream();
  assert.deepEqual(chunks(again.over), expected);
});

test('a stop ends the stream and not the reply, and the connection is used again', async () => {
  const chat = open();
  const sent = chat.sendMessage({ text: say(words(40), 20) });
  await until('some text', () => reply(chat).length > 10);
  await chat.stop();
  await sent;
  assert.equal(chat.status, 'ready');
  await chat.resumeStream();
  assert.equal(reply(chat), words(40));
  assert.equal(chat.over.sockets.length, 1);
});

test('an approval is asked for and given over the same connection', async () => {
  const chat = open();
  const text = '/tool time {"zone":"UTC"}';
  await chat.sendMessage({ text }, { body: { toolPolicy: { time: 'always' } } });
  assert.equal(toolPart(chat).state, 'approval-requested');
  await chat.addToolApprovalResponse({ id: toolPart(chat).approval.id, approved: true });
  await until('the result', () => toolPart(chat).state === 'output-available' && chat.status === 'ready');
  assert.deepEqual(chat.problems, []);
  assert.equal(chat.messages.length, 2);
  assert.equal(reply(chat), (await storedReplies(chat.messages.at(-1).metadata.session))[0].text);
  assert.equal(chat.over.sockets.length, 1);
});

test('a tool of the client is run by the client', async () => {
  const chat = open();
  const clientTools = [{ name: 'place', description: 'Where the user is', schema: { type: 'object' } }];
  await chat.sendMessage({ text: '/tool place {"exact":true}' }, { body: { clientTools } });
  await chat.addToolOutput({ tool: 'place', toolCallId: toolPart(chat).toolCallId, output: { city: 'Bonn' } });
  await until('the reply', () => reply(chat).includes('Bonn') && chat.status === 'ready');
  assert.deepEqual(chat.problems, []);
});

test('another reply, and an edit', async () => {
  const chat = open();
  await chat.sendMessage({ text: say('one', 1) });
  const [question, first] = chat.messages;
  await chat.regenerate();
  assert.notEqual(chat.messages.at(-1).id, first.id);
  await chat.sendMessage({ parts: [{ type: 'text', text: say('two', 1) }], messageId: question.id });
  assert.equal(reply(chat), 'two');
  assert.equal((await storedReplies(chat.messages.at(-1).metadata.session)).length, 3);
});

test('what cannot be is refused in words that may be shown, and the connection stays', async () => {
  const chat = open();
  await chat.sendMessage({ text: ' ' });
  assert.equal(chat.status, 'error');
  assert.match(chat.error.message, /blank/);
  await chat.sendMessage({ text: 'x' }, { body: { model: 'no/such' } });
  assert.match(chat.error.message, /no\/such/);
  await chat.sendMessage({ text: say('at last', 1) });
  assert.equal(reply(chat), 'at last');
  assert.equal(chat.over.sockets.length, 1);
});

test('a reply that fails is an error, and again when it is resumed', async () => {
  const chat = open();
  await chat.sendMessage({ text: say(words(20), 1, '/error 401') });
  assert.equal(chat.status, 'error');
  const said = chat.error.message;
  await chat.resumeStream();
  assert.equal(chat.error.message, said);
});

test('a client that cannot forget is told to resume', async () => {
  const chat = open(transport({ headers: { 'X-Perdure-Attempts': 'cut' } }));
  await chat.sendMessage({ text: say(words(60), 2, '/error 529 at 40') });
  assert.equal(chat.status, 'error');
  assert.match(chat.error.message, /Resume/);
  await chat.resumeStream();
  assert.equal(reply(chat), words(60));
});

test('a chat without a reply has nothing to resume', async () => {
  const chat = open();
  await chat.resumeStream();
  assert.equal(chat.status, 'ready');
  assert.deepEqual(await api('GET', `/api/chat/${chat.id}/messages`), []);
});

test('a history that is far too long is refused', async () => {
  const chat = open();
  chat.messages = Array.from({ length: 5000 }, (_, i) => ({
    id: `f${i}`,
    role: i % 2 ? 'assistant' : 'user',
    parts: [{ type: 'text', text: 'y'.repeat(1000) }],
  }));
  await chat.sendMessage({ text: say('long', 1) });
  assert.equal(chat.status, 'error');
  chat.messages = [];
  await chat.sendMessage({ text: say('short', 1) });
  assert.equal(reply(chat), 'short');
});

await main();

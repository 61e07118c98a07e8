// The transport of @perdure/client/ai-sdk under the AI SDK's own chat, against a real server.

import assert from 'node:assert/strict';
import { Chat } from '@ai-sdk/react';
import { lastAssistantMessageIsCompleteWithApprovalResponses } from 'ai';
import { MODEL, PerdureChatTransport } from './chat-clients.mjs';
import { base, cutAfter, main, say, storedReplies, test, until, words } from './harness.mjs';

let nextId = 0;

/** A chat on a network of its own: each stream of it breaks after so many chunks, as long as there are any. */
function open(breaks = [], id = `own-${process.pid}-${nextId++}`, options = {}, end = undefined) {
  const requests = [];
  const pauses = [];
  const network = async (url, init) => {
    requests.push(`${init?.method ?? 'GET'} ${new URL(url, base).pathname}`);
    const response = await fetch(new URL(url, base), init);
    if (!response.body || !String(response.headers.get('content-type')).startsWith('text/event-stream')) return response;
    const chunks = breaks.shift();
    return chunks === undefined
      ? response
      : new Response(response.body.pipeThrough(cutAfter(chunks, '\n\n', end)), response);
  };
  const transport = new PerdureChatTransport({
    fetch: network,
    body: { model: MODEL },
    pause: attempt => {
      pauses.push(attempt);
      return new Promise(resolve => setTimeout(resolve, 20));
    },
    ...options,
  });
  const problems = [];
  const chat = new Chat({
    id,
    transport,
    onError: error => problems.push(error),
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  });
  return Object.assign(chat, { problems, requests, pauses, network: transport });
}

const textOf = message => message.parts.filter(part => part.type === 'text').map(part => part.text).join('');
const reply = chat => (chat.messages.at(-1)?.role === 'assistant' ? textOf(chat.messages.at(-1)) : '');
const stored = async chat => storedReplies(chat.messages.at(-1).metadata.session);

test('a reply whose stream breaks at every chunk is whole, without a word of it to the page', async () => {
  const text = words(20);
  const chat = open(Array.from({ length: 24 }, (_, i) => i));
  await chat.sendMessage({ text: say(text, 2) });
  assert.deepEqual(chat.problems, []);
  assert.equal(reply(chat), text);
  assert.equal(chat.messages.length, 2);
  assert.equal((await stored(chat))[0].text, text);
  assert.equal(chat.requests.filter(request => request.startsWith('POST')).length, 1);
});

test('a stream that a proxy ends cleanly before the reply is over goes on', async () => {
  const text = words(20);
  const chat = open([0, 1, 1, 9, 14], undefined, {}, controller => controller.terminate());
  await chat.sendMessage({ text: say(text, 2) });
  assert.deepEqual(chat.problems, []);
  assert.equal(reply(chat), text);
  assert.deepEqual(chat.pauses, [0], 'pauses where a stream has brought nothing new');
});

test('streams that bring nothing new, however many, make nobody wait for long', async () => {
  const text = words(20);
  const chat = open(Array(14).fill(1));
  await chat.sendMessage({ text: say(text, 2) });
  assert.deepEqual(chat.problems, []);
  assert.equal(reply(chat), text);
  assert.deepEqual(chat.pauses, [0, 1, 2, ...Array(10).fill(3)]);
});

test('an attempt that is taken back is taken back through a break as well', async () => {
  const text = words(60);
  const chat = open([15, 30, 44, 50]);
  await chat.sendMessage({ text: say(text, 1, '/error 529 at 40') });
  assert.deepEqual(chat.problems, []);
  assert.equal(reply(chat), text);
});

test('a stop by the transport ends the reply itself', async () => {
  const chat = open();
  const sent = chat.sendMessage({ text: say(words(2000), 20) });
  await until('some text', () => reply(chat).length > 10);
  await chat.network.stop(chat.id);
  await sent;
  assert.equal((await stored(chat))[0].status, 'cancelled');
  assert.equal((await stored(chat))[0].text, reply(chat));
  assert.deepEqual(chat.problems, []);
});

test('an abort ends the reply only where that is wanted, as useChat aborts when its component goes', async () => {
  for (const [stopOnAbort, status] of [[true, 'cancelled'], [false, 'complete']]) {
    const chat = open([], undefined, { stopOnAbort });
    const sent = chat.sendMessage({ text: say(words(stopOnAbort ? 2000 : 30), 20) });
    await until('some text', () => reply(chat).length > 10);
    await chat.stop();
    await sent;
    await until('the end', async () => (await stored(chat))[0].status === status);
    assert.deepEqual(chat.problems, []);
  }
});

test('an approval is answered, and what comes then survives every break', async () => {
  for (let chunks = 0; chunks < 9; chunks++) {
    const chat = open();
    await chat.sendMessage({ text: '/tool time {"zone":"UTC"}' }, { body: { toolPolicy: { time: 'always' } } });
    const part = () => chat.messages.at(-1).parts.find(each => each.type === 'tool-time');
    assert.equal(part().state, 'approval-requested');
    const again = open([chunks], chat.id);
    again.messages = chat.messages;
    const tool = () => again.messages.at(-1).parts.find(each => each.type === 'tool-time');
    await again.addToolApprovalResponse({ id: tool().approval.id, approved: true });
    await until('the reply', () => again.status === 'ready' && tool().state === 'output-available');
    assert.deepEqual(again.problems, [], `cut after ${chunks}`);
    assert.equal(again.messages.length, 2);
    assert.equal(reply(again), (await stored(again))[0].text, `cut after ${chunks}`);
  }
});

test('a refusal is told at once, and a stored chat is loaded', async () => {
  const chat = open();
  await chat.sendMessage({ text: say('one', 1) });
  const loaded = await chat.network.load(chat.id);
  assert.deepEqual(loaded.map(textOf).slice(1), ['one']);
  await chat.sendMessage({ text: ' ' });
  assert.equal(chat.status, 'error');
  assert.equal(chat.requests.length, 3);
});

await main();

// The AI SDK's own chat and transport, as useChat runs them, against a real server: what is not in chat-cases.mjs.

import assert from 'node:assert/strict';
import { Chat } from '@ai-sdk/react';
import {
  DefaultChatTransport,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
} from 'ai';
import { DefaultChatTransport as DefaultChatTransport6, readUIMessageStream } from 'ai6';
import { api, ask, base, cutAfter, main, say, storedReplies, test, until, words } from './harness.mjs';

const MODEL = 'openai/fake';
let nextId = 0;
const newId = () => `chat-${process.pid}-${nextId++}`;

/** Set to cut the next streams after so many frames. */
let cut = null;

const fetchHere = async (url, init) => {
  const response = await fetch(new URL(url, base), init);
  if (cut === null || !response.body) return response;
  const body = response.body.pipeThrough(cutAfter(cut));
  return new Response(body, { status: response.status, headers: response.headers });
};

const transport = (headers = {}) =>
  new DefaultChatTransport({ api: '/api/chat', fetch: fetchHere, headers, body: { model: MODEL } });

function open(id = newId(), messages = [], headers = {}) {
  const problems = [];
  const notices = [];
  const chat = new Chat({
    id,
    messages,
    transport: transport(headers),
    onError: error => problems.push(error),
    onData: part => notices.push(part),
  });
  return Object.assign(chat, { problems, notices });
}

const textOf = message =>
  message.parts.filter(part => part.type === 'text').map(part => part.text).join('');
const reply = chat => {
  const last = chat.messages.at(-1);
  return last?.role === 'assistant' ? textOf(last) : '';
};
const session = chat => chat.messages.at(-1).metadata.session;
const replies = chat => chat.messages.filter(message => message.role === 'assistant');

const post = body =>
  fetch(`${base}/api/chat`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

async function stored(chat) {
  return (await storedReplies(session(chat))).map(message => message.text);
}

test('metadata says which model, and what it cost', async () => {
  const chat = open();
  await chat.sendMessage({ text: say(words(5), 1) });
  const { metadata, id } = chat.messages.at(-1);
  assert.match(id, /^msg_/);
  assert.equal(metadata.model, MODEL);
  assert.ok(metadata.usage.outputTokens > 0);
});

test('reasoning comes as a part of its own', async () => {
  const chat = open();
  await chat.sendMessage({ text: say('thought through', 1, '/think') }, { body: { model: 'anthropic/fake' } });
  const types = chat.messages.at(-1).parts.map(part => part.type);
  assert.deepEqual(types, ['step-start', 'reasoning', 'text']);
  assert.ok(chat.messages.at(-1).parts.every(part => part.state !== 'streaming'));
});

const dataUrl = (type, bytes) => `data:${type};base64,${Buffer.from(bytes).toString('base64')}`;
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const dot = { type: 'file', mediaType: 'image/png', filename: 'dot.png', url: dataUrl('image/png', PNG) };
const load = async chat => (await fetch(`${base}/api/chat/${chat.id}/messages`)).json();

test('files come along with a message, and with a page that is loaded', async () => {
  const chat = open();
  const long = dataUrl('text/plain', 'A line of a long text.\n'.repeat(200_000));
  const note = { type: 'file', mediaType: 'text/plain', filename: 'long.txt', url: long };
  await chat.sendMessage({ parts: [dot, { type: 'data-mine', data: 1 }, { type: 'text', text: say('seen', 1) }, note] });
  assert.equal(reply(chat), 'seen');
  const [asked] = await load(chat);
  const [picture, , text] = asked.parts;
  assert.deepEqual(asked.parts.map(part => part.filename ?? part.type), ['dot.png', 'text', 'long.txt']);
  assert.equal(picture.mediaType, 'image/png');
  assert.deepEqual(Buffer.from(await (await fetch(new URL(picture.url, base))).arrayBuffer()), PNG);
  assert.equal((await (await fetch(new URL(text.url, base))).text()).length, 23 * 200_000);
  for (const parts of [chat.messages[0].parts, asked.parts]) {
    const body = { id: chat.id, messages: [{ ...asked, parts }], model: MODEL };
    const again = await post(body);
    assert.match(await again.text(), new RegExp(chat.messages[1].id), 'the same message once more');
    const other = { ...body, messages: [{ ...asked, parts: parts.slice(1) }] };
    assert.equal((await post(other)).status, 409, 'another message of the same id');
  }
  const page = open(chat.id, await load(chat));
  await page.regenerate();
  await page.sendMessage({ messageId: asked.id, parts: [asked.parts[0], { type: 'text', text: say('edited', 1) }] });
  assert.equal(reply(page), 'edited');
  assert.deepEqual((await load(page))[0].parts[0], picture);
});

test('a file is sent alone, and is refused where it cannot be read', async () => {
  const chat = open();
  await chat.sendMessage({ files: [dot] });
  assert.equal(chat.status, 'ready', chat.error?.message);
  for (const [url, status] of [
    ['https://example.com/a.png', 400],
    ['data:image/png;base64,x!', 400],
    ['', 400],
    ['/v1/files/file_00000000000000000000000000', 404],
    [dataUrl('application/x-thing', [0, 1, 2, 255]), 415],
  ]) {
    const message = { id: newId(), role: 'user', parts: [{ ...dot, url }, { type: 'text', text: 'x' }] };
    const refused = await post({ id: newId(), messages: [message], model: MODEL });
    assert.equal(refused.status, status, await refused.text());
  }
});

test('a second message knows the first', async () => {
  const chat = open();
  await chat.sendMessage({ text: say('one', 1) });
  await chat.sendMessage({ text: say('two', 1) });
  assert.deepEqual(await stored(chat), ['one', 'two']);
  const page = await api('GET', `/v1/sessions/${session(chat)}/messages`);
  const [second, question2, first, question1] = page.items;
  assert.equal(second.parent, question2.id);
  assert.equal(question2.parent, first.id);
  assert.equal(first.parent, question1.id);
});

test('a live stream that is cut again and again ends with the whole text', async () => {
  const text = words(40);
  const chat = open();
  cut = 3;
  await chat.sendMessage({ text: say(text, 10) });
  for (cut = 4; cut < 12; cut++) {
    await chat.resumeStream();
    assert.equal(chat.status, 'error');
  }
  cut = null;
  await chat.resumeStream();
  assert.equal(reply(chat), text);
  assert.equal(replies(chat).length, 1);
  assert.deepEqual(await stored(chat), [text]);
});

test('a chat without a reply has nothing to resume', async () => {
  const chat = open();
  await chat.resumeStream();
  assert.equal(chat.status, 'ready');
  assert.deepEqual(chat.problems, []);
  assert.deepEqual(await api('GET', `/api/chat/${chat.id}/messages`), []);
});

test('the same id with another text is refused, unless it is an edit', async () => {
  const chat = open();
  const message = { id: newId(), role: 'user', parts: [{ type: 'text', text: say('one', 1) }] };
  await chat.sendMessage(message);
  const other = open(chat.id);
  await other.sendMessage({ ...message, parts: [{ type: 'text', text: say('two', 1) }] });
  assert.equal(other.status, 'error');
  assert.equal(other.error.statusCode, 409);
});

test('an attempt that failed after some text is taken back', async () => {
  const chat = open();
  const text = words(60);
  const shown = new Set();
  const sent = chat.sendMessage({ text: say(text, 2, '/error 529 at 40') });
  await until('the first attempt', () => reply(chat).length > 20);
  const watch = setInterval(() => shown.add(chat.messages.at(-1).parts.length), 1);
  await sent;
  clearInterval(watch);
  assert.equal(reply(chat), text);
  assert.deepEqual(chat.messages.at(-1).parts.map(part => part.type), ['step-start', 'text']);
  assert.ok(chat.notices.some(part => part.type === 'data-notice' && part.data.code === 'retrying'));
  assert.deepEqual(await stored(chat), [text]);
});

test('a client of version 6 is cut off instead and shown the new attempt when it resumes', async () => {
  const text = words(60);
  const chatId = newId();
  const six = new DefaultChatTransport6({
    api: '/api/chat',
    fetch: fetchHere,
    headers: { 'x-perdure-attempts': 'cut' },
    body: { model: MODEL },
  });
  const message = { id: newId(), role: 'user', parts: [{ type: 'text', text: say(text, 2, '/error 529 at 40') }] };
  const last = async stream => {
    let now;
    for await (const state of readUIMessageStream({ stream, terminateOnError: true })) now = state;
    return now;
  };
  const first = await six.sendMessages({
    chatId,
    messages: [message],
    trigger: 'submit-message',
    messageId: undefined,
    abortSignal: undefined,
  });
  await assert.rejects(last(first));
  const again = await last(await six.reconnectToStream({ chatId }));
  assert.equal(textOf(again), text);
  assert.equal((await storedReplies(again.metadata.session))[0].text, text);
});

test('a client of version 6 streams, and resumes', async () => {
  const chatId = newId();
  const six = new DefaultChatTransport6({ api: '/api/chat', fetch: fetchHere, body: { model: MODEL } });
  const message = { id: newId(), role: 'user', parts: [{ type: 'text', text: say(words(20), 2, '/think') }] };
  const states = [];
  const options = { chatId, messages: [message], trigger: 'submit-message' };
  for await (const state of readUIMessageStream({ stream: await six.sendMessages(options) })) states.push(state);
  const again = [];
  for await (const state of readUIMessageStream({ stream: await six.reconnectToStream({ chatId }) })) again.push(state);
  assert.equal(textOf(states.at(-1)), words(20));
  assert.deepEqual(again.at(-1), states.at(-1));
});

test('a reply that fails is an error, and again when it is resumed', async () => {
  const chat = open();
  await chat.sendMessage({ text: say(words(20), 1, '/error 401') });
  assert.equal(chat.status, 'error');
  const said = chat.error.message;
  assert.ok(said.length > 10 && said.length < 500, said);
  await chat.resumeStream();
  assert.equal(chat.status, 'error');
  assert.equal(chat.error.message, said);
  await chat.regenerate({ body: { model: MODEL } });
});

test('an edit is a branch, and the model sees that branch only', async () => {
  const chat = open();
  await chat.sendMessage({ text: say('first', 1) });
  const wrong = newId();
  await chat.sendMessage({ id: wrong, role: 'user', parts: [{ type: 'text', text: say('wrong', 1) }] });
  await chat.sendMessage({ text: say('behind the wrong one', 1) });
  await chat.sendMessage({ parts: [{ type: 'text', text: say('right', 1) }], messageId: wrong });
  assert.deepEqual(replies(chat).map(textOf), ['first', 'right']);
  assert.equal(chat.messages[2].id, wrong);
  assert.deepEqual(await stored(chat), ['first', 'wrong', 'behind the wrong one', 'right']);
  const loaded = await api('GET', `/api/chat/${chat.id}/messages`);
  assert.deepEqual(loaded.map(message => message.id), chat.messages.map(message => message.id));
  await chat.sendMessage({ text: say('after', 1) });
  const page = await api('GET', `/v1/sessions/${session(chat)}/messages`);
  const [, question] = page.items;
  assert.equal(question.parent, chat.messages[3].id);
});

test('another reply stands beside the first one', async () => {
  const chat = open();
  await chat.sendMessage({ text: say('an answer', 1) });
  const first = chat.messages.at(-1).id;
  await chat.regenerate();
  assert.equal(chat.messages.length, 2);
  assert.notEqual(chat.messages.at(-1).id, first);
  await chat.regenerate({ messageId: chat.messages.at(-1).id });
  const messages = await storedReplies(session(chat));
  assert.equal(messages.length, 3);
  assert.equal(new Set(messages.map(message => message.parent)).size, 1);
  await chat.sendMessage({ text: say('further', 1) });
  assert.equal(reply(chat), 'further');
});

const callTool = (name, input, ...rest) => [`/tool ${name} ${JSON.stringify(input)}`, ...rest].join('\n');
const place = { name: 'place', description: 'Where the user is', schema: { type: 'object' } };
const toolPart = chat => chat.messages.at(-1).parts.find(part => part.type.startsWith('tool-'));
/** A chat that sends by itself what the user has answered, as the SDK's pages do. */
function answering(id, messages = []) {
  const chat = open(id, messages);
  chat.sendAutomaticallyWhen = ({ messages }) =>
    lastAssistantMessageIsCompleteWithApprovalResponses({ messages }) ||
    lastAssistantMessageIsCompleteWithToolCalls({ messages });
  return chat;
}
const settled = chat => until('the reply', () => chat.status === 'ready' || chat.status === 'error');

test('a tool of the server is a part with its result', async () => {
  const chat = open();
  await chat.sendMessage({ text: callTool('time', { zone: 'UTC' }) });
  assert.deepEqual(chat.problems, []);
  const types = chat.messages.at(-1).parts.map(part => part.type);
  assert.equal(types.filter(type => type === 'tool-time').length, 1);
  assert.equal(toolPart(chat).state, 'output-available');
  assert.equal(toolPart(chat).output.zone, 'UTC');
  const loaded = await api('GET', `/api/chat/${chat.id}/messages`);
  const part = loaded[1].parts.find(each => each.type === 'tool-time');
  assert.deepEqual([part.state, part.output], ['output-available', toolPart(chat).output]);
});

test('an approval is asked for, given, and the reply goes on in the same message', async () => {
  const chat = answering();
  const ask = { body: { toolPolicy: { time: 'always' } } };
  await chat.sendMessage({ text: callTool('time', { zone: 'UTC' }) }, ask);
  assert.equal(chat.status, 'ready');
  assert.equal(toolPart(chat).state, 'approval-requested');
  const { id } = chat.messages.at(-1);
  await chat.addToolApprovalResponse({ id: toolPart(chat).approval.id, approved: true });
  await until('the result', () => toolPart(chat).state === 'output-available' && chat.status === 'ready');
  assert.deepEqual(chat.problems, []);
  assert.equal(chat.messages.length, 2);
  assert.equal(chat.messages.at(-1).id, id);
  assert.equal(toolPart(chat).output.zone, 'UTC');
  assert.ok(reply(chat).length > 0);
  assert.equal(reply(chat), (await stored(chat))[0]);
  const whole = open(chat.id);
  await whole.resumeStream();
  assert.equal(reply(whole), reply(chat));
  assert.equal(toolPart(whole).state, 'output-available');
});

test('an approval is refused, and the model is told why', async () => {
  const chat = answering();
  await chat.sendMessage({ text: callTool('time', {}) }, { body: { toolPolicy: { time: 'always' } } });
  await chat.addToolApprovalResponse({ id: toolPart(chat).approval.id, approved: false, reason: 'not now' });
  await until('the denial', () => toolPart(chat).state === 'output-denied' && chat.status === 'ready');
  assert.deepEqual(chat.problems, []);
  assert.ok(reply(chat).length > 0);
});

test('a page that is loaded while an approval is waited for asks again, and one answer counts', async () => {
  const before = open();
  await before.sendMessage({ text: callTool('time', {}) }, { body: { toolPolicy: { time: 'always' } } });
  const pages = [];
  for (let i = 0; i < 2; i++) {
    const page = answering(before.id, await api('GET', `/api/chat/${before.id}/messages`));
    await page.resumeStream();
    assert.equal(toolPart(page).state, 'approval-requested');
    pages.push(page);
  }
  const answer = (page, approved) =>
    page.addToolApprovalResponse({ id: toolPart(page).approval.id, approved });
  await answer(pages[0], true);
  await until('the result', () => toolPart(pages[0]).state === 'output-available' && pages[0].status === 'ready');
  await answer(pages[1], false);
  await until('the result', () => toolPart(pages[1]).state === 'output-available' && pages[1].status === 'ready');
  assert.equal(reply(pages[1]), reply(pages[0]));
  assert.equal((await stored(pages[0])).length, 1);
});

test('a tool of the client is run by the client, and the reply goes on', async () => {
  const chat = answering();
  await chat.sendMessage({ text: callTool('place', { exact: true }) }, { body: { clientTools: [place] } });
  assert.deepEqual(chat.problems, []);
  const part = toolPart(chat);
  assert.deepEqual([part.type, part.state, part.input], ['tool-place', 'input-available', { exact: true }]);
  await chat.addToolOutput({ tool: 'place', toolCallId: part.toolCallId, output: { city: 'Bonn' } });
  await until('the reply', () => reply(chat).length > 0 && chat.status === 'ready');
  assert.deepEqual(chat.problems, []);
  assert.equal(chat.messages.length, 2);
  assert.ok(reply(chat).includes('Bonn'), reply(chat));
  assert.equal(reply(chat), (await stored(chat))[0]);
});

test('a tool of the client that fails is told to the model', async () => {
  const chat = answering();
  await chat.sendMessage({ text: callTool('place', {}) }, { body: { clientTools: [place] } });
  await chat.addToolOutput({
    tool: 'place',
    toolCallId: toolPart(chat).toolCallId,
    state: 'output-error',
    errorText: 'no permission',
  });
  await until('the reply', () => reply(chat).length > 0 && chat.status === 'ready');
  assert.equal(toolPart(chat).state, 'output-error');
  assert.ok(reply(chat).includes('no permission'), reply(chat));
});

test('who writes something else instead of an answer withdraws the question', async () => {
  const chat = open();
  await chat.sendMessage({ text: callTool('place', {}) }, { body: { clientTools: [place] } });
  await chat.sendMessage({ text: say('something else', 1) });
  assert.equal(reply(chat), 'something else');
  const old = open(chat.id, chat.messages.slice(0, 2));
  old.messages.at(-1).parts.find(part => part.type === 'tool-place').state = 'output-available';
  await old.sendMessage();
  assert.equal(old.error.statusCode, 409);
});

const question = { question: 'Which?', choices: ['Red', 'Blue'] };
const asking = { body: { tools: ['ask_user'] } };

test('a question of the model is a part whose output is the answer', async () => {
  const chat = answering();
  await chat.sendMessage({ text: callTool('ask_user', question) }, asking);
  assert.deepEqual(chat.problems, []);
  const part = toolPart(chat);
  assert.deepEqual([part.type, part.state, part.input], ['tool-ask_user', 'input-available', question]);
  await chat.addToolOutput({ tool: 'ask_user', toolCallId: part.toolCallId, output: 'Blue' });
  await until('the reply', () => reply(chat).includes('Blue') && chat.status === 'ready');
  assert.deepEqual(chat.problems, []);
  assert.equal(chat.messages.length, 2);
  assert.equal(reply(chat), (await stored(chat))[0]);
});

test('a question may be declined, and what is no answer is refused', async () => {
  const chat = answering();
  await chat.sendMessage({ text: callTool('ask_user', question) }, asking);
  const { toolCallId } = toolPart(chat);
  const wrong = open(chat.id, structuredClone(chat.messages));
  wrong.sendAutomaticallyWhen = chat.sendAutomaticallyWhen;
  await wrong.addToolOutput({ tool: 'ask_user', toolCallId, output: 'Green' });
  await until('the refusal', () => wrong.status === 'error');
  assert.equal(wrong.error.statusCode, 400);
  await chat.addToolOutput({ tool: 'ask_user', toolCallId, state: 'output-error', errorText: 'private' });
  await until('the reply', () => reply(chat).includes('private') && chat.status === 'ready');
  assert.deepEqual(chat.problems, []);
});

test('the next message answers a question, and the reply goes on behind it', async () => {
  const chat = open();
  await chat.sendMessage({ text: callTool('ask_user', question) }, asking);
  await ask('kill');
  await chat.sendMessage({ text: 'blue' });
  assert.deepEqual(chat.problems, []);
  assert.equal(chat.messages.length, 4);
  assert.equal(new Set(chat.messages.map(message => message.id)).size, 4);
  assert.ok(reply(chat).includes('Blue'), reply(chat));
  const [whole, ...others] = await stored(chat);
  assert.deepEqual(others, []);
  assert.equal(whole, textOf(chat.messages[1]) + reply(chat));
  const loaded = await api('GET', `/api/chat/${chat.id}/messages`);
  assert.deepEqual(loaded.map(message => message.role), ['user', 'assistant', 'user']);
  await chat.sendMessage({ text: say('further', 1) });
  assert.equal(reply(chat), 'further');
  assert.equal((await stored(chat)).length, 2);
});

test('an approval outlives the server that asked for it', async () => {
  const chat = answering();
  await chat.sendMessage({ text: callTool('time', {}) }, { body: { toolPolicy: { time: 'always' } } });
  await ask('kill');
  await chat.addToolApprovalResponse({ id: toolPart(chat).approval.id, approved: true });
  await until('the result', () => toolPart(chat).state === 'output-available' && chat.status === 'ready');
  assert.deepEqual(chat.problems, []);
  assert.equal(reply(chat), (await stored(chat))[0]);
});

test('what cannot be is refused in words that may be shown', async () => {
  const refused = async (body, status) => {
    const response = await fetch(`${base}/api/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    assert.equal(response.status, status, text);
    assert.match(response.headers.get('content-type'), /^text\/plain/);
    assert.doesNotMatch(text, /exception|dev\.perdure|\{/i);
    return text;
  };
  const user = text => ({ id: 'u1', role: 'user', parts: [{ type: 'text', text }] });
  await refused('{"id":', 400);
  await refused('[]', 400);
  await refused({ messages: [user('x')] }, 400);
  await refused({ id: newId(), messages: [] }, 400);
  await refused({ id: newId(), messages: 'none' }, 400);
  await refused({ id: newId(), messages: [{ id: 'a', role: 'assistant', parts: [] }] }, 400);
  await refused({ id: newId(), messages: [{ id: 'a', role: 'user', parts: [{ type: 'file', url: 'x' }] }] }, 400);
  await refused({ id: newId(), messages: [user(' ')] }, 400);
  await refused({ id: newId(), messages: [user('x')], model: 'no/such' }, 400);
  await refused({ id: newId(), messages: [user('x')], trigger: 'dance' }, 400);
  await refused({ id: newId(), messages: [user('x'.repeat(300_000))] }, 413);
  await refused({ id: 'sess_00000000000000000000000000', messages: [user('x')] }, 404);
  await refused({ id: newId(), messages: [user('x')], trigger: 'regenerate-message' }, 404);
  const stop = await fetch(`${base}/api/chat/${newId()}/stop`, { method: 'POST' });
  assert.equal(stop.status, 404);
});

test('a long history is not read', async () => {
  const chat = open();
  await chat.sendMessage({ text: say('short', 1) });
  const filler = Array.from({ length: 2000 }, (_, i) => ({
    id: `f${i}`,
    role: i % 2 ? 'assistant' : 'user',
    parts: [{ type: 'text', text: 'y'.repeat(1000) }],
  }));
  chat.messages = [...filler, ...chat.messages];
  await chat.sendMessage({ text: say('long', 1) });
  assert.equal(reply(chat), 'long');
});

test('a session of the native API is a chat of its id', async () => {
  const { id } = await api('POST', '/v1/sessions', {});
  const chat = open(id);
  await chat.sendMessage({ text: say('native', 1) });
  assert.equal(session(chat), id);
});

await main();

// The official OpenAI client against a real server.

import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { api, ask, base, cutAfter, main, say, storedReplies, test, until, words } from './harness.mjs';

const MODEL = 'openai/fake';
const client = (options = {}) =>
  new OpenAI({ apiKey: 'any', baseURL: `${base}/openai/v1`, maxRetries: 0, ...options });

/** The 31 members that the Open Responses specification requires of a response. */
const REQUIRED = `id object created_at completed_at status incomplete_details model previous_response_id
  instructions output error tools tool_choice truncation parallel_tool_calls text top_p presence_penalty
  frequency_penalty top_logprobs temperature reasoning usage max_output_tokens max_tool_calls store
  background service_tier metadata safety_identifier prompt_cache_key`.split(/\s+/);

function assertShape(response, status) {
  assert.equal(REQUIRED.length, 31);
  for (const member of REQUIRED) assert.ok(member in response, `${status} has no ${member}`);
  assert.equal(response.object, 'response');
  assert.equal(response.status, status);
  assert.match(response.id, /^resp_/);
  assert.ok(Number.isInteger(response.created_at));
  assert.equal(response.completed_at !== null, status === 'completed');
  assert.equal(response.error !== null, status === 'failed');
  assert.equal(response.incomplete_details !== null, status === 'incomplete');
  assert.equal(typeof response.temperature, 'number');
  assert.equal(typeof response.top_p, 'number');
  assert.equal(typeof response.top_logprobs, 'number');
  assert.ok(['text', 'json_object', 'json_schema'].includes(response.text.format.type));
  for (const item of response.output) {
    assert.ok(item.id && item.type, JSON.stringify(item));
    assert.ok(item.status || item.type === 'mcp_approval_request', JSON.stringify(item));
    if (item.type !== 'message') continue;
    assert.equal(item.role, 'assistant');
    for (const content of item.content) {
      assert.equal(content.type, 'output_text');
      assert.ok(Array.isArray(content.annotations) && Array.isArray(content.logprobs));
    }
  }
  if (response.usage) {
    const { input_tokens, output_tokens, total_tokens, input_tokens_details, output_tokens_details } = response.usage;
    assert.equal(total_tokens, input_tokens + output_tokens);
    assert.ok(Number.isInteger(input_tokens_details.cached_tokens));
    assert.ok(Number.isInteger(output_tokens_details.reasoning_tokens));
  }
}

async function collect(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

function assertDense(events, first = 0) {
  assert.deepEqual(events.map(event => event.sequence_number), events.map((_, i) => first + i));
}

const turnOf = id => `turn_${id.slice('resp_'.length)}`;

async function storedText(id) {
  const turn = await api('GET', `/v1/turns/${turnOf(id)}`);
  const replies = await storedReplies(turn.session);
  return replies.find(reply => reply.turn === turn.turn).text;
}

test('a response is waited for', async () => {
  const response = await client().responses.create({
    model: MODEL,
    input: say(words(20), 1),
    metadata: { a: 'b' },
    temperature: 0.5,
  });
  assertShape(response, 'completed');
  assert.equal(response.output_text, words(20));
  assert.deepEqual(response.metadata, { a: 'b' });
  assert.equal(response.temperature, 0.5);
  assert.ok(response.usage.output_tokens > 0);
  assert.equal(await storedText(response.id), words(20));
  const again = await client().responses.retrieve(response.id);
  assert.equal(JSON.stringify(again), JSON.stringify(response));
});

test('a stream is typed, numbered densely and whole', async () => {
  const text = words(20);
  const events = await collect(
    await client().responses.create({ model: MODEL, input: say(text, 1), stream: true }),
  );
  assertDense(events);
  assert.deepEqual(
    [...new Set(events.map(event => event.type))],
    [
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.completed',
    ],
  );
  const deltas = events.filter(event => event.type === 'response.output_text.delta');
  assert.equal(deltas.map(event => event.delta).join(''), text);
  assertShape(events[0].response, 'in_progress');
  assertShape(events.at(-1).response, 'completed');
});

test('the helper of the client accumulates a stream with reasoning', async () => {
  const stream = client().responses.stream({ model: 'anthropic/fake', input: say(words(10), 1, '/think') });
  const final = await stream.finalResponse();
  assertShape(final, 'completed');
  assert.deepEqual(final.output.map(item => item.type), ['reasoning', 'message']);
  assert.equal(final.output_text, words(10));
  assert.ok(final.output[0].content[0].text.length > 0);
});

test('in the background it is polled to its end', async () => {
  let response = await client().responses.create({ model: MODEL, input: say(words(30), 5), background: true });
  assert.ok(['queued', 'in_progress'].includes(response.status));
  assertShape(response, response.status);
  const id = response.id;
  await until('some text', async () => {
    response = await client().responses.retrieve(id);
    return response.status === 'in_progress' && response.output.length > 0;
  });
  assertShape(response, 'in_progress');
  await until('the end', async () => {
    response = await client().responses.retrieve(id);
    return response.status !== 'queued' && response.status !== 'in_progress';
  });
  assertShape(response, 'completed');
  assert.equal(response.output_text, words(30));
});

test('a stream that is left is resumed behind any of its events', async () => {
  const text = words(8);
  const created = await client().responses.create({
    model: MODEL,
    input: say(text, 2),
    background: true,
    stream: true,
  });
  const live = [];
  for await (const event of created) {
    live.push(event);
    if (live.length === 6) break;
  }
  assert.equal(live[1].type, 'response.queued');
  const { id } = live[0].response;
  const rest = await collect(
    await client().responses.retrieve(id, { stream: true, starting_after: live.at(-1).sequence_number }),
  );
  const all = [...live, ...rest];
  assertDense(all);
  assert.deepEqual(await collect(await client().responses.retrieve(id, { stream: true })), all);
  for (let after = 0; after < all.length; after++) {
    const tail = await collect(await client().responses.retrieve(id, { stream: true, starting_after: after }));
    assert.deepEqual(tail, all.slice(after + 1));
  }
  const helper = client().responses.stream({ response_id: id, starting_after: 4 });
  assert.equal((await helper.finalResponse()).output_text, text);
});

test('a stream is live: its text comes while the reply is being written', async () => {
  const text = words(40);
  let state;
  const events = [];
  for await (const event of await client().responses.create({ model: MODEL, input: say(text, 10), stream: true })) {
    events.push(event);
    if (event.type === 'response.output_text.delta' && !state) {
      ({ state } = await api('GET', `/v1/turns/${turnOf(events[0].response.id)}`));
    }
  }
  assert.equal(state, 'running');
  assert.equal(await storedText(events[0].response.id), text);
});

test('a stream that is cut at every event is resumed there, and nothing comes twice', async () => {
  const text = words(10);
  const broken = client({
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response;
      return new Response(response.body.pipeThrough(cutAfter(1)), { status: response.status, headers: response.headers });
    },
  });
  const events = [];
  const take = async stream => {
    for await (const event of stream) events.push(event);
  };
  const body = { model: MODEL, input: say(text, 5), background: true, stream: true };
  await assert.rejects(async () => take(await broken.responses.create(body)), 'the break was seen');
  const { id } = events[0].response;
  let cuts = 1;
  while (events.at(-1).type !== 'response.completed') {
    const starting_after = events.at(-1).sequence_number;
    await take(await broken.responses.retrieve(id, { stream: true, starting_after })).catch(() => cuts++);
  }
  assertDense(events);
  assert.equal(cuts, events.length, 'each connection brought one event');
  assert.equal(events.at(-1).response.output[0].content[0].text, text);
  assert.equal(await storedText(id), text);
  assert.deepEqual(await collect(await client().responses.retrieve(id, { stream: true })), events);
});

test('a client that starts anew has the text so far and goes on', async () => {
  const text = words(60);
  const { id } = await client().responses.create({ model: MODEL, input: say(text, 10), background: true });
  const now = await until('some text', async () => {
    const response = await client().responses.retrieve(id);
    return response.output_text ? response : undefined;
  });
  assertShape(now, 'in_progress');
  assert.ok(text.startsWith(now.output_text) && now.output_text !== text);
  const rest = await collect(await client().responses.retrieve(id, { stream: true }));
  assertDense(rest);
  assert.equal(rest.at(-1).response.output[0].content[0].text, text);
  assert.equal(await storedText(id), text);
});

test('a reply that was finished while nobody looked is there, whole', async () => {
  const text = words(30);
  const stream = await client().responses.create({ model: MODEL, input: say(text, 5), background: true, stream: true });
  let id;
  for await (const event of stream) {
    id = event.response.id;
    break;
  }
  await until('the end', async () => (await api('GET', `/v1/turns/${turnOf(id)}`)).state === 'completed');
  assert.equal((await client().responses.retrieve(id)).output_text, text);
  const events = await collect(await client().responses.retrieve(id, { stream: true, starting_after: 0 }));
  assertDense(events, 1);
  assert.equal(events.at(-1).response.output[0].content[0].text, text);
  assert.equal(await storedText(id), text);
});

test('a request that the client repeats by itself after a lost answer is one response', async () => {
  const keys = [];
  let lost = 1;
  const repeating = client({
    maxRetries: 2,
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      keys.push(new Headers(init.headers).get('idempotency-key'));
      if (lost-- <= 0) return response;
      await response.arrayBuffer();
      throw new TypeError('network error');
    },
  });
  const input = say('repeated', 1);
  const options = { headers: { 'Idempotency-Key': `again-${process.pid}` } };
  const response = await repeating.responses.create({ model: MODEL, input }, options);
  assert.equal(response.output_text, 'repeated');
  assert.equal(keys.length, 2);
  const { session } = await api('GET', `/v1/turns/${turnOf(response.id)}`);
  assert.deepEqual((await storedReplies(session)).map(reply => reply.text), ['repeated']);
});

test('an attempt that failed is a closed item, and only the good one counts', async () => {
  const text = words(60);
  const stream = client().responses.stream({ model: MODEL, input: say(text, 1, '/error 529 at 40') });
  const events = await collect(stream);
  assertDense(events);
  const added = events.filter(event => event.type === 'response.output_item.added');
  const done = events.filter(event => event.type === 'response.output_item.done');
  assert.equal(added.length, 2);
  assert.deepEqual(done.map(event => event.item.status), ['incomplete', 'completed']);
  assert.deepEqual(done[0].item.content, []);
  assert.notEqual(added[0].item.id, added[1].item.id);
  assert.deepEqual(added.map(event => event.output_index), [0, 1]);
  const final = await stream.finalResponse();
  assertShape(final, 'completed');
  assert.equal(final.output.length, 1);
  assert.equal(final.output_text, text);
  assert.equal(await storedText(final.id), text);
});

test('a cancelled response ends its stream and says so when asked', async () => {
  const stream = await client().responses.create({
    model: MODEL,
    input: say(words(2000), 20),
    background: true,
    stream: true,
  });
  const events = [];
  let cancelled;
  for await (const event of stream) {
    events.push(event);
    if (event.type === 'response.output_text.delta' && !cancelled) {
      cancelled = await client().responses.cancel(events[0].response.id);
    }
  }
  assertShape(cancelled, 'cancelled');
  assertDense(events);
  assert.equal(events.at(-1).type, 'response.output_item.done');
  assert.equal(events.at(-1).item.status, 'incomplete');
  const again = await client().responses.cancel(cancelled.id);
  assertShape(again, 'cancelled');
  const kept = await client().responses.retrieve(cancelled.id);
  assert.equal(kept.output_text, await storedText(cancelled.id));
});

test('a failure is a failed response', async () => {
  const response = await client().responses.create({ model: MODEL, input: say(words(9), 1, '/error 401') });
  assertShape(response, 'failed');
  assert.ok(response.error.message.length > 10);
  const events = await collect(await client().responses.retrieve(response.id, { stream: true }));
  assert.equal(events.at(-1).type, 'response.failed');
  assertShape(events.at(-1).response, 'failed');
});

test('a reply that was cut short for its length is incomplete', async () => {
  const events = await collect(
    await client().responses.create({ model: MODEL, input: say(words(9), 1, '/length'), stream: true }),
  );
  assert.equal(events.at(-1).type, 'response.incomplete');
  assertShape(events.at(-1).response, 'incomplete');
  assert.equal(events.at(-1).response.incomplete_details.reason, 'max_output_tokens');
});

test('a response follows another one, and its items are listed', async () => {
  const first = await client().responses.create({ model: MODEL, input: say('one', 1) });
  const second = await client().responses.create({
    model: MODEL,
    previous_response_id: first.id,
    input: say('two', 1),
  });
  const beside = await client().responses.create({
    model: MODEL,
    previous_response_id: first.id,
    input: [
      { role: 'user', content: 'extra' },
      { role: 'assistant', content: [{ type: 'output_text', text: 'said', annotations: [] }] },
      { role: 'user', content: [{ type: 'input_text', text: say('three', 1) }] },
    ],
  });
  assert.equal(second.previous_response_id, first.id);
  assert.equal(beside.output_text, 'three');
  const items = [];
  for await (const item of client().responses.inputItems.list(beside.id, { order: 'asc', limit: 2 })) items.push(item);
  assert.deepEqual(items.map(item => item.role), ['user', 'assistant', 'user']);
  assert.equal(items[0].content[0].text, 'extra');
  for (const query of [{ order: 'up' }, { after: 'msg_x' }]) {
    await assert.rejects(client().responses.inputItems.list(beside.id, query), OpenAI.BadRequestError);
  }
  const sessions = await Promise.all(
    [first, second, beside].map(async response => (await api('GET', `/v1/turns/${turnOf(response.id)}`)).session),
  );
  assert.equal(new Set(sessions).size, 1);
});

test('a request with a key is one response however often it is sent', async () => {
  const options = { headers: { 'Idempotency-Key': `key-${process.pid}` } };
  const body = { model: MODEL, input: say('once', 1) };
  const responses = await Promise.all([1, 2, 3].map(() => client().responses.create(body, options)));
  assert.equal(new Set(responses.map(response => response.id)).size, 1);
  await assert.rejects(client().responses.create({ ...body, input: 'other' }, options), error => {
    assert.equal(error.status, 409);
    assert.equal(error.headers.get('x-should-retry'), 'false');
    return true;
  });
});

const callTool = (name, input) => `/tool ${name} ${JSON.stringify(input)}`;
const weather = {
  type: 'function',
  name: 'weather',
  description: 'The weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } } },
  strict: false,
};
const result = (call, output) => [{ type: 'function_call_output', call_id: call.call_id, output }];

test('a function of the client ends the response, and its result begins the next one', async () => {
  const first = await client().responses.create({
    model: MODEL,
    input: callTool('weather', { city: 'Bonn' }),
    tools: [weather],
  });
  assertShape(first, 'completed');
  const call = first.output.find(item => item.type === 'function_call');
  assert.equal(call.name, 'weather');
  assert.deepEqual(JSON.parse(call.arguments), { city: 'Bonn' });
  assert.equal(first.tools[0].name, 'weather');
  const next = {
    model: MODEL,
    previous_response_id: first.id,
    tools: [weather],
    input: result(call, 'sunny'),
  };
  const both = client().responses.create({ ...next, input: [...next.input, { role: 'user', content: 'and this' }] });
  await assert.rejects(both, error => error.status === 400 && /cannot come along/.test(error.message));
  const events = await collect(await client().responses.create({ ...next, stream: true }));
  assertDense(events);
  const second = events.at(-1).response;
  assertShape(second, 'completed');
  assert.equal(second.previous_response_id, first.id);
  assert.notEqual(second.id, first.id);
  const again = await client().responses.create(next);
  assert.deepEqual({ ...again, output_text: undefined }, { ...second, output_text: undefined });
  assert.deepEqual(again.output.map(item => item.type), ['message']);
  assert.ok(again.output_text.includes('sunny'), again.output_text);
  assert.deepEqual(await client().responses.retrieve(first.id), first);
  assert.deepEqual(await client().responses.retrieve(second.id), again);
  for (let after = 0; after < events.length; after++) {
    const tail = await collect(await client().responses.retrieve(second.id, { stream: true, starting_after: after }));
    assert.deepEqual(tail, events.slice(after + 1));
  }
  const third = await client().responses.create({
    model: MODEL,
    previous_response_id: second.id,
    input: say('further', 1),
  });
  assert.equal(third.output_text, 'further');
});

test('a function call is streamed as the client knows it', async () => {
  const stream = client().responses.stream({
    model: MODEL,
    input: callTool('weather', { city: 'Bonn' }),
    tools: [weather],
  });
  const events = await collect(stream);
  assertDense(events);
  const final = await stream.finalResponse();
  const call = final.output.find(item => item.type === 'function_call');
  assert.deepEqual(JSON.parse(call.arguments), { city: 'Bonn' });
  assert.ok(events.some(event => event.type === 'response.function_call_arguments.done'));
  const early = { model: MODEL, previous_response_id: final.id, input: 'x' };
  await assert.rejects(client().responses.create(early), error => error.status === 400);
  await client().responses.create({ model: MODEL, input: [{ role: 'user', content: 'x' }, call, ...result(call, 'fog')] });
});

test('a tool of the server is an item, and an approval is one to be answered', async () => {
  const plain = await client().responses.create({ model: MODEL, input: callTool('time', { zone: 'UTC' }) });
  const made = plain.output.find(item => item.type === 'mcp_call');
  assert.deepEqual([made.name, made.status, made.error], ['time', 'completed', null]);
  assert.equal(JSON.parse(made.output).zone, 'UTC');
  const tools = [{ type: 'mcp', server_label: 'perdure', allowed_tools: ['time'], require_approval: 'always' }];
  const asking = await client().responses.create({ model: MODEL, input: callTool('time', {}), tools, background: true });
  let first;
  await until('the question', async () => {
    first = await client().responses.retrieve(asking.id);
    return first.status === 'completed';
  });
  assertShape(first, 'completed');
  const request = first.output.find(item => item.type === 'mcp_approval_request');
  assert.equal(request.name, 'time');
  const answer = approve => ({
    model: MODEL,
    previous_response_id: first.id,
    input: [{ type: 'mcp_approval_response', approval_request_id: request.id, approve }],
  });
  const second = await client().responses.create(answer(true));
  assertShape(second, 'completed');
  assert.equal(second.output[0].type, 'mcp_call');
  assert.equal(second.output[0].approval_request_id, request.id);
  assert.ok(second.output_text.length > 0);
  assert.deepEqual(await client().responses.create(answer(false)), second, 'the first answer counts');
});

test('a question of the model is a function call whose output is the answer', async () => {
  const tools = [{ type: 'mcp', server_label: 'perdure', allowed_tools: ['ask_user'], require_approval: 'never' }];
  const form = { type: 'object', properties: { size: { type: 'integer' } }, required: ['size'] };
  for (const [arguments_, answer] of [
    [{ question: 'Which?', choices: ['Red', 'Blue'] }, 'Blue'],
    [{ question: 'What size?', form }, '{"size":7}'],
  ]) {
    const first = await client().responses.create({ model: MODEL, input: callTool('ask_user', arguments_), tools });
    assertShape(first, 'completed');
    const call = first.output.find(item => item.type === 'function_call');
    assert.equal(call.name, 'ask_user');
    assert.deepEqual(JSON.parse(call.arguments), arguments_);
    const next = { model: MODEL, previous_response_id: first.id };
    await assert.rejects(
      client().responses.create({ ...next, input: result(call, 'Green') }),
      error => error.status === 400,
    );
    const second = await client().responses.create({ ...next, input: result(call, answer) });
    assertShape(second, 'completed');
    assert.ok(second.output_text.includes(answer), second.output_text);
  }
});

test('a chat completion calls functions of the client', async () => {
  const tools = [{ type: 'function', function: { name: 'weather', parameters: weather.parameters } }];
  const messages = [{ role: 'user', content: callTool('weather', { city: 'Bonn' }) }];
  const first = await client().chat.completions.create({ model: MODEL, messages, tools });
  assert.equal(first.choices[0].finish_reason, 'tool_calls');
  const [call] = first.choices[0].message.tool_calls;
  assert.deepEqual(JSON.parse(call.function.arguments), { city: 'Bonn' });
  const further = [...messages, first.choices[0].message, { role: 'tool', tool_call_id: call.id, content: 'rain' }];
  const second = await client().chat.completions.create({ model: MODEL, messages: further, tools });
  assert.equal(second.choices[0].finish_reason, 'stop');
  assert.ok(second.choices[0].message.content.includes('rain'));
  const streamed = await client()
    .chat.completions.stream({ model: MODEL, messages: further, tools })
    .finalChatCompletion();
  assert.deepEqual(streamed.choices[0].message.content, second.choices[0].message.content);
  const asked = await client()
    .chat.completions.stream({ model: MODEL, messages, tools })
    .finalChatCompletion();
  assert.equal(asked.choices[0].finish_reason, 'tool_calls');
  assert.equal(asked.choices[0].message.tool_calls[0].function.name, 'weather');
  await client().chat.completions.create({
    model: MODEL,
    messages: [...further, second.choices[0].message, { role: 'user', content: say('further', 1) }],
  });
});

test('a chat completion that needs an approval is an error and not a wait without end', async () => {
  const body = {
    model: MODEL,
    messages: [{ role: 'user', content: callTool('time', {}) }],
    tools: [{ type: 'mcp', server_label: 'perdure', require_approval: 'always' }],
  };
  await assert.rejects(client().chat.completions.create(body), error => {
    assert.deepEqual([error.status, error.code], [409, 'approval_required']);
    return true;
  });
  await assert.rejects(async () => collect(await client().chat.completions.create({ ...body, stream: true })));
});

test('a reply that waits for a time answers at once instead of hanging', async () => {
  const input = callTool('wait', { for: 'PT3H' });
  const tools = [{ type: 'mcp', server_label: 'perdure', allowed_tools: ['wait'] }];
  const response = await client().responses.create({ model: MODEL, input, tools });
  assertShape(response, 'in_progress');
  assertShape(await client().responses.retrieve(response.id), 'in_progress');
  assertShape(await client().responses.cancel(response.id), 'cancelled');
  const messages = [{ role: 'user', content: input }];
  await assert.rejects(client({ maxRetries: 2 }).chat.completions.create({ model: MODEL, messages, tools }), error => {
    assert.deepEqual([error.status, error.code, error.headers.get('x-should-retry')], [409, 'waiting', 'false']);
    assert.match(error.headers.get('location'), /responses\/resp_/);
    return true;
  });
});

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const image = `data:image/png;base64,${PNG}`;
const note = `data:text/plain;base64,${Buffer.from('The code is 4711.').toString('base64')}`;

test('images and files come along, as data or as files that were sent before', async () => {
  const response = await client().responses.create({
    model: MODEL,
    input: [
      { role: 'user', content: [{ type: 'input_image', image_url: image }] },
      { role: 'assistant', content: 'A dot.' },
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'Look:' },
          { type: 'input_file', filename: 'note.txt', file_data: note },
          { type: 'input_text', text: say('seen', 1) },
        ],
      },
    ],
  });
  assert.equal(response.output_text, 'seen');
  const { data } = await client().responses.inputItems.list(response.id, { order: 'asc' });
  assert.deepEqual(
    data.map(item => item.content.map(part => part.type)),
    [['input_image'], ['output_text'], ['input_text', 'input_file', 'input_text']],
  );
  const { file_id } = data[0].content[0];
  const bytes = await (await fetch(`${base}/v1/files/${file_id}`)).arrayBuffer();
  assert.equal(Buffer.from(bytes).toString('base64'), PNG);
  const again = await client().responses.create({
    model: MODEL,
    input: [{ role: 'user', content: [{ type: 'input_image', file_id }, { type: 'input_text', text: say('yes', 1) }] }],
  });
  const items = await client().responses.inputItems.list(again.id);
  assert.equal(items.data[0].content[0].file_id, file_id);
  const { choices } = await client().chat.completions.create({
    model: MODEL,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: image } },
          { type: 'file', file: { filename: 'note.txt', file_data: note } },
          { type: 'text', text: say('both', 1) },
        ],
      },
    ],
  });
  assert.equal(choices[0].message.content, 'both');
});

test('a large file comes within a request', async () => {
  const text = 'A line of a long text.\n'.repeat(200_000);
  const file_data = `data:text/plain;base64,${Buffer.from(text).toString('base64')}`;
  const content = [{ type: 'input_file', filename: 'long.txt', file_data }, { type: 'input_text', text: say('read', 1) }];
  const response = await client().responses.create({ model: MODEL, input: [{ role: 'user', content }] });
  assert.equal(response.output_text, 'read');
});

const place = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};

test('a reply has the form that was asked for, or fails', async () => {
  const format = { type: 'json_schema', name: 'place', schema: { $schema: 'http://json-schema.org/draft-07/schema#', ...place } };
  const response = await client().responses.create({
    model: MODEL,
    input: say('{"city":"Graz"}', 1),
    text: { format },
  });
  assertShape(response, 'completed');
  assert.deepEqual(JSON.parse(response.output_text), { city: 'Graz' });
  assert.deepEqual([response.text.format.type, response.text.format.schema], ['json_schema', place]);
  const wrong = await client().responses.create({ model: MODEL, input: say('Graz', 1), text: { format } });
  assertShape(wrong, 'failed');
  const completion = await client().chat.completions.parse({
    model: MODEL,
    messages: [{ role: 'user', content: say('{"city":"Linz"}', 1) }],
    response_format: { type: 'json_schema', json_schema: { name: 'place', strict: true, schema: place } },
  });
  assert.deepEqual(JSON.parse(completion.choices[0].message.content), { city: 'Linz' });
  const any = await client().responses.create({
    model: MODEL,
    input: say('{"any":[1]}', 1),
    text: { format: { type: 'json_object' } },
  });
  assert.deepEqual(any.text, { format: { type: 'json_object' } });
});

test('a request says which of its tools may be used', async () => {
  const allowed = tools => ({ type: 'allowed_tools', mode: 'auto', tools });
  const ask = tool_choice =>
    client().responses.create({ model: MODEL, input: callTool('weather', {}), tools: [weather], tool_choice });
  const called = response => response.output.some(item => item.type === 'function_call');
  assert.ok(called(await ask(allowed([{ type: 'function', name: 'weather' }]))));
  assert.ok(!called(await ask(allowed([{ type: 'mcp', server_label: 'perdure', name: 'time' }]))));
  assert.ok(!called(await ask('none')));
});

test('a response is deleted, alone or in the middle of others', async () => {
  const alone = await client().responses.create({ model: MODEL, input: say('alone', 1) });
  const { session } = await api('GET', `/v1/turns/${turnOf(alone.id)}`);
  await client().responses.delete(alone.id);
  const gone = error => error.status === 404;
  await assert.rejects(client().responses.retrieve(alone.id), gone);
  await assert.rejects(client().responses.delete(alone.id), gone);
  await assert.rejects(api('GET', `/v1/sessions/${session}`));
  const watched = await client().responses.create({ model: MODEL, input: say('watched', 1) });
  const of = (await api('GET', `/v1/turns/${turnOf(watched.id)}`)).session;
  const later = await api('POST', `/v1/sessions/${of}/turns`, { text: 'later', delay: 'PT9H' });
  await client().responses.delete(watched.id);
  await assert.rejects(client().responses.retrieve(watched.id), gone);
  assert.equal((await api('GET', `/v1/turns/${later.turn}`)).state, 'scheduled', 'what comes later is kept');
  const talk = await client().conversations.create({ items: [{ role: 'user', content: 'before' }] });
  const within = await client().responses.create({ model: MODEL, conversation: talk.id, input: say('in', 1) });
  await client().responses.delete(within.id);
  await assert.rejects(client().responses.retrieve(within.id), gone);
  assert.equal((await client().conversations.retrieve(talk.id)).id, talk.id, 'the conversation is kept');
  const first = await client().responses.create({ model: MODEL, input: say('one', 1) });
  const second = await client().responses.create({ model: MODEL, previous_response_id: first.id, input: say('two', 1) });
  await client().responses.delete(first.id);
  await assert.rejects(client().responses.retrieve(first.id), gone);
  assert.equal((await client().responses.retrieve(second.id)).output_text, 'two');
});

test('a conversation has items, and its responses follow one another', async () => {
  const { conversations, responses } = client();
  const made = await conversations.create({
    metadata: { topic: 'tests' },
    items: [
      { type: 'message', role: 'user', content: 'Hello' },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hi' }] },
    ],
  });
  assert.match(made.id, /^conv_/);
  assert.deepEqual((await conversations.retrieve(made.id)).metadata, { topic: 'tests' });
  await conversations.update(made.id, { metadata: { topic: 'more' } });
  assert.deepEqual((await conversations.retrieve(made.id)).metadata, { topic: 'more' });
  for (const text of ['one', 'two']) {
    const response = await responses.create({ model: MODEL, conversation: made.id, input: say(text, 1) });
    assertShape(response, 'completed');
    assert.deepEqual(response.conversation, { id: made.id });
  }
  const added = await conversations.items.create(made.id, { items: [{ role: 'user', content: 'By the way' }] });
  assert.equal(added.data.length, 1);
  const items = [];
  for await (const item of conversations.items.list(made.id, { order: 'asc', limit: 3 })) items.push(item);
  assert.deepEqual(
    items.map(item => item.content[0].text.split('\n').at(-1)),
    ['Hello', 'Hi', '/echo one', 'one', '/echo two', 'two', 'By the way'],
  );
  const [, , , one] = items;
  assert.deepEqual(await conversations.items.retrieve(one.id, { conversation_id: made.id }), one);
  const gone = error => error.status === 404;
  await conversations.delete(made.id);
  await assert.rejects(conversations.retrieve(made.id), gone);
  await assert.rejects(responses.create({ model: MODEL, conversation: made.id, input: 'x' }), gone);
});

test('refusals are what the client expects', async () => {
  const refused = async (promise, status, code, param) => {
    await assert.rejects(promise, error => {
      assert.equal(error.status, status, error.message);
      assert.equal(error.code, code);
      if (param !== undefined) assert.equal(error.param, param);
      assert.match(error.requestID, /^req_/);
      assert.doesNotMatch(error.message, /exception|dev\.perdure/i);
      return true;
    });
  };
  const create = body => client().responses.create({ model: MODEL, input: 'x', ...body });
  await refused(create({ model: 'no/such' }), 400, 'model_not_found', 'model');
  await refused(create({ input: 5 }), 400, 'invalid_value', 'input');
  await refused(create({ input: [] }), 400, 'invalid_value', 'input');
  await refused(create({ input: ' ' }), 400, 'invalid_value', 'input');
  await refused(create({ input: [{ role: 'assistant', content: 'x' }] }), 400, 'invalid_value', 'input');
  await refused(create({ input: [{ type: 'function_call_output', call_id: 'c', output: 'x' }] }), 400, 'invalid_value');
  await refused(create({ input: [{ type: 'input_image' }] }), 400, 'unsupported_parameter');
  await refused(create({ tools: [{ type: 'mcp', server_label: 'other' }] }), 400, 'unsupported_parameter', 'tools');
  await refused(create({ tools: [{ type: 'function', name: 'no name' }] }), 400, 'invalid_value', 'tools');
  await refused(create({ tool_choice: 'required' }), 400, 'unsupported_parameter', 'tool_choice');
  await refused(create({ tools: [{ type: 'web_search' }] }), 400, 'unsupported_parameter', 'tools');
  await refused(create({ store: false }), 400, 'unsupported_parameter', 'store');
  await refused(create({ stop: ['x'] }), 400, 'unsupported_parameter', 'stop');
  await refused(create({ top_p: 0 }), 400, 'invalid_value', 'top_p');
  await refused(create({ conversation: {} }), 400, 'invalid_value', 'conversation');
  await refused(create({ text: { format: 'json' } }), 400, 'invalid_value', 'text.format');
  await refused(create({ text: { format: { type: 'json_schema', name: 'a' } } }), 400, 'invalid_value', 'text.format');
  await refused(create({ input: [{ type: 'reasoning' }, { role: 'x' }] }), 400, 'invalid_value', 'input[1]');
  await refused(client().models.retrieve('no/such'), 404, 'model_not_found', 'model');
  const chat = body => client().chat.completions.create({ model: MODEL, messages: [{ role: 'user', content: 'x' }], ...body });
  await refused(chat({ n: 'x' }), 400, 'unsupported_parameter', 'n');
  await refused(chat({ web_search_options: {} }), 400, 'unsupported_parameter', 'web_search_options');
  await refused(chat({ max_completion_tokens: null, max_tokens: 0 }), 400, 'invalid_value', 'max_tokens');
  await refused(create({ text: { format: { type: 'grammar' } } }), 400, 'unsupported_parameter', 'text.format');
  const recursive = { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, $defs: { a: { $ref: '#/$defs/a' } } };
  const format = { type: 'json_schema', name: 'a', schema: recursive };
  await refused(create({ text: { format } }), 400, 'invalid_value', 'text.format');
  const look = part => create({ input: [{ role: 'user', content: [part] }] });
  await refused(look({ type: 'input_image', image_url: 'http://127.0.0.1/x.png' }), 400, 'unsupported_parameter');
  await refused(look({ type: 'input_image', image_url: 'data:image/png;base64,x!' }), 400, 'invalid_request');
  await refused(look({ type: 'input_file', file_id: `file_${'0'.repeat(26)}` }), 404, 'not_found');
  await refused(look({ type: 'input_audio' }), 400, 'unsupported_parameter');
  await refused(create({ temperature: 9 }), 400, 'invalid_value', 'temperature');
  await refused(create({ metadata: { a: 1 } }), 400, 'invalid_value', 'metadata');
  await refused(create({ input: 'x'.repeat(300_000) }), 400, 'string_above_max_length');
  const unknown = 'resp_00000000000000000000000000';
  await refused(create({ previous_response_id: unknown }), 400, 'previous_response_not_found', 'previous_response_id');
  await refused(client().responses.retrieve(unknown), 404, 'not_found');
  await refused(client().responses.retrieve('resp_x'), 404, 'not_found');
  await refused(client().responses.cancel(unknown), 404, 'not_found');
  await refused(client().responses.delete(unknown), 404, 'not_found');
  const evil = client({ defaultHeaders: { Origin: 'http://elsewhere.example' } });
  await assert.rejects(evil.responses.create({ model: MODEL, input: 'x' }), OpenAI.PermissionDeniedError);
  await refused(client().embeddings.create({ model: MODEL, input: 'x' }), 404, 'not_found');
});

test('a chat completion is a durable turn', async () => {
  const messages = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Hello' },
    { role: 'assistant', content: 'Hi' },
    { role: 'user', content: say(words(12), 1) },
  ];
  const { data, response } = await client().chat.completions.create({ model: MODEL, messages }).withResponse();
  assert.equal(data.choices[0].message.content, words(12));
  assert.equal(data.choices[0].finish_reason, 'stop');
  assert.ok(data.usage.total_tokens > 0);
  const id = response.headers.get('location').split('/').at(-1);
  assert.equal((await client().responses.retrieve(id)).output_text, words(12));
});

test('a chat completion streams', async () => {
  const stream = client().chat.completions.stream({
    model: MODEL,
    messages: [{ role: 'user', content: say(words(12), 1) }],
    stream_options: { include_usage: true },
  });
  const final = await stream.finalChatCompletion();
  assert.equal(final.choices[0].message.content, words(12));
  assert.ok(final.usage.completion_tokens > 0);
  assert.equal(final.usage.prompt_tokens_details.cached_tokens, 0);
});

test('a chat completion that fails is an error, at once or in the stream', async () => {
  const body = { model: MODEL, messages: [{ role: 'user', content: say(words(9), 1, '/error 401 always') }] };
  await assert.rejects(client().chat.completions.create(body), error => error.status === 502);
  await assert.rejects(async () => collect(await client().chat.completions.create({ ...body, stream: true })));
});

test('a chat completion cannot take back what it has said, so it breaks', async () => {
  const messages = [{ role: 'user', content: say(words(60), 1, '/error 529 at 40') }];
  const chunks = [];
  await assert.rejects(async () => {
    for await (const chunk of await client().chat.completions.create({ model: MODEL, messages, stream: true })) {
      chunks.push(chunk.choices[0].delta.content);
    }
  });
  assert.ok(words(60).startsWith(chunks.join('')) && chunks.length > 5, chunks.join(''));
});

test('the models are listed', async () => {
  const models = [];
  for await (const model of client().models.list()) models.push(model.id);
  const native = await api('GET', '/v1/models');
  assert.deepEqual(models, native.offered);
  assert.ok(models.includes(native.default));
  assert.equal((await client().models.retrieve(encodeURIComponent(MODEL))).object, 'model');
  const bare = await client().responses.create({ model: 'fake', input: say('bare', 1) });
  assert.equal(bare.model, MODEL);
});

/** Streams in the background until something happens to the server, then resumes by number. */
async function interrupted(what) {
  const text = words(60);
  const stream = await client().responses.create({
    model: MODEL,
    input: say(text, 25),
    background: true,
    stream: true,
  });
  const events = [];
  let done;
  await assert.rejects(async () => {
    for await (const event of stream) {
      events.push(event);
      if (event.type === 'response.output_text.delta' && !done) done = ask(what);
    }
  }, 'the break was seen');
  await done;
  const { id } = events[0].response;
  await until('the end', async () => {
    const last = events.at(-1);
    if (last.type === 'response.completed') return true;
    try {
      const rest = await client().responses.retrieve(id, { stream: true, starting_after: last.sequence_number });
      for await (const event of rest) events.push(event);
    } catch {
      // It breaks again, or is not there yet.
    }
    return false;
  });
  assertDense(events);
  assert.equal(events.at(-1).response.output.flatMap(item => item.content).map(part => part.text).join(''), text);
  assert.equal(await storedText(id), text);
  assert.deepEqual(await collect(await client().responses.retrieve(id, { stream: true })), events);
}

test('a server that is killed in mid-reply takes the response up again', () => interrupted('kill'));
test('a server that drains in mid-reply cuts the stream, never ends it', () => interrupted('drain'));

await main();

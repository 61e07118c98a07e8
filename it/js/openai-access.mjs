// The official OpenAI client against a server that asks for credentials and has few places.

import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { base, main, say, test, words } from './harness.mjs';

const MODEL = 'openai/fake';
const client = (apiKey, options = {}) =>
  new OpenAI({ apiKey, baseURL: `${base}/openai/v1`, maxRetries: 0, ...options });
const ann = options => client('annas-key-of-24-characters', options);
const bob = options => client('bobs-key-of-24-characters-', options);

/** Is refused as the client has a class for, and does not repeat what cannot succeed. */
async function refused(promise, kind, status, retry) {
  await assert.rejects(promise, error => {
    assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
    assert.equal(error.status, status);
    assert.match(error.requestID, /^req_/);
    assert.equal(error.headers.get('x-should-retry'), retry ? null : 'false');
    assert.equal(Number(error.headers.get('retry-after')) > 0, retry);
    return true;
  });
}

/** Counts the requests that a client really makes. */
function counting() {
  const counted = { requests: 0 };
  counted.fetch = (url, init) => {
    counted.requests++;
    return fetch(url, init);
  };
  return counted;
}

test('a credential that is wrong is an authentication error, once', async () => {
  const counted = counting();
  const options = { fetch: counted.fetch, maxRetries: 2 };
  await refused(client('wrong', options).models.list(), OpenAI.AuthenticationError, 401, false);
  await refused(
    client('wrong', options).responses.create({ model: MODEL, input: 'x', stream: true }),
    OpenAI.AuthenticationError,
    401,
    false,
  );
  assert.equal(counted.requests, 2);
});

test('what is somebody else\'s is not found', async () => {
  const { id } = await ann().responses.create({ model: MODEL, input: say('mine', 1) });
  const { NotFoundError, BadRequestError } = OpenAI;
  await refused(bob().responses.retrieve(id), NotFoundError, 404, false);
  await refused(bob().responses.cancel(id), NotFoundError, 404, false);
  await refused(bob().responses.retrieve(id, { stream: true }), NotFoundError, 404, false);
  const after = { model: MODEL, input: 'x', previous_response_id: id };
  await refused(bob().responses.create(after), BadRequestError, 400, false);
  assert.equal((await ann().responses.retrieve(id)).output_text, 'mine');
});

test('a key that was used for something else is a conflict', async () => {
  const options = { headers: { 'Idempotency-Key': 'one' } };
  await ann().responses.create({ model: MODEL, input: say('one', 1) }, options);
  const counted = counting();
  await refused(
    ann({ fetch: counted.fetch, maxRetries: 2 }).responses.create({ model: MODEL, input: 'two' }, options),
    OpenAI.ConflictError,
    409,
    false,
  );
  assert.equal(counted.requests, 1);
});

test('too many at once is a rate limit, and the client comes again when it is told to', async () => {
  const long = { model: MODEL, input: say(words(3000), 20), background: true };
  const running = await ann().responses.create(long);
  await refused(ann().responses.create(long), OpenAI.RateLimitError, 429, true);
  let requests = 0;
  const patient = ann({
    maxRetries: 3,
    fetch: async (url, init) => {
      if (requests++ === 1) await ann().responses.cancel(running.id);
      return fetch(url, init);
    },
  });
  const response = await patient.responses.create({ model: MODEL, input: say('at last', 1) });
  assert.equal(response.output_text, 'at last');
  assert.ok(requests > 1);
});

await main();
